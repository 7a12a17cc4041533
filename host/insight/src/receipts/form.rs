//! The JSON form of a receipt, which `explain` puts in words and `replay` decides again. Questions, answers and verdicts come back from it as the same values.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tollgate_chain::{Acting, Answer, Check, Class, GrpcCode, Hook, Question, Verdict};
use tollgate_proxy::{
    ChainInfo, DecisionRecord, PolicyInfo, PolicyRecord, ReceiptRecord, RetentionClass,
};

use super::redact::{Declared, Redactor};

/// The JSON form of a receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceiptForm {
    /// The number of the receipt in its process.
    pub sequence: u64,
    /// The id of the request, as in `x-request-id`.
    pub request_id: String,
    /// When the exchange ended, by RFC 3339.
    pub time: String,
    /// `passed`, `refused` or `failed`.
    pub outcome: String,
    /// The status of the response; 0 where none was made.
    pub status: u16,
    /// The code of the refusal, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The policy whose reply the caller got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The method of the request.
    pub method: String,
    /// The path of the request, without its query.
    pub path: String,
    /// The listener that accepted the request.
    pub listener: String,
    /// The Route that the request matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The chain that decided.
    pub chain: String,
    /// The caller's tenant, where a policy established a caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The caller's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The id of the caller's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The upstream that the request was meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The time that the upstream took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_us: Option<u64>,
    /// The gRPC status that the upstream answered with, where it is not OK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<GrpcCode>,
    /// The number of the Snapshot that decided.
    pub generation: u64,
    /// The time of the whole exchange, in microseconds.
    pub took_us: f64,
    /// The policies in the order in which they decided; those that were not reached at the end.
    pub policies: Vec<PolicyForm>,
}

/// The part of one policy in a receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyForm {
    /// The policy's name.
    pub policy: String,
    /// The name of its plugin.
    pub plugin: String,
    /// The policy whose place it took, as its candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<String>,
    /// The version that the component carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest of the component, in hexadecimal digits.
    pub sha256: String,
    /// The class of the policy.
    pub class: Class,
    /// The hook that decided.
    pub hook: Hook,
    /// The way in which the decision was reached.
    pub way: Way,
    /// The reason why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The headers of which the policy wants to see one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interest_headers: Vec<String>,
    /// True where it was skipped because the request has none of them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skipped_by_header: bool,
    /// The time of the decision, in microseconds.
    pub took_us: f64,
    /// The questions and answers, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepForm>,
    /// The verdict, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// True where the verdict's words are hidden, beside its status and slug.
    #[serde(default, skip_serializing_if = "is_false")]
    pub verdict_hidden: bool,
    /// The reason why there is no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// True where the policy contradicted an earlier run of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub contradicts: bool,
}

/// The way in which a policy reached its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Its tree decided.
    Tree,
    /// Its tree decided, and the component agreed.
    TreeVerified,
    /// The component decided.
    Wasm,
    /// Nothing was decided: the policy does not apply.
    Skipped,
    /// Nothing was decided: the exchange ended before it.
    NotReached,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepForm {
    /// The question, or what the policy did.
    pub question: Question,
    /// The answer.
    pub answer: Answer,
    /// The parts whose texts are hidden.
    #[serde(default, skip_serializing_if = "Hidden::is_nothing")]
    pub hidden: Hidden,
}

/// The parts of a step in which texts are hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// A text of the question is hidden.
    pub question: bool,
    /// The answer is hidden.
    pub answer: bool,
}

impl Hidden {
    fn is_nothing(&self) -> bool {
        !self.question && !self.answer
    }
}

impl ReceiptForm {
    pub(super) fn of(record: &ReceiptRecord, redactor: &Redactor) -> Self {
        let principal = record.principal.as_deref();
        let mut policies: Vec<PolicyForm> = record
            .policies
            .iter()
            .filter_map(|decided| PolicyForm::of(decided, record, redactor))
            .collect();
        policies.extend(not_reached(record));

        let time = OffsetDateTime::from(record.time).format(&Rfc3339).unwrap_or_default();

        Self {
            sequence: record.sequence,
            request_id: record.request_id.to_string(),
            time,
            outcome: outcome(record.retention).to_owned(),
            status: record.status,
            code: record.code.as_ref().map(ToString::to_string),
            policy: record.policy.as_ref().map(ToString::to_string),
            method: record.method.to_string(),
            path: record.path.to_string(),
            listener: record.listener.to_string(),
            route: record.route.as_ref().map(|route| route.name.to_string()),
            chain: record.chain_info.chain.to_string(),
            tenant: principal.map(|caller| caller.tenant.clone()),
            environment: principal.map(|caller| caller.environment.to_string()),
            key_id: principal.map(|caller| caller.key_id.clone()),
            upstream: record.upstream.as_ref().map(ToString::to_string),
            upstream_us: record.upstream_us,
            grpc_status: record.grpc_status,
            generation: record.generation,
            took_us: micros(record.took),
            policies,
        }
    }
}

