//! Listeners, stores and the tables of which there is one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use serde_spanned::Spanned;
use tollgate_chain::{Bounds, Growth};

use super::{Index, bounded, bounded_size, reference, word};
use crate::error::Problems;
use crate::raw::{Item, Named, RawListener, RawStore, Shapes};
use crate::types::{
    AccessLog, CredentialStore, Descriptors, Drain, Engine, IdempotencyStore, Listener, QuotaStore,
    Receipts, Signing, Stores, TlsFiles,
};

pub(super) fn listener(
    name: &str,
    item: &Item<RawListener>,
    chains: &Index,
    problems: &mut Problems,
) -> Option<Listener> {
    let (place, raw) = (&item.place, &item.raw);
    let chain = reference(place, "chain", &raw.chain, ("chains", chains), problems);
    Some(Listener {
        name: name.to_owned(),
        address: raw.address,
        chain: chain?,
        tls: raw.tls.as_ref().map(|tls| TlsFiles {
            certificate: place.path(&tls.certificate),
            key: place.path(&tls.key),
        }),
        trusted_proxies: raw.trusted_proxies.clone(),
        connections_max: bounded_size(
            place,
            "connections_max",
            raw.connections_max.as_ref(),
            10_000,
            1..=1_000_000,
            problems,
        ),
        connections_per_address_max: bounded_size(
            place,
            "connections_per_address_max",
            raw.connections_per_address_max.as_ref(),
            100,
            1..=1_000_000,
            problems,
        ),
    })
}

/// What the tables of which there is one say.
pub(super) struct Gateway {
    pub(super) admin: Option<SocketAddr>,
    pub(super) admin_token: Option<PathBuf>,
    pub(super) problem_type_base: String,
    pub(super) access_log: AccessLog,
    pub(super) drain: Drain,
    pub(super) engine: Engine,
    pub(super) trees: Growth,
    pub(super) receipts: Receipts,
    pub(super) hidden_headers: Vec<HeaderName>,
    pub(super) descriptors: Option<Descriptors>,
    pub(super) signing: Option<Signing>,
}

pub(super) fn gateway(shapes: &Shapes, problems: &mut Problems) -> Gateway {
    Gateway {
        admin: shapes.admin.as_ref().map(|item| item.raw.address),
        admin_token: shapes
            .admin
            .as_ref()
            .and_then(|item| item.raw.token_file.as_ref().map(|path| item.place.path(path))),
        problem_type_base: problem_type_base(shapes, problems),
        access_log: access_log(shapes),
        drain: drain(shapes, problems),
        engine: engine(shapes, problems),
        trees: trees(shapes, problems),
        receipts: receipts(shapes, problems),
        hidden_headers: hidden_headers(shapes, problems),
        descriptors: descriptors(shapes, problems),
        signing: shapes.principal.as_ref().map(|item| Signing {
            issuer: item.raw.issuer.clone(),
            key_id: item.raw.key_id.clone(),
            key_file: item.place.path(&item.raw.key_file),
        }),
    }
}

fn problem_type_base(shapes: &Shapes, problems: &mut Problems) -> String {
    let Some(item) = &shapes.errors else { return "urn:tollgate:problem:".to_owned() };
    let base = item.raw.type_base.get_ref();
    if !base.ends_with(['/', ':', '#']) {
        let message = format!("expected a URI that ends in `/`, `:` or `#`, found {base:?}");
        problems.push(item.place.problem(&item.raw.type_base.span(), "type_base", message));
    }
    base.clone()
}

fn access_log(shapes: &Shapes) -> AccessLog {
    match &shapes.access_log {
        None => AccessLog::Stdout,
        Some(item) => match item.raw.to.as_str() {
            "off" => AccessLog::Off,
            "stdout" => AccessLog::Stdout,
            path => AccessLog::File(item.place.path(&PathBuf::from(path))),
        },
    }
}

