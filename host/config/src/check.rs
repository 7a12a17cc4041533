//! From items to meaning: values, references, and what items demand of each other.

mod attributes;
mod gateway;
mod policies;
mod rollouts;
mod routes;
mod stage;
mod stores;

use std::path::PathBuf;

use crate::conform::conform;
use crate::error::ConfigProblem;
use crate::items::{Items, ProblemSink};
use crate::keys::{self, Section};
use crate::reader::{ItemReader, NameIndex};
use crate::types::{ChainConfig, Config, ListenerConfig, PolicyConfig, RolloutConfig};

/// Checked items of one section, by index; `None` for one that has a problem. Checks between items
/// need the indices of all.
type Checked<T> = Vec<Option<T>>;

/// Checks everything; every problem goes to the sink.
pub(crate) fn check(items: Items, sink: &ProblemSink) -> Option<Config> {
    for item in items.iter() {
        conform(item, sink);
    }

    let checker = Checker { items: &items, sink };
    let index = |section| NameIndex::of(&items, section);
    let plugin_index = index(&keys::policies::PLUGINS);
    let policy_index = index(&keys::policies::POLICIES);
    let chain_index = index(&keys::policies::CHAINS);
    let upstream_index = index(&keys::routes::UPSTREAMS);

    let plugins = checker.each(&keys::policies::PLUGINS, policies::plugin);
    let policies =
        checker.each(&keys::policies::POLICIES, |reader| policies::policy(reader, &plugin_index));
    let chains =
        checker.each(&keys::policies::CHAINS, |reader| policies::chain(reader, &policy_index));
    let rollouts =
        checker.each(&keys::policies::ROLLOUTS, |reader| rollouts::rollout(reader, &policy_index));
    let upstreams = checker.each(&keys::routes::UPSTREAMS, routes::upstream);
    let routes = checker
        .each(&keys::routes::ROUTES, |reader| routes::route(reader, &chain_index, &upstream_index));
    let listeners =
        checker.each(&keys::gateway::LISTENERS, |reader| gateway::listener(reader, &chain_index));
    let stores = stores::stores(&checker);
    let gateway = gateway::gateway(&checker);
    let stage = stage::stage(&checker);

    checker.listeners_exist(&listeners);
    let related = Related {
        listeners: &listeners,
        policies: &policies,
        chains: &chains,
        rollouts: &rollouts,
    };
    rollouts::check_candidates(&checker, &related);
    policies::check_skippable(&checker, &related);
    routes::check_websockets(&checker, &routes, &upstreams);
    attributes::check_routes(&checker, &related, &chain_index);
    stage::check_clear_text(&checker, *stage, &upstreams, stores.as_ref());

    Some(Config {
        listeners: all(listeners)?,
        admin: gateway.admin,
        admin_token: gateway.admin_token,
        admin_hosts: gateway.admin_hosts,
        stage,
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
        plugins: all(plugins)?,
        policies: all(policies)?,
        chains: all(chains)?,
        rollouts: all(rollouts)?,
        routes: all(routes)?,
        upstreams: all(upstreams)?,
        folders: items.folders,
    })
}

fn all<T>(checked: Checked<T>) -> Option<Vec<T>> {
    checked.into_iter().collect()
}

/// The items, and the sink of their problems.
struct Checker<'a> {
    items: &'a Items,
    sink: &'a ProblemSink,
}

/// Checked items that demand something of each other.
struct Related<'a> {
    listeners: &'a [Option<ListenerConfig>],
    policies: &'a [Option<PolicyConfig>],
    chains: &'a [Option<ChainConfig>],
    rollouts: &'a [Option<RolloutConfig>],
}

impl Related<'_> {
    fn policy(&self, index: usize) -> Option<&PolicyConfig> {
        self.policies.get(index)?.as_ref()
    }

    fn chain(&self, index: usize) -> Option<&ChainConfig> {
        self.chains.get(index)?.as_ref()
    }

    fn rollouts(&self) -> impl Iterator<Item = &RolloutConfig> {
        self.rollouts.iter().flatten()
    }
}

impl<'a> Checker<'a> {
    /// Checks each item of a section.
    fn each<T>(
        &self,
        section: &Section,
        check: impl FnMut(&ItemReader<'a>) -> Option<T>,
    ) -> Checked<T> {
        self.readers(section).collect::<Vec<_>>().iter().map(check).collect()
    }

    /// Readers of the items of a section, in the order of their indices.
    fn readers(&self, section: &Section) -> impl Iterator<Item = ItemReader<'a>> {
        self.items.section(section).values().map(|item| ItemReader::new(item, self.sink))
    }

    /// The reader of a section of which there is one; of an item of this name otherwise.
    fn reader(&self, section: &Section, name: &str) -> Option<ItemReader<'a>> {
        self.items.get(section, name).map(|item| ItemReader::new(item, self.sink))
    }

    /// The reader of a section of which there is one; of its defaults where it is not written.
    fn reader_or_empty(&self, section: &Section) -> ItemReader<'a> {
        self.reader(section, "").unwrap_or_else(|| ItemReader::absent(self.sink))
    }

    fn listeners_exist(&self, listeners: &[Option<ListenerConfig>]) {
        if listeners.is_empty() && self.sink.is_empty() {
            self.sink.push(ConfigProblem {
                file: self.items.folders.last().cloned().unwrap_or_else(PathBuf::new),
                line: 0,
                key: "listeners".to_owned(),
                message: "expected at least one [listeners.<name>]".to_owned(),
            });
        }
    }
}
