//! Shapes: what may be written, as serde sees it. Unknown keys are refused here; meaning, bounds
//! and references are checked in `check.rs`.

mod gateway;
mod policies;
mod rollouts;
mod routes;
mod settings;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::error::{Problem, Problems};
use crate::text::{self, Place, Source};

pub(crate) use gateway::{
    RawAccessLog, RawAdmin, RawDescriptors, RawDrain, RawEngine, RawErrors, RawHidden, RawListener,
    RawPrincipal, RawReceipts, RawStore, RawTrees,
};
pub(crate) use policies::{RawChain, RawPlugin, RawPolicy};
pub(crate) use rollouts::RawRollout;
pub(crate) use routes::{RawRoute, RawUpstream};

/// Most folders in a chain of `extends`.
const LAYERS_MAX: usize = 8;

/// An item and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Item<T> {
    pub(crate) place: Place,
    pub(crate) raw: T,
}

/// A family of named items.
pub(crate) type Named<T> = BTreeMap<String, Item<T>>;

/// Everything that was written in a folder and those it extends; the nearest of a name wins.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    pub(crate) access_log: Option<Item<RawAccessLog>>,
    pub(crate) admin: Option<Item<RawAdmin>>,
    pub(crate) descriptors: Option<Item<RawDescriptors>>,
    pub(crate) drain: Option<Item<RawDrain>>,
    pub(crate) engine: Option<Item<RawEngine>>,
    pub(crate) errors: Option<Item<RawErrors>>,
    pub(crate) hidden_headers: Option<Item<RawHidden>>,
    pub(crate) principal: Option<Item<RawPrincipal>>,
    pub(crate) receipts: Option<Item<RawReceipts>>,
    pub(crate) trees: Option<Item<RawTrees>>,
    pub(crate) chains: Named<RawChain>,
    pub(crate) listeners: Named<RawListener>,
    pub(crate) plugins: Named<RawPlugin>,
    pub(crate) policies: Named<RawPolicy>,
    pub(crate) rollouts: Named<RawRollout>,
    pub(crate) routes: Named<RawRoute>,
    pub(crate) stores: Named<RawStore>,
    pub(crate) upstreams: Named<RawUpstream>,
    /// Every folder that was read, the nearest last.
    pub(crate) folders: Vec<PathBuf>,
}

impl Shapes {
    /// Reads `folder` and what it extends.
    pub(crate) fn read(folder: &Path, problems: &mut Problems) -> Self {
        Self::read_layer(folder, 0, problems)
    }

    fn read_layer(folder: &Path, depth: usize, problems: &mut Problems) -> Self {
        let whole = |message: String| Problem {
            file: folder.to_owned(),
            line: 0,
            key: String::new(),
            message,
        };
        let mut own = Self::default();
        if depth >= LAYERS_MAX {
            problems.push(whole(format!("extends more than {LAYERS_MAX} folders deep")));
            return own;
        }
        let files = match text::files(folder) {
            Ok(files) if files.is_empty() => {
                problems.push(whole("expected a folder with .toml files, found none".to_owned()));
                return own;
            }
            Ok(files) => files,
            Err(error) => {
                problems.push(whole(format!("expected a folder that can be read: {error}")));
                return own;
            }
        };
        let mut parents = Vec::new();
        for path in files {
            own.read_file(&path, &mut parents, problems);
        }
        let mut all = Self::default();
        for parent in parents {
            all.overlay(Self::read_layer(&parent, depth + 1, problems));
        }
        all.overlay(own);
        all.folders.push(folder.to_owned());
        all
    }

    fn read_file(&mut self, path: &Path, parents: &mut Vec<PathBuf>, problems: &mut Problems) {
        let problem =
            |line, message| Problem { file: path.to_owned(), line, key: String::new(), message };
        let source = match Source::read(path) {
            Ok(source) => Arc::new(source),
            Err(error) => {
                problems.push(problem(0, format!("expected a file that can be read: {error}")));
                return;
            }
        };
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in &errors {
            let line = error.span().map_or(0, |span| source.line(span.start));
            problems.push(problem(line, format!("expected TOML: {}", error.message())));
        }
        if errors.is_empty() {
            for (key, value) in table.into_inner() {
                let place = Place {
                    source: Arc::clone(&source),
                    key: key.get_ref().to_string(),
                    span: key.span(),
                };
                self.insert(place, value, parents, problems);
            }
        }
    }

