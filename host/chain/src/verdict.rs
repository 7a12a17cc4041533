//! The verdicts of policies.

use serde::{Deserialize, Serialize};

use crate::HeldHandle;
use crate::question::Text;

/// The decision of one run. There is no zero value that means *allow*.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The next policy decides.
    Proceed,
    /// The exchange ends here with this reply.
    Reply(Reply),
    /// The upstream of this name is chosen; the next policy decides. Never from `on-response`.
    Forward(Text),
}

/// An answer to the caller in place of the upstream's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reply {
    /// HTTP status, 200 to 599; ignored for [`Content::Held`].
    pub status: u16,
    /// The content.
    pub content: Content,
}

/// The content of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// No content.
    Empty,
    /// A problem (RFC 9457).
    Problem(Problem),
    /// A reply that the host holds: a stored one, or its own refusal of a body.
    Held(HeldHandle),
}

/// A problem in the sense of RFC 9457, before the host adds its own members.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Kebab-case name; the last part of `type` and, with underscores, `code`.
    pub slug: Text,
    /// A `type` that is not ours.
    pub type_uri: Option<Text>,
    /// Short, the same for every occurrence.
    pub title: Text,
    /// About this occurrence; what the caller may be told.
    pub detail: Text,
    /// Extension members.
    pub members: Vec<(Text, Member)>,
}

/// The value of an extension member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Member {
    /// A string.
    Text(Text),
    /// A list of strings.
    Texts(Vec<Text>),
    /// An integer.
    Number(i64),
}

impl Verdict {
    /// Checks that the contract allows the verdict.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Proceed => Ok(()),
            Self::Forward(upstream) if upstream.is_empty() => Err("the name of an upstream"),
            Self::Forward(_) => Ok(()),
            Self::Reply(reply) => reply.check(),
        }
    }
}

impl Reply {
    fn check(&self) -> Result<(), &'static str> {
        match &self.content {
            Content::Held(_) => Ok(()),
            Content::Empty if (200..=599).contains(&self.status) => Ok(()),
            Content::Empty => Err("a status from 200 to 599"),
            Content::Problem(_) if !(400..=599).contains(&self.status) => {
                Err("a problem's status from 400 to 599")
            }
            Content::Problem(problem) if !is_slug(&problem.slug) => {
                Err("a problem's slug of 1 to 64 of [a-z0-9-]")
            }
            Content::Problem(_) => Ok(()),
        }
    }
}

fn is_slug(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
