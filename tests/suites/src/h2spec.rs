//! The report of h2spec (JUnit), and the list of cases that are expected to fail.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use roxmltree::Document;

/// One case of the suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its section and its words.
    pub name: String,
    /// True where it failed or could not be run.
    pub has_failed: bool,
}

/// Reads the cases of a report.
///
/// # Errors
/// The text is no report, or names no case.
pub fn cases(report: &str) -> Result<Vec<Case>> {
    let document = Document::parse(report).context("read the report")?;
    let nodes = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let cases: Vec<Case> = nodes
        .map(|node| {
            let part = |name| node.attribute(name).unwrap_or_default();
            let name = format!("{}: {}", part("package"), part("classname"));
            let failed = |tag| node.children().any(|child| child.has_tag_name(tag));
            Case { name, has_failed: failed("failure") || failed("error") }
        })
        .collect();
    ensure!(!cases.is_empty(), "the report names no case");
    Ok(cases)
}

/// Reads the list of expected failures.
#[must_use]
pub fn expected(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "<?xml version=\"1.0\"?><testsuites><testsuite name=\"3.5\">\
        <testcase package=\"http2/3.5\" classname=\"Sends &quot;a&quot;\" time=\"0.1\"></testcase>\
        <testcase package=\"http2/3.5\" classname=\"Sends b\"><failure>GOAWAY</failure></testcase>\
        <testcase package=\"hpack/2\" classname=\"Sends c\"><error>EOF</error></testcase>\
        </testsuite></testsuites>";

    #[test]
    fn a_case_failed_where_the_report_has_a_failure_or_an_error() {
        let found = cases(REPORT).unwrap();
        let found: Vec<_> =
            found.iter().map(|case| (case.name.as_str(), case.has_failed)).collect();
        assert_eq!(
            found,
            [
                ("http2/3.5: Sends \"a\"", false),
                ("http2/3.5: Sends b", true),
                ("hpack/2: Sends c", true)
            ]
        );
        assert!(cases("<testsuites/>").is_err());
        assert!(cases("nothing").is_err());
    }

    #[test]
    fn remarks_are_no_cases() {
        let list = expected("# why\nhttp2/3.5: Sends b\n\n  hpack/2: Sends c  \n");
        assert_eq!(
            list.into_iter().collect::<Vec<_>>(),
            ["hpack/2: Sends c", "http2/3.5: Sends b"]
        );
    }
}
