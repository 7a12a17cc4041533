//! Plugins, policies and chains.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::{HeaderName, Method};
use tollgate_chain::{Branch, Class, Interests, NoBranch};

use super::{Index, bounded, bounded_size, reference, sha256, word};
use crate::error::Problems;
use crate::raw::{Item, RawChain, RawPlugin, RawPolicy, Shapes};
use crate::types::{At, Chain, Limits, Listener, Plugin, Policy};

/// Capabilities that can be granted: the interfaces of the contract.
const GRANTS: [&str; 11] = [
    "credentials",
    "idempotency",
    "log",
    "notes",
    "principal",
    "quota",
    "reply-headers",
    "request",
    "response",
    "route",
    "upstreams",
];

pub(super) fn plugin(
    name: &str,
    item: &Item<RawPlugin>,
    problems: &mut Problems,
) -> Option<Plugin> {
    let digest = item.raw.sha256.as_ref();
    Some(Plugin {
        name: name.to_owned(),
        file: item.place.path(&item.raw.file),
        sha256: digest.and_then(|hex| sha256(&item.place, "sha256", hex, problems)),
        at: At::from(&item.place),
    })
}

pub(super) fn policy(
    name: &str,
    item: &Item<RawPolicy>,
    plugins: &Index,
    problems: &mut Problems,
) -> Option<Policy> {
    let (place, raw) = (&item.place, &item.raw);
    let plugin = reference(place, "plugin", &raw.plugin, ("plugins", plugins), problems);
    let classes =
        [("security", Class::Security), ("traffic", Class::Traffic), ("observe", Class::Observe)];
    let class = match &raw.class {
        Some(written) => word(place, "class", written, &classes, problems),
        None => Some(Class::default()),
    };
    let mut grants = BTreeSet::new();
    for grant in &raw.grants {
        let known = GRANTS.map(|name| (name, name));
        if let Some(name) = word(place, "grants", grant, &known, problems) {
            grants.insert(name.to_owned());
        }
    }
    let interests = interests(item, problems);
    forbid_headers(item, class, problems);
    let branches = branches(item, problems);
    let limits = limits(item, problems);
    let json = raw.settings.iter().map(|(key, value)| (key.clone(), value.get_ref().json()));
    let settings: serde_json::Map<_, _> = json.collect();
    Some(Policy {
        name: name.to_owned(),
        plugin: plugin?,
        class: class?,
        grants,
        interests,
        branches,
        limits,
        settings: serde_json::Value::Object(settings).to_string(),
        at: At::from(place),
        setting_lines: setting_lines(item),
    })
}

/// The line of each setting, by its path.
fn setting_lines(item: &Item<RawPolicy>) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for (key, value) in &item.raw.settings {
        let source = &item.place.source;
        lines.insert(key.clone(), source.line(value.span().start));
        let mut tell = |path, begin| {
            lines.insert(path, source.line(begin));
        };
        value.get_ref().places(key, &mut tell);
    }
    lines
}

fn interests(item: &Item<RawPolicy>, problems: &mut Problems) -> Interests {
    let raw = &item.raw.interests;
    let mut methods = Vec::new();
    for written in &raw.methods {
        match Method::from_bytes(written.get_ref().as_bytes()) {
            Ok(method) => methods.push(method),
            Err(_) => problems.push(item.place.problem(
                &written.span(),
                "interests.methods",
                format!("expected an HTTP method, found {:?}", written.get_ref()),
            )),
        }
    }
    let route_classes = raw.route_classes.iter().map(|class| class.as_str().into()).collect();
    let mut headers = Vec::new();
    for written in &raw.headers {
        match HeaderName::try_from(written.get_ref()) {
            Ok(name) => headers.push(name),
            Err(_) => problems.push(item.place.problem(
                &written.span(),
                "interests.headers",
                format!("expected a header name, found {:?}", written.get_ref()),
            )),
        }
    }
    Interests { methods, route_classes, headers }
}

/// A header is the caller's to send or to leave out.
fn forbid_headers(item: &Item<RawPolicy>, class: Option<Class>, problems: &mut Problems) {
    if let (Some(Class::Security), Some(first)) = (class, item.raw.interests.headers.first()) {
        let message = "a caller could skip this policy of class `security` by leaving the header \
                       out; expected class `traffic` or `observe`, or no such interest";
        problems.push(item.place.problem(&first.span(), "interests.headers", message.to_owned()));
    }
}

fn branches(item: &Item<RawPolicy>, problems: &mut Problems) -> Vec<Branch> {
    let mut branches = Vec::new();
    for written in &item.raw.branches {
        match written.get_ref().parse() {
            Ok(branch) => branches.push(branch),
            Err(error) => {
                let error: NoBranch = error;
                let message = error.to_string();
                problems.push(item.place.problem(&written.span(), "branches", message));
            }
        }
    }
    branches
}

/// A request without a Route has no class, and a method that nobody asked it to have: in a
/// listener's chain, any interest lets a caller skip the policy.
pub(super) fn unskippable(
    shapes: &Shapes,
    listeners: &[Listener],
    chains: &[Chain],
    policies: &[Policy],
    problems: &mut Problems,
) {
    let ends = listeners.iter().filter_map(|listener| chains.get(listener.chain));
    let first: BTreeSet<usize> = ends.flat_map(|chain| chain.policies.iter().copied()).collect();
    for policy in first.into_iter().filter_map(|index| policies.get(index)) {
        let interested = policy.interests != Interests::default();
        if let Some(item) = shapes.policies.get(&policy.name).filter(|_| interested)
            && policy.class == Class::Security
        {
            let message = "this policy of class `security` is in the chain of a listener, where \
                           a caller without a route could skip it; expected no interests";
            problems.push(item.place.problem(&item.place.span, "interests", message.to_owned()));
        }
    }
}

fn limits(item: &Item<RawPolicy>, problems: &mut Problems) -> Limits {
    let (place, raw) = (&item.place, &item.raw.limits);
    let time = bounded(place, "limits.time_ms", raw.time_ms.as_ref(), 20, 1..=1_000, problems);
    let questions =
        bounded(place, "limits.questions", raw.questions.as_ref(), 256, 1..=65_536, problems);
    Limits {
        time: Duration::from_millis(time),
        memory_bytes: bounded_size(
            place,
            "limits.memory_bytes",
            raw.memory_bytes.as_ref(),
            1 << 20,
            65_536..=16 << 20,
            problems,
        ),
        table_elements: bounded_size(
            place,
            "limits.table_elements",
            raw.table_elements.as_ref(),
            1_024,
            1..=20_000,
            problems,
        ),
        questions: u32::try_from(questions).unwrap_or(u32::MAX),
        answer_bytes: bounded_size(
            place,
            "limits.answer_bytes",
            raw.answer_bytes.as_ref(),
            65_536,
            0..=1 << 20,
            problems,
        ),
    }
}

/// Most policies in a chain.
const POLICIES_MAX: usize = 64;

pub(super) fn chain(
    name: &str,
    item: &Item<RawChain>,
    policies: &Index,
    problems: &mut Problems,
) -> Option<Chain> {
    let place = &item.place;
    if item.raw.policies.len() > POLICIES_MAX {
        let message = format!("expected at most {POLICIES_MAX} policies");
        problems.push(place.problem(&place.span, "policies", message));
    }
    let found: Vec<Option<usize>> = item
        .raw
        .policies
        .iter()
        .map(|written| reference(place, "policies", written, ("policies", policies), problems))
        .collect();
    let policies = found.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Chain { name: name.to_owned(), policies })
}