impl PolicyForm {
    fn of(decided: &PolicyRecord, record: &ReceiptRecord, redactor: &Redactor) -> Option<Self> {
        let chain_info: &ChainInfo = &record.chain_info;
        let slot = chain_info.policies.get(decided.index)?;
        let policy = slot.version(decided.acting);
        let mut form = Self::blank(policy, decided.hook);
        form.took_us = micros(decided.took);
        form.in_place_of = (decided.acting == Acting::Candidate).then(|| slot.name.to_string());

        let (trace, verdict) = match &decided.decision {
            DecisionRecord::Skipped => {
                let (why, by_header) = why_skipped(policy, record);
                (form.why, form.skipped_by_header) = (Some(why), by_header);
                return Some(form);
            }
            DecisionRecord::Walked { trace, verdict, check } => {
                form.way = if *check == Check::Agreed { Way::TreeVerified } else { Way::Tree };
                (&**trace, Some(verdict))
            }
            DecisionRecord::Ran { trace, outcome, contradicts, .. } => {
                form.way = Way::Wasm;
                form.contradicts = *contradicts;
                form.failure = outcome.as_ref().err().map(ToString::to_string);
                (trace, outcome.as_ref().ok())
            }
        };

        // A verdict that may repeat a hidden text is hidden too.
        let declared = Declared { branches: &policy.branches, hidden: &chain_info.hidden };
        (form.steps, form.verdict_hidden) = redactor.steps(trace, declared);
        form.verdict = match verdict {
            Some(verdict) if form.verdict_hidden => Some(redactor.verdict(verdict)),
            verdict => verdict.cloned(),
        };
        Some(form)
    }

    /// Makes the form of a policy that had no part.
    #[must_use]
    pub fn absent(policy: &str, hook: Hook) -> Self {
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

    fn blank(policy: &PolicyInfo, hook: Hook) -> Self {
        Self {
            plugin: policy.plugin.to_string(),
            version: policy.identity.version.as_ref().map(ToString::to_string),
            sha256: HEXLOWER.encode(&policy.identity.sha256),
            class: policy.class,
            way: Way::Skipped,
            interest_headers: policy.interests.headers.iter().map(ToString::to_string).collect(),
            ..Self::absent(&policy.name, hook)
        }
    }
}

fn not_reached(record: &ReceiptRecord) -> impl Iterator<Item = PolicyForm> {
    let has_decided = |index: usize| {
        let mut decided = record.policies.iter();
        decided.any(|policy| policy.index == index && policy.hook == Hook::Request)
    };
    let policies = record.chain_info.policies.iter().enumerate();
    policies.filter(move |(index, _)| !has_decided(*index)).map(|(_, policy)| PolicyForm {
        way: Way::NotReached,
        ..PolicyForm::blank(policy, Hook::Request)
    })
}

/// Finds the first of a policy's interests that does not cover the request, and says whether it is
/// the one in headers.
fn why_skipped(policy: &PolicyInfo, record: &ReceiptRecord) -> (String, bool) {
    let interests = &policy.interests;
    if !interests.methods.is_empty() && !interests.methods.contains(&record.method) {
        let methods: Vec<&str> = interests.methods.iter().map(http::Method::as_str).collect();
        return (format!("it applies to {} only", methods.join(", ")), false);
    }

    let class = record.route.as_ref().and_then(|route| route.attribute("class"));
    let classes = &interests.route_classes;
    let is_covered = class.is_some_and(|class| classes.iter().any(|wanted| **wanted == *class));
    if !classes.is_empty() && !is_covered {
        return (format!("it applies to routes of class {} only", classes.join(", ")), false);
    }

    let headers: Vec<&str> = interests.headers.iter().map(http::HeaderName::as_str).collect();
    (format!("it applies to requests with {} only", headers.join(" or ")), true)
}

fn outcome(retention: RetentionClass) -> &'static str {
    match retention {
        RetentionClass::Passes => "passed",
        RetentionClass::Refusals => "refused",
        RetentionClass::Failures => "failed",
    }
}

/// Converts to microseconds, to a tenth.
fn micros(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000_000.0).round() / 10.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests;
