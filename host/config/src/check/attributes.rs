//! Attributes of Routes: policies declare those that they read, and a Route has no others.
//!
//! An attribute that is misspelt, or has a value that no policy knows, would switch a protection
//! off without a sign. So a Route's attributes are held against the declarations of its chain, of
//! the candidates of its policies, and of the gateway itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_spanned::Spanned;

use super::{Checker, Related};
use crate::keys::policies::policy;
use crate::keys::routes::{ROUTES, route};
use crate::location::Location;
use crate::reader::{ItemReader, NameIndex};
use crate::types::{AttributeDeclaration, PolicyConfig};
use crate::value::{TomlTable, TomlValue};

/// The attribute that interests name classes of.
const CLASS: &str = "class";

/// Attributes that the gateway reads by itself, with the values that it knows: an exchange whose
/// operation is claimed is carried out though its caller goes away. A policy of the chain has to
/// declare them nevertheless, for the gateway alone protects nothing by them.
const READ_BY_THE_GATEWAY: [(&str, &[&str]); 1] =
    [("idempotency", &["required", "optional", "none"])];

/// Most values of one attribute.
const VALUES_MAX: usize = 256;

/// The declarations that a policy writes.
pub(super) fn declarations(reader: &ItemReader<'_>) -> BTreeMap<String, AttributeDeclaration> {
    let mut declarations = BTreeMap::new();
    for (name, field) in reader.fields(&policy::ATTRIBUTES) {
        let location = reader.location_below(&policy::ATTRIBUTES, name, &field.value);
        match declaration(field.value(), location.clone()) {
            Ok(declaration) => drop(declarations.insert(name.to_owned(), declaration)),
            Err(message) => reader.report(&location, &message),
        }
    }
    declarations
}

fn declaration(value: &TomlValue, location: Location) -> Result<AttributeDeclaration, String> {
    if let TomlValue::Table(table) = value {
        let (values, required) = table_declaration(table)?;
        return Ok(AttributeDeclaration { values, required, location });
    }
    Ok(AttributeDeclaration { values: values(value)?, required: false, location })
}

/// `{ values = …, required = … }`
fn table_declaration(table: &TomlTable) -> Result<(Option<Vec<String>>, bool), String> {
    if let Some((key, _)) = table.iter().find(|(key, _)| !["values", "required"].contains(key)) {
        return Err(format!("unknown field `{key}`, expected `values` or `required`"));
    }

    let written = table.get("values").ok_or("missing field `values`")?;
    let required = match table.get("required").map(|field| field.value()) {
        None => false,
        Some(TomlValue::Boolean(required)) => *required,
        Some(other) => {
            return Err(format!("expected `required` true or false, found {}", other.describe()));
        }
    };
    Ok((values(written.value())?, required))
}

/// `"text"`, or the list of the values that there are.
fn values(value: &TomlValue) -> Result<Option<Vec<String>>, String> {
    let expected = || {
        let found = value.describe();
        format!(
            "expected \"text\", a list of 1 to {VALUES_MAX} values, or `{{ values = …, required \
             = true }}`, found {found}"
        )
    };
    if value.text() == Some("text") {
        return Ok(None);
    }
    let values = value.list().filter(|values| (1..=VALUES_MAX).contains(&values.len()));
    let text = |value: &Spanned<TomlValue>| value.get_ref().text().map(str::to_owned);
    let values: Option<Vec<_>> = values.and_then(|values| values.iter().map(text).collect());
    values.map(Some).ok_or_else(expected)
}

/// Holds the attributes of every Route against the declarations of its chain.
pub(super) fn check_routes(checker: &Checker<'_>, related: &Related<'_>, chains: &NameIndex<'_>) {
    // A rollout or a policy that could not be read may have declared what seems unknown.
    if related.rollouts.iter().any(Option::is_none) || !checker.items.complete {
        return;
    }

    let mut by_chain: BTreeMap<usize, Option<ChainAttributes<'_>>> = BTreeMap::new();
    for reader in checker.readers(&ROUTES) {
        let chain = reader.text(&route::CHAIN).and_then(|name| chains.get(&name));
        let Some(chain) = chain else { continue };
        let attributes =
            by_chain.entry(chain).or_insert_with(|| ChainAttributes::of(chain, related));
        if let Some(attributes) = attributes {
            attributes.check(&reader, related);
        }
    }
}

/// The declarations of one chain.
struct ChainAttributes<'a> {
    chain: &'a str,
    /// By attribute, each declaring policy with its declaration.
    declared: BTreeMap<&'a str, Vec<(&'a str, &'a AttributeDeclaration)>>,
    /// Values of `class` that interests name.
    classes: BTreeSet<&'a str>,
}

