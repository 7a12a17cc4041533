//! Which answers may branch a tree.
//!
//! Answers of few values always may, and so may what the operator wrote (a Route's name and
//! attributes). Text that comes from a caller or stands for one branches only where the
//! policy's declaration lists the question, and then under a root for each tenant and
//! environment: no tenant learns from timing what another one sent. Moments and random bytes never
//! branch: none comes twice. Certificates of callers do not either, since each is a list of texts;
//! `request.client-certificate-in` has few answers, and branches.

use crate::question::Text;
use crate::{Answer, NotesRead, PrincipalRead, Question, Read, RequestRead, TextOrigin, Trace};

/// A question with an answer of raw text, listed as branching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Branch {
    /// `request.header(name)`
    Header(Text),
    /// `notes.get(name)`
    Note(Text),
    /// `principal.tenant`
    Tenant,
}

/// The text names no question with an answer of raw text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `request.header(…)`, `notes.get(…)` or `principal.tenant`, found `{0}`")]
pub struct NoBranch(pub String);

impl std::str::FromStr for Branch {
    type Err = NoBranch;

    fn from_str(text: &str) -> Result<Self, NoBranch> {
        let argument = |function: &str| {
            let rest = text.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')?;
            (!rest.is_empty()).then(|| Text::from(rest))
        };
        if text == "principal.tenant" {
            return Ok(Self::Tenant);
        }
        let header = argument("request.header").map(Self::Header);
        let branch = header.or_else(|| argument("notes.get").map(Self::Note));
        branch.ok_or_else(|| NoBranch(text.to_owned()))
    }
}

impl std::fmt::Display for Branch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "request.header({name})"),
            Self::Note(name) => write!(f, "notes.get({name})"),
            Self::Tenant => f.write_str("principal.tenant"),
        }
    }
}

impl Branch {
    /// Returns true if it lists this question.
    #[must_use]
    pub fn is(&self, read: &Read) -> bool {
        match (self, read) {
            (Self::Header(listed), Read::Request(RequestRead::Header(name)))
            | (Self::Note(listed), Read::Notes(NotesRead::Get(name))) => listed == name,
            (Self::Tenant, Read::Principal(PrincipalRead::Tenant)) => true,
            _ => false,
        }
    }
}

/// Returns true if all answers of the run may be edges.
pub(super) fn may_branch(trace: &Trace, listed: &[Branch]) -> bool {
    trace.steps().iter().all(|(question, answer)| match (question, answer) {
        (_, Answer::Text(None)) => true,
        (_, Answer::Nanoseconds(_) | Answer::Random(_) | Answer::ClientCertificate(Some(_))) => {
            false
        }
        (Question::Read(read), Answer::Text(Some(_))) => {
            !is_raw(read) || listed.iter().any(|branch| branch.is(read))
        }
        _ => true,
    })
}

/// Returns true if the question is answered with text, of whatever origin.
pub(super) fn is_text(question: &Question) -> bool {
    question.function().facts.text.is_some()
}

/// Returns true if the question is answered with text of a caller's, or about one.
fn is_raw(read: &Read) -> bool {
    let text = read.function().facts.text;
    matches!(text, Some(TextOrigin::Caller | TextOrigin::Principal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CertificateIdentity, RouteRead, WasiRead};

    #[test]
    fn only_questions_with_raw_answers_can_be_listed() {
        assert_eq!("request.header(x-plan)".parse(), Ok(Branch::Header("x-plan".into())));
        assert_eq!("notes.get(plan)".parse(), Ok(Branch::Note("plan".into())));
        assert_eq!("principal.tenant".parse(), Ok(Branch::Tenant));
        for text in ["request.header", "request.header()", "route.name", "quota.take-all", ""] {
            assert_eq!(text.parse::<Branch>(), Err(NoBranch(text.to_owned())));
        }
    }

    #[test]
    fn raw_text_branches_where_it_is_listed_and_nowhere_else() {
        let mut trace = Trace::new();
        let header = Question::from(RequestRead::Header("x-plan".into()));
        trace.push(header, Answer::Text(Some("gold".into())));
        assert!(!may_branch(&trace, &[]));
        assert!(!may_branch(&trace, &[Branch::Note("x-plan".into())]));
        assert!(may_branch(&trace, &[Branch::Header("x-plan".into())]));
    }

    #[test]
    fn moments_and_random_bytes_never_branch() {
        for (asked, answer) in [
            (WasiRead::WallClock, Answer::Nanoseconds(1)),
            (WasiRead::MonotonicClock, Answer::Nanoseconds(2)),
            (WasiRead::Random(1), Answer::Random([3].into())),
        ] {
            let mut trace = Trace::new();
            trace.push(Question::from(asked), answer);
            assert!(!may_branch(&trace, &[Branch::Tenant]), "{asked:?}");
        }
    }

    #[test]
    fn a_certificate_never_branches_and_its_place_in_a_list_always_does() {
        let identity = CertificateIdentity {
            dns_names: ["a.example".into()].into(),
            uris: [].into(),
            common_name: None,
            fingerprint: "00".repeat(32).into(),
        };
        let step = |read: RequestRead, answer| {
            let mut trace = Trace::new();
            trace.push(Question::from(read), answer);
            may_branch(&trace, &[])
        };
        let shown = Answer::ClientCertificate(Some(identity.into()));
        assert!(!step(RequestRead::ClientCertificate, shown));
        assert!(step(RequestRead::ClientCertificate, Answer::ClientCertificate(None)));
        let asked = RequestRead::ClientCertificateIn(["dns:a.example".into()].into());
        assert!(step(asked, Answer::Index(Some(0))));
    }

    #[test]
    fn what_the_operator_wrote_and_absence_always_branch() {
        let mut trace = Trace::new();
        let attribute = Question::from(RouteRead::Attribute("scope".into()));
        trace.push(attribute, Answer::Text(Some("deposits:read".into())));
        trace.push(Question::from(RequestRead::Header("x-plan".into())), Answer::Text(None));
        assert!(may_branch(&trace, &[]));
    }
}
