//! Keys of the gateway itself: listeners, and the tables of which there is one.

use super::{
    ConfigKey, IntegerRange, NAME_OF_ITEM, Section, SectionItems, ValueType, integer, list, names,
    text, text_like,
};
use crate::types::{ClientAuth, DeploymentStage};

const SOCKET_ADDRESS: ValueType =
    text("an IP address and a port, as `127.0.0.1:8443` or `[::1]:8443`");

/// `[listeners.<name>]`
pub(crate) const LISTENERS: Section = Section {
    name: "listeners",
    items: SectionItems::Named("name", listener::KEYS),
    words: "Sockets for callers; at least one.",
};

pub(crate) mod listener {
    use super::{ConfigKey, NAME_OF_ITEM, SOCKET_ADDRESS, ValueType, integer, list, text, tls};

    super::super::keys! {
        ADDRESS = ConfigKey::required(
            "address", SOCKET_ADDRESS, "Address and port; port 0 picks a free one");
        CHAIN = ConfigKey::required(
            "chain", NAME_OF_ITEM, "The chain of requests that match no Route");
        TLS = ConfigKey::optional(
            "tls", ValueType::Table(tls::KEYS), "Certificate and key; plaintext without");
        TRUSTED_PROXIES = ConfigKey::optional(
            "trusted_proxies", list(&text("a network, as `10.0.0.0/8`"), 0, 1_024),
            "Networks of peers whose forwarding headers are believed");
        PROXY_PROTOCOL = ConfigKey::optional(
            "proxy_protocol", ValueType::Boolean { default: false },
            "`true` takes connections from `trusted_proxies` alone, each of which begins with a \
             header of the PROXY protocol, version 2");
        CONNECTIONS_MAX = ConfigKey::optional(
            "connections_max", integer(1, 1_000_000, 10_000), "Most connections at once");
        CONNECTIONS_PER_ADDRESS_MAX = ConfigKey::optional(
            "connections_per_address_max", integer(1, 1_000_000, 100),
            "Most connections at once from one address");
        IDLE_TIMEOUT_MS = ConfigKey::optional(
            "idle_timeout_ms", integer(1, 3_600_000, 60_000),
            "Longest time for which a connection without a request is kept open");
    }
}

pub(crate) mod tls {
    use super::{ClientAuth, ConfigKey, ValueType, list, names};

    super::super::keys! {
        CERTIFICATE = ConfigKey::required(
            "certificate", ValueType::Path, "PEM file of the certificates, leaf first");
        KEY = ConfigKey::required("key", ValueType::Path, "PEM file of the private key");
        CLIENT_CA = ConfigKey::optional(
            "client_ca", ValueType::Path,
            "PEM file of the authorities of callers' certificates. While the old and the new one \
             are in it, callers of both are accepted. Callers are asked for no certificate without \
             this key");
        CLIENT_CRL = ConfigKey::optional(
            "client_crl", list(&ValueType::Path, 0, 64),
            "PEM files of revocation lists, each signed by an authority of `client_ca`. With any, \
             a certificate that no list covers, or only an expired one, is refused");
        CLIENT_AUTH = ConfigKey::optional(
            "client_auth",
            ValueType::Word { names: names::<ClientAuth>, default: Some("required") },
            "`required` refuses a caller without a certificate in the handshake, `optional` serves \
             it; a bad certificate is refused by both. Only with `client_ca`");
    }
}

/// `[admin]`
pub(crate) const ADMIN: Section = Section {
    name: "admin",
    items: SectionItems::One(admin::KEYS),
    words: "The operators' port: health, metrics and the API of `explain`, `replay` and \
            `rollout`. None without this table.",
};

pub(crate) mod admin {
    use super::{ConfigKey, SOCKET_ADDRESS, ValueType, list, text_like};

    super::super::keys! {
        ADDRESS = ConfigKey::required("address", SOCKET_ADDRESS, "Address and port");
        TOKEN_FILE = ConfigKey::optional(
            "token_file", ValueType::Path,
            "File of the token that the API asks for; without it one is made at the start");
        HOSTS = ConfigKey::optional(
            "hosts", list(&text_like("a host name in lower case", "^[a-z0-9.-]+$"), 0, 64),
            "Host names by which operators reach the port, beside loopback names and its own \
             address; a request for any other is refused (421)");
    }
}

