//! A host that knows nothing but what was recorded.

use std::sync::Arc;

use tollgate_chain::{
    Answer, AnswerSource, Asked, Command, Environment, Host, Question, Read, RouteRead, Settlement,
};

use crate::receipts::{ReceiptForm, StepForm};

/// The exchange's Route as the candidate declares it.
#[derive(Debug, Default)]
pub(super) struct RouteFacts {
    pub(super) name: String,
    pub(super) attributes: std::collections::BTreeMap<String, String>,
    pub(super) grpc: Option<String>,
}

/// Answers with what was recorded of one policy's run.
#[derive(Debug)]
pub(super) struct Fed {
    own: Vec<(Question, Answer)>,
    /// The answers about the request itself that any policy got: they are the same for all.
    shared: Arc<Vec<(Question, Answer)>>,
    route: Option<Arc<RouteFacts>>,
    /// The first question whose answer is not known.
    pub(super) unrecorded: Option<Question>,
}

impl Fed {
    pub(super) fn new(
        own: &[StepForm],
        shared: &Arc<Vec<(Question, Answer)>>,
        route: Option<&Arc<RouteFacts>>,
    ) -> Self {
        let own = own.iter().filter(|step| is_whole(step)).map(pair).collect();
        Self { own, shared: Arc::clone(shared), route: route.cloned(), unrecorded: None }
    }

    fn known(&mut self, question: &Question) -> Option<Answer> {
        if let (Question::Read(read), Some(route)) = (question, &self.route)
            && let Some(answer) = route.answer(read)
        {
            return Some(answer);
        }
        if let Some(index) = self.own.iter().position(|(asked, _)| asked == question) {
            // An effect has happened once, and so has a moment; any other read may be repeated.
            let is_moment = question.function().facts.source == AnswerSource::Moment;
            if is_moment || matches!(question, Question::Effect(_)) {
                return Some(self.own.remove(index).1);
            }
            return self.own.get(index).map(|(_, answer)| answer.clone());
        }
        let found = self.shared.iter().find(|(asked, _)| asked == question);
        found.map(|(_, answer)| answer.clone())
    }
}

impl RouteFacts {
    /// The answer to a question about the Route; none to any other.
    fn answer(&self, read: &Read) -> Option<Answer> {
        let Read::Route(read) = read else { return None };
        let text = match read {
            RouteRead::Name => Some(&self.name),
            RouteRead::GrpcMethod => self.grpc.as_ref(),
            RouteRead::Attribute(name) => self.attributes.get(&**name),
            RouteRead::Matched => return None,
        };
        Some(Answer::Text(text.map(|text| text.as_str().into())))
    }
}

impl Host for Fed {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        if self.unrecorded.is_none()
            && let Some(answer) = self.known(question)
        {
            return Asked::Ready(answer);
        }
        self.unrecorded.get_or_insert_with(|| question.clone());
        // An answer of no kind that a question has: the run ends here, whatever it is.
        Asked::Ready(Answer::Done)
    }

    fn apply(&mut self, _: &Command) {}

    fn settle(&mut self, _: Settlement) {}

    fn tenant(&self) -> Option<(Environment, &str)> {
        None
    }

    fn sticky(&self) -> u64 {
        0
    }
}

/// Collects what the policies of an exchange were answered about the request itself.
pub(super) fn shared(form: &ReceiptForm) -> Arc<Vec<(Question, Answer)>> {
    let steps = form.policies.iter().flat_map(|policy| &policy.steps);
    Arc::new(steps.filter(|step| is_whole(step) && is_of_request(step)).map(pair).collect())
}

/// Returns whether nothing of it is hidden, so that it can be compared and fed.
fn is_whole(step: &StepForm) -> bool {
    !step.hidden.question && !step.hidden.answer
}

fn pair(step: &StepForm) -> (Question, Answer) {
    (step.question.clone(), step.answer.clone())
}

/// Returns whether the answer is a function of the request's head, which no policy changes.
fn is_of_request(step: &StepForm) -> bool {
    step.question.function().facts.source == AnswerSource::Head
}

#[cfg(test)]
mod tests;
