//! Tables in Markdown, aligned for terminals; and medians.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

/// Prints a table under a title. The first column is text, the others are figures.
pub(crate) fn print(title: &str, columns: &[&str], rows: &[Vec<String>]) {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(columns).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("\n### {title}\n\n{table}");
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
