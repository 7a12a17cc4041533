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

/// The number of findings that a room may still have. It can only shrink.
pub type Budget<'a> = (&'a str, usize);

/// Returns the rooms with more findings than their budget, with every finding; a room without a
/// budget has none. A room is named by the first folder of its files.
#[must_use]
pub fn beyond(findings: &[Finding], budgets: &[Budget<'_>]) -> Vec<String> {
    let mut rooms: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        rooms.entry(room(&finding.key)).or_default().push(finding);
    }

    let budget = |room: &str| {
        budgets.iter().find(|(name, _)| *name == room).map_or(0, |(_, budget)| *budget)
    };
    let over = rooms.into_iter().filter(|(room, findings)| findings.len() > budget(room));
    over.map(|(room, findings)| {
        let list: Vec<String> = findings.into_iter().map(sentence).collect();
        format!("{room} may have {} of these:\n    {}", budget(room), list.join("\n    "))
    })
    .collect()
}

fn sentence(finding: &Finding) -> String {
    match finding.line {
        0 => format!("{} {}", finding.key, finding.what),
        line => format!("{} (line {line}) {}", finding.key, finding.what),
    }
}

fn room(key: &str) -> &str {
    key.split_once('/').map_or(ROOT, |(room, _)| room)
}

/// The room of files that lie in no folder.
pub const ROOT: &str = "the root";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_beyond_its_budget_is_named_with_its_findings() {
        let finding = |key: &str| Finding::new(key.to_owned(), 7, "is long".to_owned());
        let findings = [finding("host/edge/src/a.rs::a"), finding("host/edge/src/b.rs::b")];
        assert!(beyond(&findings, &[("host", 2)]).is_empty());
        let wrong = beyond(&findings, &[("host", 1), ("services", 9)]);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("host/edge/src/b.rs::b (line 7) is long"), "{wrong:?}");
        assert_eq!(beyond(&findings, &[]).len(), 1);
    }
}
