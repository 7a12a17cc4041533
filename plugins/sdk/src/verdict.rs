//! Short ways to say a verdict.

use crate::{
    Content, Environment, Held, Member, Problem, Reply, ResponseVerdict, SettingProblem, Verdict,
    problems,
};

impl Verdict {
    /// Ends the exchange with a problem; `status` from 400 to 599.
    #[must_use]
    pub fn refuse(status: u16, problem: Problem) -> Self {
        Self::Reply(Reply { status, content: Content::Problem(problem) })
    }

    /// Refuses a request because of an operator's mistake: 500 `internal`. The caller learns only
    /// that the fault is not theirs; the operator reads in the receipt which answer led here.
    #[must_use]
    pub fn misconfigured() -> Self {
        problems::INTERNAL
            .refuse("The gateway's configuration does not allow this request to be processed.")
    }

    /// Ends the exchange with a status and no content; `status` from 200 to 599.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::Reply(Reply { status, content: Content::Empty })
    }

    /// Ends the exchange with a reply that the host holds. It brings its own status.
    #[must_use]
    pub fn held(held: Held) -> Self {
        Self::Reply(Reply { status: 200, content: Content::Held(held) })
    }

    /// Chooses the upstream of this name and lets the next policy decide.
    #[must_use]
    pub fn forward(upstream: &str) -> Self {
        Self::Forward(upstream.to_owned())
    }
}

impl ResponseVerdict {
    /// Replaces the response with a problem; `status` from 400 to 599.
    #[must_use]
    pub fn refuse(status: u16, problem: Problem) -> Self {
        Self::Reply(Reply { status, content: Content::Problem(problem) })
    }
}

impl Problem {
    /// A problem with a kebab-case name and a title that is the same for every occurrence.
    #[must_use]
    pub fn new(slug: &str, title: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            type_uri: None,
            title: title.to_owned(),
            detail: String::new(),
            members: Vec::new(),
        }
    }

    /// Sets a `type` that is not ours.
    #[must_use]
    pub fn type_uri(mut self, uri: &str) -> Self {
        self.type_uri = Some(uri.to_owned());
        self
    }

    /// Says what happened this time, and what the caller can do about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds an extension member.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Member>) -> Self {
        self.members.push((name.to_owned(), value.into()));
        self
    }
}

impl From<&str> for Member {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<String>> for Member {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl From<i64> for Member {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl SettingProblem {
    /// A problem at the path of a key from the root of the settings.
    #[must_use]
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

impl Environment {
    /// The words in settings, notes and key prefixes, and what they stand for.
    pub const WORDS: [(&'static str, Self); 2] = [("sandbox", Self::Sandbox), ("live", Self::Live)];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Sandbox => Self::Live,
            Self::Live => Self::Sandbox,
        }
    }
}
