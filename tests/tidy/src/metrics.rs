//! The catalogue of metrics is closed: what the host sets is in it, and what is in it is set.

use crate::tree::Text;

/// Returns the metrics of the host that are set by a literal name, or named outside the catalogue,
/// and those of the catalogue that nobody sets.
#[must_use]
pub fn uncatalogued(files: &[Text]) -> Vec<String> {
    let sources: Vec<&Text> = files.iter().filter(|file| is_source_of_the_host(file)).collect();
    let mut wrong = Vec::new();
    for file in &sources {
        let text = without_tests(&file.text);
        for call in MACROS {
            // The name may stand on the next line.
            let arguments = text.split(call).skip(1).map(str::trim_start);
            let literals = arguments.filter(|arguments| arguments.starts_with('"'));
            wrong.extend(literals.map(|arguments| {
                let name = arguments.split('"').nth(1).unwrap_or_default();
                format!("{} sets `{name}`, which is not from the catalogue", file.path)
            }));
        }
        if text.contains(PREFIX) {
            wrong.push(format!("{} spells the name of a metric out: use {CATALOGUE}", file.path));
        }
    }

    let catalogue = files.iter().find(|file| file.path == CATALOGUE);
    let constants: Vec<&str> = catalogue.iter().flat_map(|file| constants(&file.text)).collect();
    if constants.is_empty() {
        wrong.push(format!("{CATALOGUE} names no metric"));
    }
    let unused = constants.iter().filter(|constant| {
        let path = format!("metric::{constant}");
        !sources.iter().any(|file| mentions(without_tests(&file.text), &path))
    });
    wrong.extend(unused.map(|constant| format!("nobody sets {constant} of {CATALOGUE}")));
    wrong
}

fn is_source_of_the_host(file: &Text) -> bool {
    let is_source = file.path.starts_with("host/") && file.path.contains("/src/");
    is_source && file.is_rust() && file.path != CATALOGUE && !file.path.ends_with("/tests.rs")
}

fn without_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]").map_or(text, |(source, _)| source)
}

/// Returns the names of the constants, each of which opens a line with the kind of its metric.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.contains(PREFIX)).filter_map(|line| {
        let (constant, _) = line.trim_start().split_once(": ")?;
        constant.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_').then_some(constant)
    })
}

fn mentions(text: &str, path: &str) -> bool {
    text.split(path).skip(1).any(|rest| {
        !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
    })
}

const CATALOGUE: &str = "host/chain/src/metric.rs";
const PREFIX: &str = "\"tollgate_";
const MACROS: &[&str] = &["counter!(", "gauge!(", "histogram!("];

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Text {
        let entries =
            "    A: Counter \"tollgate_a_total\" []\n    A_B: Gauge \"tollgate_a_b\" []\n";
        Text::new(CATALOGUE, entries)
    }

    #[test]
    fn a_metric_that_is_set_by_a_literal_is_noticed() {
        let used = Text::new("host/edge/src/a.rs", "gauge!(metric::A); counter!(metric::A_B, x)");
        assert!(uncatalogued(&[catalogue(), used.clone()]).is_empty());
        for source in ["counter!(\"own_total\")", "metrics::gauge!(\n    \"own\", x)"] {
            let literal = Text::new("host/edge/src/b.rs", source);
            assert_eq!(uncatalogued(&[catalogue(), used.clone(), literal]).len(), 1, "{source}");
        }
        let spelt = Text::new("host/edge/src/b.rs", "const A: &str = \"tollgate_a_total\";");
        assert_eq!(uncatalogued(&[catalogue(), used, spelt]).len(), 1);
    }

    #[test]
    fn a_metric_of_the_catalogue_that_nobody_sets_is_noticed() {
        let used = Text::new("host/edge/src/a.rs", "counter!(metric::A_B)");
        let tested = Text::new("host/edge/src/b.rs", "#[cfg(test)]\nmod tests { metric::A }");
        let wrong = uncatalogued(&[catalogue(), used, tested]);
        assert_eq!(wrong, [format!("nobody sets A of {CATALOGUE}")]);
        assert_eq!(uncatalogued(&[]).len(), 1, "a catalogue that is not found");
    }
}