/// `[errors]`
pub(crate) const ERRORS: Section = Section {
    name: "errors",
    items: SectionItems::One(errors::KEYS),
    words: "Bodies of problems that the gateway answers.",
};

pub(crate) mod errors {
    use super::{ConfigKey, text_like};

    super::super::keys! {
        TYPE_BASE = ConfigKey::required(
            "type_base", text_like("a URI that ends in `/`, `:` or `#`", "[/:#]$"),
            "URI that the name of a problem is appended to; `urn:tollgate:problem:` without this \
             table");
    }
}

/// `[access_log]`
pub(crate) const ACCESS_LOG: Section = Section {
    name: "access_log",
    items: SectionItems::One(access_log::KEYS),
    words: "The record of each exchange, one JSON object a line.",
};

pub(crate) mod access_log {
    use super::{ConfigKey, text};

    super::super::keys! {
        TO = ConfigKey::required(
            "to", text("`stdout`, `off` or a path"),
            "`stdout` (as without this table), `off`, or the path of a file");
    }
}

/// `[deployment]`
pub(crate) const DEPLOYMENT: Section = Section {
    name: "deployment",
    items: SectionItems::One(deployment::KEYS),
    words: "The place of this folder among the deployments of the platform.",
};

pub(crate) mod deployment {
    use super::{ConfigKey, DeploymentStage, ValueType, names};

    super::super::keys! {
        STAGE = ConfigKey::optional(
            "stage", ValueType::Word { names: names::<DeploymentStage>, default: Some("production") },
            "Outside of `local` neither principals nor digests of keys of live tenants travel in \
             clear: upstreams with `environment = \"live\"`, or with an `audience` and no \
             environment, and the identity service need `https`. Where the process has a variable \
             `STAGE`, it must name the same stage");
    }
}

/// `[drain]`
pub(crate) const DRAIN: Section = Section {
    name: "drain",
    items: SectionItems::One(drain::KEYS),
    words: "The end of the process after SIGTERM.",
};

pub(crate) mod drain {
    use super::{ConfigKey, integer};

    super::super::keys! {
        DELAY_MS = ConfigKey::optional(
            "delay_ms", integer(0, 300_000, 10_000),
            "Time for which requests are still accepted, while load balancers learn of the end");
        WAIT_MS = ConfigKey::optional(
            "wait_ms", integer(0, 900_000, 30_000), "Longest wait for requests in flight");
    }
}

/// `[engine]`
pub(crate) const ENGINE: Section = Section {
    name: "engine",
    items: SectionItems::One(engine::KEYS),
    words: "Threads, and the engine that runs policies.",
};

pub(crate) mod engine {
    use super::{ConfigKey, IntegerRange, ValueType, integer};

    super::super::keys! {
        INSTANCES_MAX = ConfigKey::optional(
            "instances_max", integer(1, 10_000, 1_000), "Most instances of policies at once");
        CORE_INSTANCES_MAX = ConfigKey::optional(
            "core_instances_max", integer(1, 64, 4),
            "Most core module instances of a component; some languages bring a dozen");
        WORKERS = ConfigKey::optional(
            "workers", ValueType::Integer(IntegerRange { min: 1, max: 1_024, default: None }),
            "Worker threads; as many as there are cores when absent");
        COMPILED_CACHE = ConfigKey::optional(
            "compiled_cache", ValueType::Path,
            "Folder that keeps compiled components from one start to the next; every start \
             compiles when absent");
        COMPILED_CACHE_KEY = ConfigKey::optional(
            "compiled_cache_key", ValueType::Path,
            "File of the key (32 bytes or more) by which the gateway knows what it wrote into \
             `compiled_cache`; made beside the folder when absent");
    }
}

