//! Tables in Markdown, aligned for terminals; and medians.

/// Prints a table under a title. The first column is text, the others are figures.
pub(crate) fn print(title: &str, columns: &[&str], rows: &[Vec<String>]) {
    println!("\n### {title}\n");
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(String::as_str);
        let widest = cells.chain(columns.get(index).copied()).map(|cell| cell.chars().count());
        widest.max().unwrap_or_default()
    };

    let widths: Vec<usize> = (0..columns.len()).map(width).collect();

    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from("|");
        for (index, (cell, width)) in cells.zip(&widths).enumerate() {
            let width = *width;
            line += &match index {
                0 => format!(" {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            };
        }
        println!("{line}");
    };

    line(&mut columns.iter().copied());

    let rules: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(index, width)| match index {
            0 => "-".repeat(*width),
            _ => "-".repeat(width.saturating_sub(1)) + ":",
        })
        .collect();
    line(&mut rules.iter().map(String::as_str));

    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// A figure with so many digits after the point.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}

/// The same, where there may be none.
pub(crate) fn maybe(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| figure(value, digits))
}

/// The cell of a figure that does not exist.
pub(crate) const NONE: &str = "–";

/// The middle value; the mean of the middle two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
    }
}

/// Half of the distance between the least and the greatest, in percent of the middle.
pub(crate) fn spread(values: &[f64]) -> f64 {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    50.0 * (greatest - least) / median(values.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-9
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert!(is(median([9.0, 1.0, 5.0]), 5.0));
        assert!(is(median([9.0, 1.0, 5.0, 6.0]), 5.5));
        assert!(median([]).is_nan());
    }

    #[test]
    fn the_spread_is_half_the_distance_of_the_extremes() {
        assert!(is(spread(&[90.0, 100.0, 110.0]), 10.0));
        assert!(is(spread(&[4.0]), 0.0));
    }
}
