//! Proof that a policy is no pure function of what it asked: two runs that were given the same
//! answers and went on in different ways.

use crate::{Trace, Verdict};

/// Two runs that cannot both be of one pure function. Holds what was asked and answered, which
/// may be a caller's text: for the operator's eyes, never for a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discord {
    /// The run that was known.
    pub known: (Trace, Option<Verdict>),
    /// The run that contradicts it; no verdict where it ended without one.
    pub found: (Trace, Option<Verdict>),
    /// Index of the first question that differs, or the number of questions when the verdicts do.
    pub index: usize,
}

impl Discord {
    pub(crate) fn new(
        known: (&Trace, Option<&Verdict>),
        found: (&Trace, Option<&Verdict>),
        index: usize,
    ) -> Box<Self> {
        let own = |(trace, verdict): (&Trace, Option<&Verdict>)| (trace.clone(), verdict.cloned());
        Box::new(Self { known: own(known), found: own(found), index })
    }

    /// Compares two whole runs.
    ///
    /// # Errors
    /// They contradict each other.
    pub(crate) fn between(
        known: (&Trace, &Verdict),
        found: (&Trace, &Verdict),
    ) -> Result<(), Box<Self>> {
        let (ours, theirs) = (known.0.steps(), found.0.steps());
        let told =
            |index| Err(Self::new((known.0, Some(known.1)), (found.0, Some(found.1)), index));
        for (index, (one, other)) in ours.iter().zip(theirs).enumerate() {
            if one.0 != other.0 {
                return told(index);
            }
            if one.1 != other.1 {
                return Ok(());
            }
        }
        if ours.len() != theirs.len() || known.1 != found.1 {
            return told(ours.len().min(theirs.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Question, RequestRead};

    fn run(steps: &[(&str, bool)], verdict: Verdict) -> (Trace, Verdict) {
        let mut trace = Trace::new();
        for (method, answer) in steps {
            trace.push(
                Question::from(RequestRead::MethodIs((*method).into())),
                Answer::Bool(*answer),
            );
        }
        (trace, verdict)
    }

    #[test]
    fn runs_contradict_where_questions_part_before_answers_do() {
        let base = run(&[("GET", true), ("PUT", false)], Verdict::Proceed);
        let index = |other: (Trace, Verdict)| {
            let (known, found) = ((&base.0, &base.1), (&other.0, &other.1));
            Discord::between(known, found).map_err(|discord| discord.index)
        };
        assert_eq!(index(base.clone()), Ok(()));
        assert_eq!(
            index(run(&[("GET", false), ("X", true)], Verdict::Forward("a".into()))),
            Ok(())
        );
        assert_eq!(index(run(&[("GET", true), ("X", false)], Verdict::Proceed)), Err(1));
        assert_eq!(index(run(&[("GET", true)], Verdict::Proceed)), Err(1));
        let other = run(&[("GET", true), ("PUT", false)], Verdict::Forward("a".into()));
        assert_eq!(index(other), Err(2));
    }
}