fn drain(shapes: &Shapes, problems: &mut Problems) -> Drain {
    let (mut delay, mut wait) = (10_000, 30_000);
    if let Some(item) = &shapes.drain {
        let raw = &item.raw;
        delay =
            bounded(&item.place, "delay_ms", raw.delay_ms.as_ref(), delay, 0..=300_000, problems);
        wait = bounded(&item.place, "wait_ms", raw.wait_ms.as_ref(), wait, 0..=900_000, problems);
    }
    Drain { delay: Duration::from_millis(delay), wait: Duration::from_millis(wait) }
}

fn engine(shapes: &Shapes, problems: &mut Problems) -> Engine {
    let (mut instances, mut workers, mut compiled_cache) = (1_000, None, None);
    if let Some(item) = &shapes.engine {
        let (place, raw) = (&item.place, &item.raw);
        let written = raw.instances_max.as_ref();
        instances = bounded(place, "instances_max", written, instances, 1..=10_000, problems);
        workers = raw
            .workers
            .as_ref()
            .map(|written| bounded_size(place, "workers", Some(written), 1, 1..=1_024, problems));
        compiled_cache = raw.compiled_cache.as_ref().map(|path| place.path(path));
    }
    let instances_max = u32::try_from(instances).unwrap_or(u32::MAX);
    Engine { instances_max, workers, compiled_cache }
}

fn trees(shapes: &Shapes, problems: &mut Problems) -> Growth {
    let mut growth = Growth::default();
    let Some(item) = &shapes.trees else { return growth };
    let (place, raw, bounds) = (&item.place, &item.raw, growth.bounds);
    growth.on = raw.on.unwrap_or(growth.on);
    let every = raw.verify_every.as_ref();
    growth.verify_every =
        bounded(place, "verify_every", every, growth.verify_every, 1..=1_000_000, problems);
    let mut size = |key, written: &Option<Spanned<u64>>, default: usize, most: u64| {
        let default = u64::try_from(default).unwrap_or(most);
        bounded_size(place, key, written.as_ref(), default, 1..=most, problems)
    };
    growth.bounds = Bounds {
        nodes_max: size("nodes_max", &raw.nodes_max, bounds.nodes_max, 1 << 20),
        bytes_max: size("bytes_max", &raw.bytes_max, bounds.bytes_max, 1 << 30),
        fan_out_max: size("fan_out_max", &raw.fan_out_max, bounds.fan_out_max, 1 << 16),
        ..bounds
    };
    growth
}

fn receipts(shapes: &Shapes, problems: &mut Problems) -> Receipts {
    let mut receipts =
        Receipts { on: true, sample_every: 100, entries_max: 3_000, bytes_max: 16 << 20 };
    let Some(item) = &shapes.receipts else { return receipts };
    let (place, raw) = (&item.place, &item.raw);
    receipts.on = raw.on.unwrap_or(receipts.on);
    let every = raw.sample_every.as_ref();
    receipts.sample_every =
        bounded(place, "sample_every", every, receipts.sample_every, 1..=1_000_000, problems);
    let entries = raw.entries_max.as_ref();
    receipts.entries_max =
        bounded_size(place, "entries_max", entries, 3_000, 30..=1_000_000, problems);
    let bytes = raw.bytes_max.as_ref();
    receipts.bytes_max =
        bounded_size(place, "bytes_max", bytes, 16 << 20, 1 << 20..=1 << 30, problems);
    receipts
}

fn hidden_headers(shapes: &Shapes, problems: &mut Problems) -> Vec<HeaderName> {
    let Some(item) = &shapes.hidden_headers else { return Vec::new() };
    let mut names = Vec::new();
    for written in &item.raw.names {
        match HeaderName::try_from(written.get_ref()) {
            Ok(name) => names.push(name),
            Err(_) => {
                let message = format!("expected a header name, found {:?}", written.get_ref());
                problems.push(item.place.problem(&written.span(), "names", message));
            }
        }
    }
    names
}

