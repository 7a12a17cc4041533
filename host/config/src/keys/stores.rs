//! Keys of the back ends of stores.

use super::words::{CredentialBackEnd, IdempotencyBackEnd, QuotaBackEnd};
use super::{ConfigKey, Section, SectionItems, ValueType, integer, names, text_like};

/// `[stores.*]`
pub(crate) const STORES: Section = Section {
    name: "stores",
    items: SectionItems::Fixed(&[
        ("quota", quota::KEYS),
        ("idempotency", idempotency::KEYS),
        ("credentials", credentials::KEYS),
    ]),
    words: "Back ends of what policies ask for. An absent one is in memory; of credentials there \
            are then none.",
};

const ENTRIES_MAX: ValueType = integer(1_000, 10_000_000, 100_000);

pub(crate) mod quota {
    use super::{ConfigKey, ENTRIES_MAX as ENTRIES, QuotaBackEnd, ValueType, names};

    super::super::keys! {
        KIND = ConfigKey::required(
            "kind", ValueType::Word { names: names::<QuotaBackEnd>, default: None },
            "Back end");
        ENTRIES_MAX = ConfigKey::optional("entries_max", ENTRIES, "Most buckets at once");
    }
}

pub(crate) mod idempotency {
    use super::{ConfigKey, ENTRIES_MAX as ENTRIES, IdempotencyBackEnd, ValueType, integer, names};

    super::super::keys! {
        KIND = ConfigKey::required(
            "kind", ValueType::Word { names: names::<IdempotencyBackEnd>, default: None },
            "Back end");
        PATH = ConfigKey::optional(
            "path", ValueType::Path, "The file, with kind `file`; a key beside it seals records");
        ENTRIES_MAX = ConfigKey::optional("entries_max", ENTRIES, "Most records at once");
        TENANT_ENTRIES_MAX = ConfigKey::optional(
            "tenant_entries_max", integer(100, 10_000_000, 10_000),
            "Most records at once of a tenant in one environment");
        TTL_HOURS = ConfigKey::optional(
            "ttl_hours", integer(24, 720, 72), "Time for which a record answers retries");
    }
}

pub(crate) mod credentials {
    use super::{
        ConfigKey, CredentialBackEnd, ENTRIES_MAX as ENTRIES, ValueType, names, text_like,
    };

    super::super::keys! {
        KIND = ConfigKey::required(
            "kind", ValueType::Word { names: names::<CredentialBackEnd>, default: None },
            "Back end; with `none` every credential is unknown");
        PATH = ConfigKey::optional("path", ValueType::Path, "The file, with kind `file`");
        ENDPOINT = ConfigKey::optional(
            "endpoint", text_like("http://host:port or https://host:port", "^https?://[^/]+/?$"),
            "URI of the identity service, with kind `identity`");
        CA_BUNDLE = ConfigKey::optional(
            "ca_bundle", ValueType::Path,
            "PEM file of the CAs that the identity service's certificate may come from");
        ENTRIES_MAX = ConfigKey::optional(
            "entries_max", ENTRIES, "Most credentials that are cached, with kind `identity`");
    }
}
