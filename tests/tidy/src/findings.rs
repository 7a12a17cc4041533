//! Findings of a rule that the tree did not follow from the start, and how many of them remain.

use std::collections::BTreeMap;

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name under which the finding is counted; it begins with the path of its file, where it
    /// has one.
    pub key: String,
    /// The line of the file, from 1; 0 where the finding has no single line.
    pub line: usize,
    /// The breach, in words.
    pub what: String,
}

impl Finding {
    /// Makes one.
    #[must_use]
    pub fn new(key: String, line: usize, what: String) -> Self {
        Self { key, line, what }
    }
}

/// The number of findings that a room still has. It can only shrink.
pub type Budget<'a> = (&'a str, usize);

/// Returns the rooms with more findings than their budget, with every finding, and those with fewer,
/// whose budget is to be lowered. A room without a budget has none. A room is named by the first two
/// folders of its files.
#[must_use]
pub fn unequal(findings: &[Finding], budgets: &[Budget<'_>]) -> Vec<String> {
    let mut rooms: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        rooms.entry(room(&finding.key)).or_default().push(finding);
    }

    let budget = |room: &str| {
        budgets.iter().find(|(name, _)| *name == room).map_or(0, |(_, budget)| *budget)
    };
    let over = rooms.iter().filter(|(room, findings)| findings.len() > budget(room));
    let over = over.map(|(room, findings)| {
        let list: Vec<String> = findings.iter().map(|finding| sentence(finding)).collect();
        format!("{room} may have {} of these:\n    {}", budget(room), list.join("\n    "))
    });

    let count = |room: &str| rooms.get(room).map_or(0, Vec::len);
    let under = budgets.iter().filter(|(room, budget)| count(room) < *budget);
    let under = under.map(|(room, budget)| {
        format!("{room} has {} of these now: lower its budget of {budget}", count(room))
    });
    over.chain(under).collect()
}

fn sentence(finding: &Finding) -> String {
    match finding.line {
        0 => format!("{} {}", finding.key, finding.what),
        line => format!("{} (line {line}) {}", finding.key, finding.what),
    }
}

fn room(key: &str) -> String {
    let folders: Vec<&str> = key.split('/').collect();
    match folders.as_slice() {
        [] | [_] => ROOT.to_owned(),
        [room, _] => (*room).to_owned(),
        [first, second, ..] => format!("{first}/{second}"),
    }
}

/// The room of files that lie in no folder.
pub const ROOT: &str = "the root";

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(key: &str) -> Finding {
        Finding::new(key.to_owned(), 7, "is long".to_owned())
    }

    #[test]
    fn a_room_beyond_its_budget_is_named_with_its_findings() {
        let findings = [finding("host/edge/src/a.rs::a"), finding("host/edge/src/b.rs::b")];
        assert!(unequal(&findings, &[("host/edge", 2)]).is_empty());
        let wrong = unequal(&findings, &[("host/edge", 1)]);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("host/edge/src/b.rs::b (line 7) is long"), "{wrong:?}");
        assert_eq!(unequal(&findings, &[]).len(), 1);
    }

    #[test]
    fn a_budget_can_only_shrink() {
        let findings = [finding("README.md"), finding("wit/README.md")];
        assert!(unequal(&findings, &[(ROOT, 1), ("wit", 1)]).is_empty());
        let wrong = unequal(&findings, &[(ROOT, 1), ("wit", 2), ("host/gone", 1)]);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].contains("lower its budget of 2"), "{wrong:?}");
    }
}
