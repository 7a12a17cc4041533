//! Listeners, and the tables of which there is one.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::HeaderName;
use tollgate_chain::{Bounds, Growth};

use super::Checker;
use crate::keys::gateway as keys;
use crate::keys::gateway::{
    access_log, admin, descriptors, drain, engine, errors, hidden_headers, listener, principal,
    receipts, tls, trees,
};
use crate::location::Located;
use crate::reader::{ItemReader, NameIndex};
use crate::types::{
    AccessLogConfig, ClientTlsFiles, DescriptorsConfig, DrainConfig, EngineConfig, ListenerConfig,
    ReceiptsConfig, SigningConfig, TlsFiles,
};

pub(super) fn listener(reader: &ItemReader<'_>, chains: &NameIndex<'_>) -> Option<ListenerConfig> {
    let chain = reader.reference(&listener::CHAIN, chains);
    let address = reader.parse(&listener::ADDRESS, |text| text.parse().map_err(|_| None));
    let proxies =
        reader.parse_all(&listener::TRUSTED_PROXIES, |text| text.parse().map_err(|_| None));

    let files = reader.table(&listener::TLS);
    let tls = if files.is_present() { Some(tls_files(&files)?) } else { None };

    let proxy_protocol = reader.boolean(&listener::PROXY_PROTOCOL);
    if proxy_protocol && proxies.is_empty() {
        let message = "expected networks in `trusted_proxies`: no other peer may connect";
        reader.problem_at(&listener::PROXY_PROTOCOL, message);
    }

    Some(ListenerConfig {
        name: reader.name(),
        address: address?,
        chain: chain?,
        tls,
        trusted_proxies: proxies.into_iter().map(Located::into_value).collect(),
        proxy_protocol,
        connections_max: reader.size(&listener::CONNECTIONS_MAX),
        connections_per_address_max: reader.size(&listener::CONNECTIONS_PER_ADDRESS_MAX),
        idle_timeout: reader.milliseconds(&listener::IDLE_TIMEOUT_MS),
    })
}

fn tls_files(reader: &ItemReader<'_>) -> Option<TlsFiles> {
    let ca = reader.path(&tls::CLIENT_CA);
    if ca.is_none() {
        for key in [&tls::CLIENT_CRL, &tls::CLIENT_AUTH] {
            if reader.is_written(key) {
                reader.problem_at(key, "expected only with `client_ca`");
            }
        }
    }

    let crl = reader.paths(&tls::CLIENT_CRL);
    let auth = reader.word(&tls::CLIENT_AUTH);
    let clients = match (ca, auth) {
        (Some(ca), Some(auth)) => Some(ClientTlsFiles { ca, crl, auth }),
        _ => None,
    };
    Some(TlsFiles {
        certificate: reader.path(&tls::CERTIFICATE)?,
        key: reader.path(&tls::KEY)?,
        clients,
    })
}

/// Values of the tables of which there is one.
pub(super) struct SingleTables {
    pub(super) admin: Option<Located<SocketAddr>>,
    pub(super) admin_token: Option<Located<PathBuf>>,
    pub(super) admin_hosts: Vec<String>,
    pub(super) problem_type_base: String,
    pub(super) access_log: AccessLogConfig,
    pub(super) drain: DrainConfig,
    pub(super) engine: EngineConfig,
    pub(super) trees: Growth,
    pub(super) receipts: ReceiptsConfig,
    pub(super) hidden_headers: Vec<HeaderName>,
    pub(super) descriptors: Option<DescriptorsConfig>,
    pub(super) signing: Option<SigningConfig>,
}

pub(super) fn gateway(checker: &Checker<'_>) -> SingleTables {
    let admin = checker.reader(&keys::ADMIN, "");
    let admin = admin.as_ref();
    let hidden = checker.reader(&keys::HIDDEN_HEADERS, "");

    SingleTables {
        admin: admin
            .and_then(|one| one.parse(&admin::ADDRESS, |text| text.parse().map_err(|_| None))),
        admin_token: admin.and_then(|one| one.path(&admin::TOKEN_FILE)),
        admin_hosts: admin.map(admin_hosts).unwrap_or_default(),
        problem_type_base: problem_type_base(checker),
        access_log: access_log(checker),
        drain: drain(checker),
        engine: engine(checker),
        trees: trees(checker),
        receipts: receipts(checker),
        hidden_headers: hidden
            .map(|one| header_names(&one, &hidden_headers::NAMES))
            .unwrap_or_default(),
        descriptors: descriptors(checker),
        signing: signing(checker),
    }
}

