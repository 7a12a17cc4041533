//! Bytes that questions, answers and verdicts take up: estimates, for bounds.

use crate::question::Text;
use crate::{Answer, Content, Member, Problem, Question, Reply, Verdict};

impl Question {
    /// Bytes of the question.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.bytes()
    }
}

impl Answer {
    /// Bytes of texts or randomness that the answer carries into the guest, for the run's budget.
    #[must_use]
    pub fn bytes(&self) -> usize {
        if let Self::Text(Some(text)) = self {
            text.len()
        } else if let Self::Random(bytes) = self {
            bytes.len()
        } else if let Self::ClientCertificate(Some(identity)) = self {
            identity.bytes()
        } else {
            0
        }
    }

    /// Bytes of the answer.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.bytes()
    }
}

impl Verdict {
    /// Bytes of the verdict.
    pub(crate) fn weight(&self) -> usize {
        let texts = match self {
            Self::Proceed => 0,
            Self::Forward(upstream) => upstream.len(),
            Self::Reply(Reply { content: Content::Problem(problem), .. }) => problem.bytes(),
            Self::Reply(_) => 0,
        };
        size_of::<Self>() + texts
    }
}

impl Problem {
    fn bytes(&self) -> usize {
        let member = |(name, member): &(Text, Member)| {
            let value = match member {
                Member::Text(text) => text.len(),
                Member::Texts(texts) => list(texts),
                Member::Number(_) => 0,
            };
            size_of::<(Text, Member)>() + name.len() + value
        };
        let type_uri = self.type_uri.as_ref().map_or(0, |uri| uri.len());
        let texts = self.slug.len() + self.title.len() + self.detail.len() + type_uri;
        texts + self.members.iter().map(member).sum::<usize>()
    }
}

fn list(texts: &[Text]) -> usize {
    texts.iter().map(|text| size_of::<Text>() + text.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestRead;

    #[test]
    fn a_list_costs_its_entries_even_when_they_are_empty() {
        let empty: Box<[Text]> = vec![Text::default(); 1_000].into();
        assert!(Question::from(RequestRead::AuthorityIn(empty)).bytes() >= 16_000);
    }
}
