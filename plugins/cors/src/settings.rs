//! Which origins may read responses, and what they may send and see.

mod origin;

use tollgate_sdk::{Section, settings};

/// The origins that may read responses, with the reply fields already put together.
#[derive(Debug)]
pub struct Settings {
    pub(crate) origins: Origins,
    pub(crate) credentials: bool,
    pub(crate) reject: bool,
    pub(crate) allow_headers: String,
    pub(crate) expose_headers: String,
    pub(crate) max_age: String,
    pub(crate) vary: Vec<String>,
    pub(crate) vary_preflight: Vec<String>,
    pub(crate) upstream_fields: Vec<String>,
}

/// The origins that may read responses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Every origin: the reply says `*`, whoever asks.
    Public,
    /// These, and those that match these patterns.
    Listed(Vec<String>),
}

impl tollgate_sdk::Settings for Settings {
    fn read(section: &mut Section<'_>) -> Self {
        let credentials = section.flag("credentials", false);
        let grpc_web = section.flag("grpc_web", false);
        let reject = section.choice("disallowed", &[("reject", true), ("ignore", false)], true);

        let with_grpc = |names: &[&str], more: &[&str]| {
            let mut all = texts(names);
            if grpc_web {
                all.extend(texts(more));
            }
            all
        };

        Self {
            origins: read_origins(section, credentials),
            credentials,
            reject,
            allow_headers: read_names(section, "allow_headers", with_grpc(&ALLOWED, &ALLOWED_GRPC)),
            expose_headers: read_names(
                section,
                "expose_headers",
                with_grpc(&EXPOSED, &EXPOSED_GRPC),
            ),
            max_age: section.number("max_age_seconds", 0..=86_400, Some(600)).to_string(),
            vary: texts(&["origin"]),
            vary_preflight: texts(&VARY_PREFLIGHT),
            upstream_fields: texts(&UPSTREAM_FIELDS),
        }
    }
}

fn read_origins(section: &mut Section<'_>, credentials: bool) -> Origins {
    let public = section.flag("public", false);
    let origins = section.texts("origins", ORIGINS_MAX);
    for (index, entry) in origins.iter().enumerate() {
        if let Some(problem) = origin::problem(entry, credentials, public) {
            section.problem_at("origins", index, problem);
        }
    }
    if !public {
        return Origins::Listed(origins);
    }
    if credentials {
        section.problem("credentials", "`public` never goes with credentials");
    }
    if origins != ["*"] {
        section.problem("origins", "expected exactly [\"*\"] with `public`");
    }
    Origins::Public
}

/// Reads header names that come on top of our own, and joins them.
fn read_names(section: &mut Section<'_>, key: &'static str, mut names: Vec<String>) -> String {
    for (index, name) in section.texts(key, NAMES_MAX).into_iter().enumerate() {
        let name = name.to_ascii_lowercase();
        if !is_name(&name) {
            // Fetch: `*` never covers `Authorization`, and is a literal name with credentials.
            section.problem_at(key, index, "expected the name of a header field; `*` is no name");
        } else if !names.contains(&name) {
            names.push(name);
        }
    }
    settings::joined(names.iter().map(String::as_str), ", ")
}

/// Returns true if the text is a token (RFC 9110 §5.6.2) and not the wildcard.
fn is_name(name: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    name != "*" && (1..=64).contains(&name.len()) && name.bytes().all(is_token)
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const ORIGINS_MAX: usize = 256;
const NAMES_MAX: usize = 64;
const ALLOWED: [&str; 4] = ["authorization", "content-type", "idempotency-key", "x-api-key"];
const ALLOWED_GRPC: [&str; 3] = ["x-grpc-web", "x-user-agent", "grpc-timeout"];
const EXPOSED: [&str; 7] = [
    "x-request-id",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "idempotent-replayed",
    "location",
    "link",
];
const EXPOSED_GRPC: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
const VARY_PREFLIGHT: [&str; 2] =
    ["access-control-request-method", "access-control-request-headers"];
const UPSTREAM_FIELDS: [&str; 7] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
];
