//! What is told of a receipt: its JSON form, which `explain` puts in words and `replay` feeds
//! again. Questions, answers and verdicts come back from it as the same values.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tollgate_chain::{Acting, Answer, Check, Class, Hook, Question, Verdict};

use super::cast::{Cast, Member};
use super::kept::{Course, Kept, Lane, Part};
use super::redact::{Declared, Redactor};

/// A receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Form {
    pub(crate) sequence: u64,
    pub(crate) request_id: String,
    /// RFC 3339.
    pub(crate) time: String,
    /// `passed`, `refused` or `failed`.
    pub(crate) outcome: String,
    /// 0 where no response was made.
    pub(crate) status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The policy whose reply the caller got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) listener: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    pub(crate) chain: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grpc_status: Option<u32>,
    pub(crate) generation: u64,
    pub(crate) took_us: f64,
    /// In the order in which they decided; those that were not reached at the end.
    pub(crate) policies: Vec<PolicyForm>,
}

/// A policy's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicyForm {
    pub(crate) policy: String,
    pub(crate) plugin: String,
    /// The policy whose place it took, as its candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) in_place_of: Option<String>,
    /// What the component says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// Of the component.
    pub(crate) sha256: String,
    pub(crate) class: Class,
    pub(crate) hook: Hook,
    pub(crate) way: Way,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// The headers of which it wants to see one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) interest_headers: Vec<String>,
    /// Whether it was skipped because the request has none of them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) skipped_by_header: bool,
    pub(crate) took_us: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<StepForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<Verdict>,
    /// Whether the verdict's words are hidden, beside its status and slug.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) verdict_hidden: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// Whether the policy contradicted an earlier run of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) contradicts: bool,
}

/// How a policy came to its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// By its tree.
    Tree,
    /// By its tree, and the component agreed.
    TreeVerified,
    /// In the component.
    Wasm,
    /// Not at all: it does not apply.
    Skipped,
    /// Not at all: the exchange ended before it.
    NotReached,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepForm {
    pub(crate) question: Question,
    pub(crate) answer: Answer,
    #[serde(default, skip_serializing_if = "Hidden::is_nothing")]
    pub(crate) hidden: Hidden,
}

/// In which part of a step texts are hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hidden {
    pub(crate) question: bool,
    pub(crate) answer: bool,
}

impl Hidden {
    fn is_nothing(&self) -> bool {
        !self.question && !self.answer
    }
}

impl Form {
    pub(super) fn of(kept: &Kept, redactor: &Redactor) -> Self {
        let principal = kept.principal.as_deref();
        let mut policies: Vec<PolicyForm> =
            kept.parts.iter().filter_map(|part| PolicyForm::of(part, kept, redactor)).collect();
        policies.extend(not_reached(kept));
        let time = OffsetDateTime::from(kept.time).format(&Rfc3339).unwrap_or_default();
        Self {
            sequence: kept.sequence,
            request_id: kept.request_id.to_string(),
            time,
            outcome: outcome(kept.lane).to_owned(),
            status: kept.status,
            code: kept.code.as_ref().map(ToString::to_string),
            policy: kept.policy.as_ref().map(ToString::to_string),
            method: kept.method.to_string(),
            path: kept.path.to_string(),
            listener: kept.listener.to_string(),
            route: kept.route.as_ref().map(|route| route.name.to_string()),
            chain: kept.cast.chain.to_string(),
            tenant: principal.map(|own| own.tenant.clone()),
            environment: principal.map(|own| own.environment.to_string()),
            key_id: principal.map(|own| own.key_id.clone()),
            upstream: kept.upstream.as_ref().map(ToString::to_string),
            upstream_us: kept.upstream_us,
            grpc_status: kept.grpc_status,
            generation: kept.generation,
            took_us: micros(kept.took),
            policies,
        }
    }
}

