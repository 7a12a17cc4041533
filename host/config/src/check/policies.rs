//! Plugins, policies and chains.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use tollgate_chain::{Class, Interests};

use super::gateway::header_names;
use super::{Checker, Related, attributes};
use crate::keys::policies::{POLICIES, chain, interests, limits, plugin, policy};
use crate::location::Located;
use crate::reader::{ItemReader, NameIndex};
use crate::types::{ChainConfig, LimitsConfig, PluginConfig, PolicyConfig};

pub(super) fn plugin(reader: &ItemReader<'_>) -> Option<PluginConfig> {
    let digest = reader.parse(&plugin::SHA256, |text| sha256(text).ok_or(None));
    Some(PluginConfig {
        name: reader.name(),
        file: reader.path(&plugin::FILE)?,
        sha256: digest.map(Located::into_value),
        location: reader.item_location(),
    })
}

/// 64 hexadecimal digits.
pub(super) fn sha256(text: &str) -> Option<[u8; 32]> {
    let digit = |digit: char| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.chars().map(digit).collect::<Option<_>>()?;
    if digits.len() != 64 {
        return None;
    }
    let byte = |pair: &[u8]| pair.iter().fold(0, |sum, digit| sum * 16 + digit);
    digits.chunks_exact(2).map(byte).collect::<Vec<u8>>().try_into().ok()
}

pub(super) fn policy(reader: &ItemReader<'_>, plugins: &NameIndex<'_>) -> Option<PolicyConfig> {
    let plugin = reader.reference(&policy::PLUGIN, plugins);
    let class: Option<Class> = reader.word(&policy::CLASS);

    let interests = interests(reader);
    forbid_headers(reader, class, &interests);
    let attributes = attributes::declarations(reader);
    let branches = reader
        .parse_all(&policy::BRANCHES, |text| {
            text.parse().map_err(|error: tollgate_chain::NoBranch| Some(error.to_string()))
        })
        .into_iter()
        .map(Located::into_value)
        .collect();

    let settings: Option<serde_json::Map<_, _>> = reader
        .fields(&policy::SETTINGS)
        .map(|(key, field)| Some((key.to_owned(), field.value().json()?)))
        .collect();

    Some(PolicyConfig {
        name: reader.name(),
        plugin: plugin?,
        class: class?,
        grants: reader.words(&policy::GRANTS).into_iter().collect(),
        interests,
        attributes,
        branches,
        limits: limits(reader),
        settings: serde_json::Value::Object(settings?).to_string(),
        location: reader.item_location(),
        setting_lines: setting_lines(reader),
    })
}

/// The line of each setting, by its path.
fn setting_lines(reader: &ItemReader<'_>) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for (key, field) in reader.fields(&policy::SETTINGS) {
        lines.insert(key.to_owned(), reader.line(field.value.span().start));
        let mut report = |path, begin| {
            lines.insert(path, reader.line(begin));
        };
        field.value().visit(key, &mut report);
    }
    lines
}

fn interests(reader: &ItemReader<'_>) -> Interests {
    let reader = reader.table(&policy::INTERESTS);
    let methods = reader.parse_all(&interests::METHODS, |text| {
        Method::from_bytes(text.as_bytes()).map_err(|_| None)
    });
    let classes = reader.texts(&interests::ROUTE_CLASSES);
    Interests {
        methods: methods.into_iter().map(Located::into_value).collect(),
        route_classes: classes.iter().map(|class| class.as_str().into()).collect(),
        headers: header_names(&reader, &interests::HEADERS),
    }
}

/// A header is the caller's to send or to leave out.
fn forbid_headers(reader: &ItemReader<'_>, class: Option<Class>, interests: &Interests) {
    if class == Some(Class::Security) && !interests.headers.is_empty() {
        let message = "a caller could skip this policy of class `security` by leaving the header \
                       out; expected class `traffic` or `observe`, or no such interest";
        reader.table(&policy::INTERESTS).problem_at(&interests::HEADERS, message);
    }
}

/// A request without a Route has no class, and a method that nobody asked it to have: in a
/// listener's chain, any interest lets a caller skip the policy.
pub(super) fn check_skippable(checker: &Checker<'_>, related: &Related<'_>) {
    let listeners = related.listeners.iter().flatten();
    let ends = listeners.filter_map(|listener| related.chain(listener.chain));
    let first: BTreeSet<usize> = ends.flat_map(|chain| chain.policies.iter().copied()).collect();

    for policy in first.into_iter().filter_map(|index| related.policy(index)) {
        let skippable = policy.class == Class::Security && policy.interests != Interests::default();
        if let Some(reader) = checker.reader(&POLICIES, &policy.name).filter(|_| skippable) {
            let message = "this policy of class `security` is in the chain of a listener, where \
                           a caller without a route could skip it; expected no interests";
            let interests = reader.location(&policy::INTERESTS);
            reader.report(&interests, message);
        }
    }
}

fn limits(reader: &ItemReader<'_>) -> LimitsConfig {
    let reader = reader.table(&policy::LIMITS);
    LimitsConfig {
        time: reader.milliseconds(&limits::TIME_MS),
        memory_bytes: reader.size(&limits::MEMORY_BYTES),
        table_elements: reader.size(&limits::TABLE_ELEMENTS),
        questions: reader.count(&limits::QUESTIONS),
        answer_bytes: reader.size(&limits::ANSWER_BYTES),
    }
}

pub(super) fn chain(reader: &ItemReader<'_>, policies: &NameIndex<'_>) -> Option<ChainConfig> {
    let found = reader.references(&chain::POLICIES, policies);
    let names = reader.texts(&chain::POLICIES);

    let mut earlier = BTreeSet::new();
    for name in names.iter().filter(|name| !earlier.insert(name.as_str())) {
        let message = format!("expected each policy once, found {:?} again", name.as_str());
        reader.report(name.location(), &message);
    }

    let policies = found?.into_iter().map(Located::into_value).collect();
    Some(ChainConfig { name: reader.name(), policies })
}
