//! The report of a replay: how many verdicts stay, which change, which cannot be known.

use std::collections::BTreeMap;

use serde::Serialize;

/// Requests that are named for each change.
const EXAMPLES: usize = 3;

/// A decision as far as replays compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stance {
    /// A few words: `proceed`, `403 insufficient-scope`.
    pub(super) label: String,
    /// All of it; none where it is hidden, or there is no verdict.
    pub(super) words: Option<String>,
    /// True where it keeps the request out.
    pub(super) is_denial: bool,
}

/// A report.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    exchanges: u64,
    /// Receipts that were lost before they could be recorded.
    lost: u64,
    same: u64,
    changed: BTreeMap<String, Change>,
    undecided: BTreeMap<String, Occurrences>,
    #[serde(skip)]
    expected: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Change {
    #[serde(flatten)]
    seen: Occurrences,
    deny_to_allow: bool,
    expected: bool,
}

#[derive(Debug, Default, Serialize)]
struct Occurrences {
    count: u64,
    /// The ids of some of the requests.
    requests: Vec<String>,
}

impl Stance {
    /// One that lets the request go on.
    pub(super) fn open(label: &str) -> Self {
        Self { label: label.to_owned(), words: None, is_denial: false }
    }

    /// The same, whose words cannot be compared.
    pub(super) fn with_hidden_words(self) -> Self {
        Self { words: None, ..self }
    }
}

impl Report {
    pub(super) fn new(expected: &[String]) -> Self {
        let expected = expected.iter().map(|change| change.trim().to_owned()).collect();
        Self { expected, ..Self::default() }
    }

    pub(super) fn exchange(&mut self) {
        self.exchanges += 1;
    }

    pub(super) fn lost(&mut self, lost: u64) {
        self.lost += lost;
    }

    /// A verdict beside the recorded one.
    pub(super) fn verdict(
        &mut self,
        policy: &str,
        before: &Stance,
        after: &Stance,
        request_id: &str,
    ) {
        let reworded = matches!((&before.words, &after.words), (Some(a), Some(b)) if a != b);
        if before.label == after.label && !reworded {
            self.same += 1;
            return;
        }
        let words = if before.label == after.label { " in other words" } else { "" };
        let key = format!("{policy}: {} -> {}{words}", before.label, after.label);
        let expected = self.expected.contains(&key);
        let change = self.changed.entry(key).or_default();
        change.expected = expected;
        change.deny_to_allow |= before.is_denial && !after.is_denial;
        change.seen.add(request_id);
    }

    /// A verdict that cannot be known.
    pub(super) fn undecided(&mut self, policy: &str, missing: &str, request_id: &str) {
        self.undecided.entry(format!("{policy}: {missing}")).or_default().add(request_id);
    }

    /// 0, 1 or 2, as `--help` says.
    pub fn exit_code(&self, strict: bool) -> u8 {
        let meant = self.changed.values().filter(|change| !change.expected);
        let (mut any, mut opens) = (strict && !self.undecided.is_empty(), false);
        for change in meant {
            any = true;
            opens |= change.deny_to_allow;
        }
        if opens { 2 } else { u8::from(any) }
    }

    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let changed: u64 = self.changed.values().map(|change| change.seen.count).sum();
        let undecided: u64 = self.undecided.values().map(|seen| seen.count).sum();
        let (exchanges, same) = (self.exchanges, self.same);
        let mut lines = vec![format!(
            "{exchanges} exchanges: {same} verdicts the same, {changed} changed, {undecided} undecided"
        )];

        if self.lost > 0 {
            lines.push(format!("{} more were lost before they could be recorded", self.lost));
        }
        if !self.changed.is_empty() {
            lines.push("\nChanged:".to_owned());
        }

        for (change, own) in &self.changed {
            let opens = if own.deny_to_allow { ", DENIED BEFORE AND ALLOWED NOW" } else { "" };
            let expected = if own.expected { ", expected" } else { "" };

            lines.push(format!("  {change}\n      {}{opens}{expected}", own.seen.told()));
        }

        if !self.undecided.is_empty() {
            lines.push("\nUndecided, because this was not recorded:".to_owned());
        }
        for (missing, seen) in &self.undecided {
            lines.push(format!("  {missing}\n      {}", seen.told()));
        }
        lines
    }
}

impl Occurrences {
    fn add(&mut self, request_id: &str) {
        self.count += 1;
        if self.requests.len() < EXAMPLES {
            self.requests.push(request_id.to_owned());
        }
    }

    fn told(&self) -> String {
        format!("{} times, as in {}", self.count, self.requests.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(label: &str) -> Stance {
        Stance { label: label.to_owned(), words: Some(label.to_owned()), is_denial: true }
    }

    #[test]
    fn exit_codes_tell_no_change_a_change_and_an_opening_apart() {
        let (open, shut) = (Stance::open("proceed"), denial("403 no"));
        let mut report = Report::new(&[]);
        report.verdict("auth", &shut, &shut, "r1");
        assert_eq!(report.exit_code(true), 0);
        report.undecided("auth", "whom the credential stands for", "r2");
        assert_eq!((report.exit_code(false), report.exit_code(true)), (0, 1));
        report.verdict("auth", &open, &shut, "r3");
        assert_eq!(report.exit_code(false), 1);
        report.verdict("auth", &shut, &open, "r4");
        assert_eq!(report.exit_code(false), 2);
    }

    #[test]
    fn a_change_that_is_meant_is_listed_and_counts_for_nothing() {
        let meant = "auth: 403 no -> proceed".to_owned();
        let mut report = Report::new(&[meant]);
        report.verdict("auth", &denial("403 no"), &Stance::open("proceed"), "r1");
        assert_eq!(report.exit_code(true), 0);
        let told = report.lines().join("\n");
        assert!(told.contains("auth: 403 no -> proceed") && told.contains("expected"), "{told}");
        report.verdict("cors", &denial("403 no"), &Stance::open("proceed"), "r1");
        assert_eq!(report.exit_code(false), 2, "another policy's opening is not meant by it");
    }

    #[test]
    fn a_refusal_in_other_words_is_a_change_unless_its_words_were_hidden() {
        let (one, mut other) = (denial("403 no"), denial("403 no"));
        other.words = Some("another detail".to_owned());
        let mut report = Report::new(&[]);
        report.verdict("auth", &one.clone().with_hidden_words(), &other, "r1");
        assert_eq!(report.exit_code(false), 0);
        report.verdict("auth", &one, &other, "r1");
        assert!(report.lines().join("\n").contains("403 no in other words"));
    }
}