impl PolicyForm {
    fn of(part: &Part, kept: &Kept, redactor: &Redactor) -> Option<Self> {
        let cast: &Cast = &kept.cast;
        let slot = cast.members.get(part.index)?;
        let member = slot.version(part.acting);
        let mut own = Self::blank(member, part.hook);
        own.took_us = micros(part.took);
        own.in_place_of = (part.acting == Acting::Candidate).then(|| slot.name.to_string());
        let declared = Declared { branches: &member.branches, hidden: &cast.hidden };
        let (trace, verdict) = match &part.course {
            Course::Skipped => {
                let (why, by_header) = why_skipped(member, kept);
                (own.why, own.skipped_by_header) = (Some(why), by_header);
                return Some(own);
            }
            Course::Walked { trace, verdict, check } => {
                own.way = if *check == Check::Agreed { Way::TreeVerified } else { Way::Tree };
                (&**trace, Some(verdict))
            }
            Course::Ran { trace, outcome, contradicts, .. } => {
                own.way = Way::Wasm;
                own.contradicts = *contradicts;
                own.failure = outcome.as_ref().err().map(ToString::to_string);
                (trace, outcome.as_ref().ok())
            }
        };
        (own.steps, own.verdict_hidden) = redactor.steps(trace, declared);
        own.verdict = match verdict {
            Some(verdict) if own.verdict_hidden => Some(redactor.verdict(verdict)),
            verdict => verdict.cloned(),
        };
        Some(own)
    }

    /// Of a policy that had no part.
    pub(crate) fn absent(policy: &str, hook: Hook) -> Self {
        let (policy, plugin, sha256) = (policy.to_owned(), String::new(), String::new());
        Self {
            policy,
            plugin,
            in_place_of: None,
            version: None,
            sha256,
            class: Class::Security,
            hook,
            way: Way::NotReached,
            why: None,
            interest_headers: Vec::new(),
            skipped_by_header: false,
            took_us: 0.0,
            steps: Vec::new(),
            verdict: None,
            verdict_hidden: false,
            failure: None,
            contradicts: false,
        }
    }

    fn blank(member: &Member, hook: Hook) -> Self {
        Self {
            plugin: member.plugin.to_string(),
            version: member.edition.version.as_ref().map(ToString::to_string),
            sha256: HEXLOWER.encode(&member.edition.sha256),
            class: member.class,
            way: Way::Skipped,
            interest_headers: member.interests.headers.iter().map(ToString::to_string).collect(),
            ..Self::absent(&member.name, hook)
        }
    }
}

fn not_reached(kept: &Kept) -> impl Iterator<Item = PolicyForm> {
    let decided = |index: usize| {
        kept.parts.iter().any(|part| part.index == index && part.hook == Hook::Request)
    };
    let members = kept.cast.members.iter().enumerate().filter(move |(index, _)| !decided(*index));
    members.map(|(_, member)| PolicyForm {
        way: Way::NotReached,
        ..PolicyForm::blank(member, Hook::Request)
    })
}

/// The first of a policy's interests that does not cover the request, and whether it is the one
/// in headers.
fn why_skipped(member: &Member, kept: &Kept) -> (String, bool) {
    let interests = &member.interests;
    if !interests.methods.is_empty() && !interests.methods.contains(&kept.method) {
        let methods: Vec<&str> = interests.methods.iter().map(http::Method::as_str).collect();
        return (format!("it applies to {} only", methods.join(", ")), false);
    }
    let class = kept.route.as_ref().and_then(|route| route.attribute("class"));
    let classes = &interests.route_classes;
    if !classes.is_empty() && !class.is_some_and(|class| classes.iter().any(|own| **own == *class))
    {
        return (format!("it applies to routes of class {} only", classes.join(", ")), false);
    }
    let headers: Vec<&str> = interests.headers.iter().map(http::HeaderName::as_str).collect();
    (format!("it applies to requests with {} only", headers.join(" or ")), true)
}

fn outcome(lane: Lane) -> &'static str {
    match lane {
        Lane::Passes => "passed",
        Lane::Refusals => "refused",
        Lane::Failures => "failed",
    }
}

/// Microseconds, to a tenth.
fn micros(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000_000.0).round() / 10.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests;
