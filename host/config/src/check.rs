//! From shapes to meaning: bounds, defaults, references. Collects every problem.

mod gateway;
mod policies;
mod rollouts;
mod routes;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde_spanned::Spanned;

use crate::error::{Problem, Problems};
use crate::raw::{Item, Named, Shapes};
use crate::text::Place;
use crate::types::Config;

/// Names of one family and the index each has in the checked list.
pub(crate) type Index = BTreeMap<String, usize>;

/// Checks everything; `None` when something is wrong.
pub(crate) fn check(shapes: Shapes, problems: &mut Problems) -> Option<Config> {
    let plugin_index = index(&shapes.plugins);
    let policy_index = index(&shapes.policies);
    let chain_index = index(&shapes.chains);
    let upstream_index = index(&shapes.upstreams);
    let plugins = each(&shapes.plugins, problems, policies::plugin);
    let policies = each(&shapes.policies, problems, |name, item, problems| {
        policies::policy(name, item, &plugin_index, problems)
    });
    let chains = each(&shapes.chains, problems, |name, item, problems| {
        policies::chain(name, item, &policy_index, problems)
    });
    let rollouts = each(&shapes.rollouts, problems, |name, item, problems| {
        rollouts::rollout(name, item, &policy_index, problems)
    });
    rollouts::fitting(&rollouts, &chains, &policies, problems);
    let upstreams = each(&shapes.upstreams, problems, routes::upstream);
    let routes = each(&shapes.routes, problems, |name, item, problems| {
        routes::route(
            name,
            item,
            &routes::References { chains: &chain_index, upstreams: &upstream_index },
            problems,
        )
    });
    let listeners = each(&shapes.listeners, problems, |name, item, problems| {
        gateway::listener(name, item, &chain_index, problems)
    });
    if shapes.listeners.is_empty() && problems.is_empty() {
        problems.push(Problem {
            file: shapes.folders.last().cloned().unwrap_or_else(PathBuf::new),
            line: 0,
            key: "listeners".to_owned(),
            message: "expected at least one [listeners.<name>]".to_owned(),
        });
    }
    policies::unskippable(&shapes, &listeners, &chains, &policies, problems);
    let stores = gateway::stores(&shapes.stores, problems);
    let gateway = gateway::gateway(&shapes, problems);
    Some(Config {
        listeners,
        admin: gateway.admin,
        admin_token: gateway.admin_token,
        problem_type_base: gateway.problem_type_base,
        access_log: gateway.access_log,
        drain: gateway.drain,
        engine: gateway.engine,
        trees: gateway.trees,
        receipts: gateway.receipts,
        hidden_headers: gateway.hidden_headers,
        descriptors: gateway.descriptors,
        signing: gateway.signing,
        stores: stores?,
        plugins,
        policies,
        chains,
        rollouts,
        routes,
        upstreams,
        folders: shapes.folders,
    })
}

fn index<T>(family: &Named<T>) -> Index {
    family.keys().enumerate().map(|(index, name)| (name.clone(), index)).collect()
}

fn each<T, C>(
    family: &Named<T>,
    problems: &mut Problems,
    mut check: impl FnMut(&str, &Item<T>, &mut Problems) -> Option<C>,
) -> Vec<C> {
    family.iter().filter_map(|(name, item)| check(name, item, problems)).collect()
}

/// A number within its bounds, or the default.
pub(crate) fn bounded(
    place: &Place,
    key: &str,
    written: Option<&Spanned<u64>>,
    default: u64,
    bounds: RangeInclusive<u64>,
    problems: &mut Problems,
) -> u64 {
    let Some(written) = written else { return default };
    let value = *written.get_ref();
    if bounds.contains(&value) {
        return value;
    }
    let message = format!("expected {} to {}, found {value}", bounds.start(), bounds.end());
    problems.push(place.problem(&written.span(), key, message));
    default
}

/// As [`bounded`], for sizes.
pub(crate) fn bounded_size(
    place: &Place,
    key: &str,
    written: Option<&Spanned<u64>>,
    default: u64,
    bounds: RangeInclusive<u64>,
    problems: &mut Problems,
) -> usize {
    usize::try_from(bounded(place, key, written, default, bounds, problems)).unwrap_or(usize::MAX)
}

/// The index of the item that is named.
pub(crate) fn reference(
    place: &Place,
    key: &str,
    written: &Spanned<String>,
    family: (&str, &Index),
    problems: &mut Problems,
) -> Option<usize> {
    let (section, index) = family;
    let found = index.get(written.get_ref()).copied();
    if found.is_none() {
        let known = index.keys().take(12).cloned().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none is declared".to_owned() } else { known };
        let message = format!(
            "expected the name of one of [{section}.*] ({known}), found {:?}",
            written.get_ref()
        );
        problems.push(place.problem(&written.span(), key, message));
    }
    found
}

/// One of a few words.
pub(crate) fn word<T: Copy>(
    place: &Place,
    key: &str,
    written: &Spanned<String>,
    words: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let found = words.iter().find(|(word, _)| word == written.get_ref());
    if found.is_none() {
        let expected = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let message = format!("expected one of {expected}, found {:?}", written.get_ref());
        problems.push(place.problem(&written.span(), key, message));
    }
    found.map(|(_, value)| *value)
}

/// 64 hexadecimal digits.
pub(crate) fn sha256(
    place: &Place,
    key: &str,
    written: &Spanned<String>,
    problems: &mut Problems,
) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = written
        .get_ref()
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let bytes: Option<[u8; 32]> = digits.filter(|digits| digits.len() == 64).and_then(|digits| {
        let pairs =
            digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum * 16 + digit));
        pairs.collect::<Vec<u8>>().try_into().ok()
    });
    if bytes.is_none() {
        let message = "expected 64 hexadecimal digits".to_owned();
        problems.push(place.problem(&written.span(), key, message));
    }
    bytes
}
