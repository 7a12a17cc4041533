//! `notes`: short texts that one policy leaves for another, or for its own second run.

use std::collections::BTreeMap;

use tollgate_chain::{Answer, NotesCommand, NotesRead, Text};

/// The notes of one exchange. Lengths are bounded by the contract, the number here.
#[derive(Debug, Default)]
pub(crate) struct Notes(BTreeMap<Text, Text>);

impl Notes {
    const MAX: usize = 32;

    /// Answers a read.
    pub(crate) fn ask(&self, read: &NotesRead) -> Answer {
        match read {
            NotesRead::Is(name, value) => self.is(name, value),
            NotesRead::Get(name) => self.get(name),
        }
    }

    /// Applies a command of a run that reached its verdict.
    pub(crate) fn apply(&mut self, command: &NotesCommand) {
        match command {
            NotesCommand::Set(name, value) => self.set(name, value),
        }
    }

    /// Sets a note. One too many is dropped and logged: the run that left it is over.
    fn set(&mut self, name: &Text, value: &Text) {
        if self.0.len() < Self::MAX || self.0.contains_key(name) {
            self.0.insert(name.clone(), value.clone());
        } else {
            tracing::warn!(note = %name, max = Self::MAX, "a policy's note was dropped: too many");
        }
    }

    fn is(&self, name: &str, value: &str) -> Answer {
        Answer::Bool(self.0.get(name).is_some_and(|note| **note == *value))
    }

    fn get(&self, name: &str) -> Answer {
        Answer::Text(self.0.get(name).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thirty_third_note_is_dropped_but_a_known_one_still_changes() {
        let mut notes = Notes::default();
        for index in 0..33 {
            notes.set(&format!("n{index}").into(), &"a".into());
        }
        notes.set(&"n0".into(), &"b".into());
        assert_eq!(notes.get("n32"), Answer::Text(None));
        assert_eq!(notes.get("n31"), Answer::Text(Some("a".into())));
        assert_eq!(notes.is("n0", "b"), Answer::Bool(true));
        assert_eq!(notes.is("n0", "a"), Answer::Bool(false));
    }
}