fn descriptors(shapes: &Shapes, problems: &mut Problems) -> Option<Descriptors> {
    let item = shapes.descriptors.as_ref()?;
    let (place, raw) = (&item.place, &item.raw);
    match (&raw.set, raw.files.is_empty()) {
        (Some(set), true) => Some(Descriptors::Set(place.path(set))),
        (None, false) => Some(Descriptors::Sources {
            files: raw.files.iter().map(|path| place.path(path)).collect(),
            includes: raw.includes.iter().map(|path| place.path(path)).collect(),
        }),
        _ => {
            let message = "expected either `set`, or `files` and `includes`".to_owned();
            problems.push(place.problem(&place.span, "", message));
            None
        }
    }
}

/// The kinds of store there are.
#[derive(Clone, Copy)]
enum Kind {
    None,
    Memory,
    File,
    Identity,
}

pub(super) fn stores(family: &Named<RawStore>, problems: &mut Problems) -> Option<Stores> {
    let (mut quota, mut idempotency, mut credentials) = (
        Some(QuotaStore::Memory { entries_max: 100_000 }),
        Some(IdempotencyStore::Memory { entries_max: 100_000, ttl: Duration::from_hours(72) }),
        Some(CredentialStore::None),
    );
    for (name, item) in family {
        match name.as_str() {
            "quota" => quota = quota_store(item, problems),
            "idempotency" => idempotency = idempotency_store(item, problems),
            "credentials" => credentials = credential_store(item, problems),
            _ => {
                let message = "expected one of quota, idempotency, credentials".to_owned();
                problems.push(item.place.problem(&item.place.span, "", message));
            }
        }
    }
    Some(Stores { quota: quota?, idempotency: idempotency?, credentials: credentials? })
}

fn entries_max(item: &Item<RawStore>, problems: &mut Problems) -> usize {
    let written = item.raw.entries_max.as_ref();
    bounded_size(&item.place, "entries_max", written, 100_000, 1_000..=10_000_000, problems)
}

fn quota_store(item: &Item<RawStore>, problems: &mut Problems) -> Option<QuotaStore> {
    word(&item.place, "kind", &item.raw.kind, &[("memory", Kind::Memory)], problems)?;
    Some(QuotaStore::Memory { entries_max: entries_max(item, problems) })
}

fn idempotency_store(item: &Item<RawStore>, problems: &mut Problems) -> Option<IdempotencyStore> {
    let kinds = [("memory", Kind::Memory), ("file", Kind::File)];
    let kind = word(&item.place, "kind", &item.raw.kind, &kinds, problems)?;
    let entries_max = entries_max(item, problems);
    let written = item.raw.ttl_hours.as_ref();
    let hours = bounded(&item.place, "ttl_hours", written, 72, 24..=720, problems);
    let ttl = Duration::from_hours(hours);
    if matches!(kind, Kind::Memory) {
        return Some(IdempotencyStore::Memory { entries_max, ttl });
    }
    let path = required(item, "path", item.raw.path.as_ref(), problems)?;
    Some(IdempotencyStore::File { path: item.place.path(path), entries_max, ttl })
}

fn credential_store(item: &Item<RawStore>, problems: &mut Problems) -> Option<CredentialStore> {
    let kinds = [("none", Kind::None), ("file", Kind::File), ("identity", Kind::Identity)];
    match word(&item.place, "kind", &item.raw.kind, &kinds, problems)? {
        Kind::None | Kind::Memory => Some(CredentialStore::None),
        Kind::File => {
            let path = required(item, "path", item.raw.path.as_ref(), problems)?;
            Some(CredentialStore::File { path: item.place.path(path) })
        }
        Kind::Identity => {
            let endpoint = required(item, "endpoint", item.raw.endpoint.as_ref(), problems)?;
            Some(CredentialStore::Identity {
                endpoint: endpoint.get_ref().clone(),
                ca_bundle: item.raw.ca_bundle.as_ref().map(|path| item.place.path(path)),
                entries_max: entries_max(item, problems),
            })
        }
    }
}

fn required<'a, T>(
    item: &Item<RawStore>,
    key: &str,
    written: Option<&'a T>,
    problems: &mut Problems,
) -> Option<&'a T> {
    if written.is_none() {
        let message = format!("expected with kind {:?}", item.raw.kind.get_ref());
        problems.push(item.place.problem(&item.place.span, key, message));
    }
    written
}