/// `[trees]`
pub(crate) const TREES: Section = Section {
    name: "trees",
    items: SectionItems::One(trees::KEYS),
    words: "Decision trees: growth and verification.",
};

pub(crate) mod trees {
    use super::{ConfigKey, ValueType, integer};

    super::super::keys! {
        ON = ConfigKey::optional(
            "on", ValueType::Boolean { default: true },
            "`false` decides every request in WebAssembly");
        VERIFY_EVERY = ConfigKey::optional(
            "verify_every", integer(1, 1_000_000, 1_000),
            "A leaf is run again in WebAssembly once in so many walks");
        NODES_MAX = ConfigKey::optional(
            "nodes_max", integer(1, 1 << 20, 4_096), "Most nodes of one tree");
        BYTES_MAX = ConfigKey::optional(
            "bytes_max", integer(1, 1 << 30, 4 << 20), "Most bytes of one tree");
        FAN_OUT_MAX = ConfigKey::optional(
            "fan_out_max", integer(1, 1 << 16, 1_024), "Most answers to one question");
    }
}

/// `[receipts]`
pub(crate) const RECEIPTS: Section = Section {
    name: "receipts",
    items: SectionItems::One(receipts::KEYS),
    words: "The exchanges that can be explained and replayed afterwards.",
};

pub(crate) mod receipts {
    use super::{ConfigKey, ValueType, integer};

    super::super::keys! {
        ON = ConfigKey::optional(
            "on", ValueType::Boolean { default: true }, "`false` keeps none");
        SAMPLE_EVERY = ConfigKey::optional(
            "sample_every", integer(1, 1_000_000, 100),
            "Of exchanges that passed one in so many is kept; refusals and failures always");
        ENTRIES_MAX = ConfigKey::optional(
            "entries_max", integer(30, 1_000_000, 3_000), "Most receipts at once");
        BYTES_MAX = ConfigKey::optional(
            "bytes_max", integer(1 << 20, 1 << 30, 16 << 20),
            "Most bytes of receipts at once, estimated");
    }
}

/// `[hidden_headers]`
pub(crate) const HIDDEN_HEADERS: Section = Section {
    name: "hidden_headers",
    items: SectionItems::One(hidden_headers::KEYS),
    words: "Headers whose values no policy reads, beside those that are always hidden.",
};

pub(crate) mod hidden_headers {
    use super::{ConfigKey, HEADER_NAMES};

    super::super::keys! {
        NAMES = ConfigKey::required("names", HEADER_NAMES, "Their names");
    }
}

/// Names of headers.
pub(crate) const HEADER_NAMES: ValueType =
    list(&text_like("a header name", "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), 0, 256);

/// `[descriptors]`
pub(crate) const DESCRIPTORS: Section = Section {
    name: "descriptors",
    items: SectionItems::One(descriptors::KEYS),
    words: "Protobuf descriptors of the methods that Routes lead to: either `set`, or `files` and \
            `includes`.",
};

pub(crate) mod descriptors {
    use super::{ConfigKey, ValueType, list};

    super::super::keys! {
        SET = ConfigKey::optional(
            "set", ValueType::Path, "File with a serialised `FileDescriptorSet`");
        FILES = ConfigKey::optional(
            "files", list(&ValueType::Path, 0, 1_024), "`.proto` files, compiled at load");
        INCLUDES = ConfigKey::optional(
            "includes", list(&ValueType::Path, 0, 256), "Folders where their imports are found");
    }
}

/// `[principal]`
pub(crate) const PRINCIPAL: Section = Section {
    name: "principal",
    items: SectionItems::One(principal::KEYS),
    words: "The signature of the principal that upstreams get. None gets one without this table.",
};

pub(crate) mod principal {
    use super::{ConfigKey, ValueType, text};

    super::super::keys! {
        ISSUER = ConfigKey::required("issuer", text("a name"), "Issuer, as services know it");
        KEY_ID = ConfigKey::required("key_id", text("a name"), "Name of the key, as services know it");
        KEY_FILE = ConfigKey::required(
            "key_file", ValueType::Path, "PEM file of the Ed25519 private key, PKCS#8");
    }
}
