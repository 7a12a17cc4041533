//! The list of cases: each promise names the tests that show it, or says why none does.

use std::collections::{HashMap, HashSet};

use crate::findings::Finding;
use crate::tree::Text;

/// The list.
const LIST: &str = "tests/cases.md";
/// The heading over the promises that nothing shows.
const NOT_SHOWN: &str = "## Not shown yet";

/// A row of the list.
#[derive(Debug)]
struct Case<'a> {
    line: usize,
    number: &'a str,
    promise: &'a str,
    /// The tests; where there are none, the reason.
    shown_by: &'a str,
    is_shown: bool,
}

/// Returns what is wrong with the list: numbers that come twice, promises without a test or a reason,
/// and tests, suites and targets that do not exist.
#[must_use]
pub fn wrong(files: &[Text]) -> Vec<String> {
    let tests = tests(files);
    let mut numbers = HashSet::new();
    let mut wrong = Vec::new();

    for case in cases(files) {
        let mut report = |what: String| wrong.push(format!("{LIST}:{}: {what}", case.line));

        if !numbers.insert(case.number) || !is_number(case.number) {
            report(format!("`{}` is no number of its own in an area", case.number));
        }
        if case.promise.is_empty() || case.shown_by.is_empty() {
            report(format!("{} needs a promise, and tests or a reason", case.number));
        }

        let named: Vec<&str> = case.shown_by.split('`').skip(1).step_by(2).collect();
        if case.is_shown == named.is_empty() {
            report(format!("{} names {} tests", case.number, named.len()));
        }
        for name in named.into_iter().filter(|name| !exists(name, &tests, files)) {
            report(format!("{} names `{name}`, which does not exist", case.number));
        }
    }

    wrong
}

/// Returns the promises that nothing shows.
#[must_use]
pub fn not_shown(files: &[Text]) -> Vec<Finding> {
    let unseen = cases(files).into_iter().filter(|case| !case.is_shown);
    let finding = |case: Case<'_>| {
        Finding::new(LIST.to_owned(), case.line, format!("{} has no test", case.number))
    };
    unseen.map(finding).collect()
}

fn cases(files: &[Text]) -> Vec<Case<'_>> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else { return Vec::new() };
    let mut is_shown = true;
    let mut cases = Vec::new();
    for (index, line) in list.text.lines().enumerate() {
        is_shown &= line != NOT_SHOWN;
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            continue;
        };
        let mut cells = row.split(" | ").map(str::trim);
        let (Some(number), Some(promise)) = (cells.next(), cells.next()) else { continue };
        if number != "case" {
            let shown_by = cells.next().unwrap_or_default();
            cases.push(Case { line: index + 1, number, promise, shown_by, is_shown });
        }
    }
    cases
}

/// Tells whether this is an area and a number.
fn is_number(text: &str) -> bool {
    let Some((area, number)) = text.split_once(' ') else { return false };
    area.bytes().all(|byte| byte.is_ascii_lowercase()) && number.parse::<u32>().is_ok()
}

/// Returns the names of tests, with the number of functions that bear them.
fn tests(files: &[Text]) -> HashMap<&str, usize> {
    let mut tests = HashMap::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        // A macro may make tests of the functions in a folder of tests.
        let is_of_tests = file.path.contains("/tests/");
        let mut is_marked = false;
        for line in file.text.lines().map(str::trim) {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) {
                if is_marked || is_of_tests {
                    *tests.entry(name).or_insert(0) += 1;
                }
                is_marked = false;
            }
            is_marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        }
    }
    tests
}

/// Tells whether a test has this name, or a command of `cargo xtask` runs this suite or target.
fn exists(name: &str, tests: &HashMap<&str, usize>, files: &[Text]) -> bool {
    let Some(command) = name.strip_prefix("cargo xtask ") else { return tests.contains_key(name) };
    let has = |start: &str| files.iter().any(|file| file.path.starts_with(start));
    match command.split_once(' ') {
        Some(("fuzz", target)) => has(&format!("tests/fuzz/src/targets/{target}.rs")),
        Some(("conformance", suite)) => files
            .iter()
            .filter(|file| file.path == "tests/suites/README.md")
            .any(|readme| readme.text.contains(&format!("| `{suite}` |"))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(rows: &str) -> [Text; 4] {
        [
            Text::new(LIST, rows),
            Text::new("host/a/src/lib.rs", "#[test]\nfn it_holds() {}\nfn helper() {}\n"),
            Text::new("tests/fuzz/src/targets/head.rs", ""),
            Text::new("tests/suites/README.md", "| `h2spec` | HTTP/2 |"),
        ]
    }

    #[test]
    fn a_promise_with_its_tests_is_fine_and_one_without_is_counted() {
        let files = files(
            "| case | promise | shown by |\n|---|---|---|\n\
             | keys 1 | It holds | `it_holds`, `cargo xtask fuzz head` |\n\
             | keys 2 | It is told | `cargo xtask conformance h2spec` |\n\
             ## Not shown yet\n| keys 3 | It lasts | nobody waited |\n",
        );
        assert_eq!(wrong(&files), [""; 0]);
        assert_eq!(not_shown(&files).len(), 1);
    }

    #[test]
    fn what_does_not_exist_is_named() {
        for row in [
            "| keys 1 | It holds | `helper` |",
            "| keys 1 | It holds | `nothing_of_this_name` |",
            "| keys 1 | It holds | `cargo xtask fuzz nothing` |",
            "| keys 1 | It holds | `cargo xtask conformance nothing` |",
            "| keys 1 | It holds | tried by hand |",
            "| keys | It holds | `it_holds` |",
            "| keys 1 | It holds | `it_holds` |\n| keys 1 | It holds | `it_holds` |",
            "## Not shown yet\n| keys 1 | It holds | `it_holds` |",
        ] {
            assert_eq!(wrong(&files(row)).len(), 1, "{row}");
        }
    }
}