impl<'a> ChainAttributes<'a> {
    /// `None` where a policy of the chain has problems: its declarations are not known.
    fn of(chain: usize, related: &Related<'a>) -> Option<Self> {
        let chain = related.chains.get(chain)?.as_ref()?;
        let mut attributes =
            Self { chain: &chain.name, declared: BTreeMap::new(), classes: BTreeSet::new() };

        for index in &chain.policies {
            attributes.add(related.policies.get(*index)?.as_ref()?);
            for rollout in related.rollouts.iter().flatten().filter(|one| one.policy == *index) {
                attributes.add(related.policies.get(rollout.candidate)?.as_ref()?);
            }
        }
        Some(attributes)
    }

    fn add(&mut self, policy: &'a PolicyConfig) {
        for (name, declaration) in &policy.attributes {
            self.declared.entry(name).or_default().push((&policy.name, declaration));
        }
        self.classes.extend(policy.interests.route_classes.iter().map(|class| &**class));
    }

    fn check(&self, reader: &ItemReader<'_>, related: &Related<'_>) {
        let mut present = BTreeSet::new();
        for (name, field) in reader.fields(&route::ATTRIBUTES) {
            present.insert(name);
            let TomlValue::Text(value) = field.value() else { continue };
            if let Some(message) = self.problem(name, value, related) {
                let location = reader.location_below(&route::ATTRIBUTES, name, &field.value);
                reader.report(&location, &message);
            }
        }

        for (name, declarations) in &self.declared {
            let requiring = declarations.iter().find(|(_, declaration)| declaration.required);
            if let Some((policy, _)) = requiring.filter(|_| !present.contains(name)) {
                let message =
                    format!("missing attribute `{name}`, which policies.{policy} requires");
                reader.problem_at(&route::ATTRIBUTES, &message);
            }
        }
    }

    /// The problem of an attribute with this value.
    fn problem(&self, name: &str, value: &str, related: &Related<'_>) -> Option<String> {
        let declarations = self.declared.get(name).map(Vec::as_slice).unwrap_or_default();
        let is_class_of_interests = name == CLASS && !self.classes.is_empty();
        if declarations.is_empty() && !is_class_of_interests {
            return Some(self.undeclared(name, related));
        }
        if name == CLASS && self.classes.contains(value) {
            return None;
        }

        if declarations.is_empty() {
            let known = self.classes.iter().copied().collect::<Vec<_>>();
            return Some(wrong_value(value, &known, "the interests of the chain's policies name"));
        }
        for (policy, declaration) in declarations {
            let Some(values) = &declaration.values else { continue };
            if !values.iter().any(|known| known == value) {
                let known = values.iter().map(String::as_str).collect::<Vec<_>>();
                return Some(wrong_value(value, &known, &format!("policies.{policy} declares")));
            }
        }
        let (_, known) = READ_BY_THE_GATEWAY.iter().find(|(read, _)| *read == name)?;
        (!known.contains(&value)).then(|| wrong_value(value, known, "the gateway itself reads it"))
    }

    fn undeclared(&self, name: &str, related: &Related<'_>) -> String {
        let mut known: BTreeSet<&str> = self.declared.keys().copied().collect();
        if !self.classes.is_empty() {
            known.insert(CLASS);
        }
        let known: Vec<_> = known.into_iter().collect();
        let expected = match known.is_empty() {
            true => "no attributes".to_owned(),
            false => format!("one of {}", known.join(", ")),
        };

        let elsewhere = related.policies.iter().flatten();
        let elsewhere = elsewhere.filter(|policy| policy.attributes.contains_key(name));
        let elsewhere: Vec<_> =
            elsewhere.take(3).map(|policy| format!("policies.{}", policy.name)).collect();
        let hint = if elsewhere.is_empty() {
            did_you_mean(name, &known)
        } else {
            format!("; it is read by {}, not in this chain", elsewhere.join(", "))
        };
        format!(
            "no policy of the chain {:?} declares this attribute; expected {expected}{hint}",
            self.chain
        )
    }
}

fn wrong_value(value: &str, known: &[&str], why: &str) -> String {
    let hint = did_you_mean(value, known);
    format!("expected one of {}, as {why}, found {value:?}{hint}", known.join(", "))
}

/// A hint to the known word that is nearest, where one is near.
fn did_you_mean(word: &str, known: &[&str]) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(word, known);
    let nearest = known.iter().min_by_key(|known| distance(known));
    match nearest.filter(|known| distance(known) <= 1 + word.chars().count() / 4) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    }
}