    fn insert(
        &mut self,
        place: Place,
        value: Spanned<DeValue<'_>>,
        parents: &mut Vec<PathBuf>,
        problems: &mut Problems,
    ) {
        let section = place.key.clone();
        match section.as_str() {
            "extends" => {
                if let Some(item) = read_item::<Vec<PathBuf>>(place, value, problems) {
                    parents.extend(item.raw.iter().map(|path| item.place.path(path)));
                }
            }
            "access_log" => single(&mut self.access_log, place, value, problems),
            "admin" => single(&mut self.admin, place, value, problems),
            "descriptors" => single(&mut self.descriptors, place, value, problems),
            "drain" => single(&mut self.drain, place, value, problems),
            "engine" => single(&mut self.engine, place, value, problems),
            "errors" => single(&mut self.errors, place, value, problems),
            "hidden_headers" => single(&mut self.hidden_headers, place, value, problems),
            "principal" => single(&mut self.principal, place, value, problems),
            "receipts" => single(&mut self.receipts, place, value, problems),
            "trees" => single(&mut self.trees, place, value, problems),
            "chains" => named(&mut self.chains, &place, value, problems),
            "listeners" => named(&mut self.listeners, &place, value, problems),
            "plugins" => named(&mut self.plugins, &place, value, problems),
            "policies" => named(&mut self.policies, &place, value, problems),
            "rollouts" => named(&mut self.rollouts, &place, value, problems),
            "routes" => named(&mut self.routes, &place, value, problems),
            "stores" => named(&mut self.stores, &place, value, problems),
            "upstreams" => named(&mut self.upstreams, &place, value, problems),
            _ => {
                let message = format!("unknown table; expected one of {}", SECTIONS.join(", "));
                problems.push(place.problem(&place.span, "", message));
            }
        }
    }

    /// Lays a nearer layer over this one: whole items replace whole items.
    fn overlay(&mut self, nearer: Self) {
        fn over<T>(mine: &mut Option<T>, nearer: Option<T>) {
            if nearer.is_some() {
                *mine = nearer;
            }
        }
        over(&mut self.access_log, nearer.access_log);
        over(&mut self.admin, nearer.admin);
        over(&mut self.descriptors, nearer.descriptors);
        over(&mut self.drain, nearer.drain);
        over(&mut self.engine, nearer.engine);
        over(&mut self.errors, nearer.errors);
        over(&mut self.hidden_headers, nearer.hidden_headers);
        over(&mut self.principal, nearer.principal);
        over(&mut self.receipts, nearer.receipts);
        over(&mut self.trees, nearer.trees);
        self.chains.extend(nearer.chains);
        self.listeners.extend(nearer.listeners);
        self.plugins.extend(nearer.plugins);
        self.policies.extend(nearer.policies);
        self.rollouts.extend(nearer.rollouts);
        self.routes.extend(nearer.routes);
        self.stores.extend(nearer.stores);
        self.upstreams.extend(nearer.upstreams);
        self.folders.extend(nearer.folders);
    }
}

/// Every table that may stand at the root of a file.
const SECTIONS: [&str; 19] = [
    "access_log",
    "admin",
    "chains",
    "descriptors",
    "drain",
    "engine",
    "errors",
    "extends",
    "hidden_headers",
    "listeners",
    "plugins",
    "policies",
    "principal",
    "receipts",
    "rollouts",
    "routes",
    "stores",
    "trees",
    "upstreams",
];

fn single<T: DeserializeOwned>(
    slot: &mut Option<Item<T>>,
    place: Place,
    value: Spanned<DeValue<'_>>,
    problems: &mut Problems,
) {
    if slot.is_some() {
        let message = "stands in two files of this folder; expected one".to_owned();
        problems.push(place.problem(&place.span, "", message));
    } else {
        *slot = read_item(place, value, problems);
    }
}

fn named<T: DeserializeOwned>(
    family: &mut Named<T>,
    section: &Place,
    value: Spanned<DeValue<'_>>,
    problems: &mut Problems,
) {
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        let message = format!("expected tables [{}.<name>]", section.key);
        problems.push(section.problem(&span, "", message));
        return;
    };
    for (key, value) in table {
        let name = key.get_ref().to_string();
        let place = Place {
            source: Arc::clone(&section.source),
            key: format!("{}.{name}", section.key),
            span: key.span(),
        };
        if !is_name(&name) {
            let message = "expected a name of 1 to 64 of [a-z0-9-_.]".to_owned();
            problems.push(place.problem(&place.span, "", message));
            continue;
        }
        match family.entry(name) {
            Entry::Occupied(_) => {
                let message = "stands in two files of this folder; expected one".to_owned();
                problems.push(place.problem(&place.span, "", message));
            }
            Entry::Vacant(vacant) => {
                if let Some(item) = read_item(place, value, problems) {
                    vacant.insert(item);
                }
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn read_item<T: DeserializeOwned>(
    place: Place,
    value: Spanned<DeValue<'_>>,
    problems: &mut Problems,
) -> Option<Item<T>> {
    match T::deserialize(ValueDeserializer::from(value)) {
        Ok(raw) => Some(Item { place, raw }),
        Err(mut error) => {
            error.set_input(None);
            let span = error.span().unwrap_or_else(|| place.span.clone());
            let shown = error.to_string();
            let key = shown
                .lines()
                .find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'))
                .unwrap_or_default();
            problems.push(place.problem(&span, key, error.message().to_owned()));
            None
        }
    }
}