/// The header names under a key.
pub(super) fn header_names(
    reader: &ItemReader<'_>,
    key: &crate::keys::ConfigKey,
) -> Vec<HeaderName> {
    let names = reader.parse_all(key, |text| HeaderName::try_from(text).map_err(|_| None));
    names.into_iter().map(Located::into_value).collect()
}

fn admin_hosts(reader: &ItemReader<'_>) -> Vec<String> {
    reader.texts(&admin::HOSTS).into_iter().map(Located::into_value).collect()
}

fn problem_type_base(checker: &Checker<'_>) -> String {
    let base = checker.reader(&keys::ERRORS, "").and_then(|reader| {
        reader.parse(&errors::TYPE_BASE, |text| {
            if text.ends_with(['/', ':', '#']) { Ok(text.to_owned()) } else { Err(None) }
        })
    });
    base.map_or_else(|| "urn:tollgate:problem:".to_owned(), Located::into_value)
}

fn access_log(checker: &Checker<'_>) -> AccessLogConfig {
    let Some(reader) = checker.reader(&keys::ACCESS_LOG, "") else {
        return AccessLogConfig::Stdout;
    };
    match reader.text(&access_log::TO) {
        None => AccessLogConfig::Stdout,
        Some(to) => match to.as_str() {
            "off" => AccessLogConfig::Off,
            "stdout" => AccessLogConfig::Stdout,
            _ => AccessLogConfig::File(to.map(|path| reader.resolve(&path))),
        },
    }
}

fn drain(checker: &Checker<'_>) -> DrainConfig {
    let reader = checker.reader_or_empty(&keys::DRAIN);
    DrainConfig {
        delay: reader.milliseconds(&drain::DELAY_MS),
        wait: reader.milliseconds(&drain::WAIT_MS),
    }
}

fn engine(checker: &Checker<'_>) -> EngineConfig {
    let reader = checker.reader_or_empty(&keys::ENGINE);
    let workers = reader.optional_integer(&engine::WORKERS);
    EngineConfig {
        instances_max: reader.count(&engine::INSTANCES_MAX),
        core_instances_max: reader.count(&engine::CORE_INSTANCES_MAX),
        workers: workers.and_then(|workers| usize::try_from(workers).ok()),
        compiled_cache: reader.path(&engine::COMPILED_CACHE),
        compiled_cache_key: reader.path(&engine::COMPILED_CACHE_KEY),
    }
}

fn trees(checker: &Checker<'_>) -> Growth {
    let reader = checker.reader_or_empty(&keys::TREES);
    Growth {
        on: reader.boolean(&trees::ON),
        verify_every: reader.integer(&trees::VERIFY_EVERY),
        bounds: Bounds {
            nodes_max: reader.size(&trees::NODES_MAX),
            bytes_max: reader.size(&trees::BYTES_MAX),
            fan_out_max: reader.size(&trees::FAN_OUT_MAX),
            ..Bounds::default()
        },
    }
}

fn receipts(checker: &Checker<'_>) -> ReceiptsConfig {
    let reader = checker.reader_or_empty(&keys::RECEIPTS);
    ReceiptsConfig {
        on: reader.boolean(&receipts::ON),
        sample_every: reader.integer(&receipts::SAMPLE_EVERY),
        entries_max: reader.size(&receipts::ENTRIES_MAX),
        bytes_max: reader.size(&receipts::BYTES_MAX),
    }
}

fn descriptors(checker: &Checker<'_>) -> Option<DescriptorsConfig> {
    let reader = checker.reader(&keys::DESCRIPTORS, "")?;
    let files = reader.paths(&descriptors::FILES);
    match (reader.path(&descriptors::SET), files.is_empty()) {
        (Some(set), true) => Some(DescriptorsConfig::Set(set)),
        (None, false) => Some(DescriptorsConfig::Sources {
            files,
            includes: reader.paths(&descriptors::INCLUDES),
        }),
        _ => {
            reader.problem("expected either `set`, or `files` and `includes`");
            None
        }
    }
}

fn signing(checker: &Checker<'_>) -> Option<SigningConfig> {
    let reader = checker.reader(&keys::PRINCIPAL, "")?;
    Some(SigningConfig {
        issuer: reader.text(&principal::ISSUER)?.into_value(),
        key_id: reader.text(&principal::KEY_ID)?.into_value(),
        key_file: reader.path(&principal::KEY_FILE)?,
    })
}
