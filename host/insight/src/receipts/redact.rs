//! Redaction of a run's texts.
//!
//! Text that comes from a caller is not told unless the policy's declaration lists the question
//! (`branches`), and neither is anything that the run says after it has read such text: it may
//! repeat it. What a policy compares with a hidden field, or sets in one, is not told either. In
//! place of a text stand its length and a digest under a key that is drawn at the start and never
//! leaves the process, so that equal texts can be seen to be equal and none can be guessed.

use data_encoding::HEXLOWER;
use http::HeaderName;
use ring::hmac;
use ring::rand::SystemRandom;
use tollgate_chain::{
    Answer, Branch, Content, Member, Problem, Question, Read, Reply, Text, TextOrigin, Trace,
    Verdict,
};
use tollgate_proxy::ReceiptRecord;

use super::form::{Hidden, ReceiptForm, StepForm};

/// Hides texts under a key of its own.
#[derive(Debug)]
pub struct Redactor(Option<hmac::Key>);

/// The operator's declarations about texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared<'a> {
    /// Questions whose raw answers may be told.
    pub(super) branches: &'a [Branch],
    /// Hidden fields, beside those that always are.
    pub(super) hidden: &'a [HeaderName],
}

/// Fields whose values are never told, whatever the configuration says.
const HIDDEN: [&str; 6] = [
    "authorization",
    "cookie",
    "idempotency-key",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
];

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Redactor {
    /// Draws a key.
    #[must_use]
    pub fn new() -> Self {
        // Without randomness texts are told by their length alone.
        Self(hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok())
    }

    /// Puts a receipt into its JSON form, without what is never told.
    #[must_use]
    pub fn form(&self, record: &ReceiptRecord) -> ReceiptForm {
        ReceiptForm::of(record, self)
    }

    /// Redacts a run's steps, and says whether the verdict may repeat what was hidden.
    pub(super) fn steps(&self, trace: &Trace, declared: Declared<'_>) -> (Vec<StepForm>, bool) {
        let mut tainted = false;
        let mut steps = Vec::with_capacity(trace.steps().len());
        for (asked, given) in trace.steps() {
            let question = self.question(asked, declared, tainted);
            let answer = self.answer(asked, given, declared);
            let hidden = Hidden { question: question != *asked, answer: answer != *given };
            tainted |= hidden.answer;
            steps.push(StepForm { question, answer, hidden });
        }
        (steps, tainted)
    }

    /// A verdict that may repeat what was hidden: its slug is for callers and is told, its other
    /// words are not.
    pub(super) fn verdict(&self, verdict: &Verdict) -> Verdict {
        match verdict {
            Verdict::Proceed => Verdict::Proceed,
            Verdict::Forward(upstream) => Verdict::Forward(self.cover(upstream)),
            Verdict::Reply(Reply { status, content }) => {
                let content = match content {
                    Content::Problem(problem) => Content::Problem(self.problem(problem)),
                    Content::Empty | Content::Held(_) => content.clone(),
                };
                Verdict::Reply(Reply { status: *status, content })
            }
        }
    }

    fn problem(&self, problem: &Problem) -> Problem {
        let member = |member: &Member| match member {
            Member::Text(text) => Member::Text(self.cover(text)),
            Member::Texts(texts) => {
                Member::Texts(texts.iter().map(|one| self.cover(one)).collect())
            }
            Member::Number(number) => Member::Text(self.cover(&number.to_string())),
        };
        let members = problem.members.iter();
        Problem {
            slug: problem.slug.clone(),
            type_uri: problem.type_uri.as_ref().map(|uri| self.cover(uri)),
            title: self.cover(&problem.title),
            detail: self.cover(&problem.detail),
            members: members.map(|(name, own)| (self.cover(name), member(own))).collect(),
        }
    }

    fn answer(&self, question: &Question, answer: &Answer, declared: Declared<'_>) -> Answer {
        match (question, answer) {
            (Question::Read(read), Answer::Text(Some(text))) if is_raw(read, declared) => {
                Answer::Text(Some(self.cover(text)))
            }
            // What a policy makes of them may be a secret.
            (_, Answer::Random(_)) => Answer::Random(Box::default()),
            _ => answer.clone(),
        }
    }

    fn question(&self, question: &Question, declared: Declared<'_>, tainted: bool) -> Question {
        if tainted {
            return question.map_texts(&|text| self.cover(text));
        }
        let hides = |name: &str| {
            HIDDEN.iter().any(|own| own.eq_ignore_ascii_case(name))
                || declared.hidden.iter().any(|own| own.as_str().eq_ignore_ascii_case(name))
        };
        if !question.field().is_some_and(hides) {
            return question.clone();
        }
        // All that such a question holds is the field's name and the value.
        question.map_texts(&|text| if hides(text) { text.into() } else { self.cover(text) })
    }

    /// Makes the replacement of a hidden text: its length and a keyed digest.
    fn cover(&self, text: &str) -> Text {
        let mut cover = format!("(hidden: {} bytes", text.len());
        if let Some(key) = &self.0 {
            let tag = hmac::sign(key, text.as_bytes());
            let digest = tag.as_ref().get(..8).unwrap_or_default();
            cover = format!("{cover}, {}", HEXLOWER.encode(digest));
        }
        format!("{cover})").into()
    }
}

/// Returns whether an answer of text comes from a caller, undeclared. A tenant's identifier is told: the
/// access log has it too.
fn is_raw(read: &Read, declared: Declared<'_>) -> bool {
    let raw = read.function().facts.text == Some(TextOrigin::Caller);
    raw && !declared.branches.iter().any(|branch| branch.is(read))
}

#[cfg(test)]
mod tests;
