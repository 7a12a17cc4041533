//! The policies, each with what it is granted and told; and the routes.

use std::fmt::Write;

use crate::world::{HOST, PAGE, SERVICES, attributes, path, service};

/// All policies, in their order.
pub const SIX: [&str; 6] =
    ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"];

/// The first of them, written in C.
pub const C_HOSTS: &str = "c-hosts";

/// Returns the settings of a policy, in TOML.
pub fn settings(policy: &str) -> String {
    match policy {
        "allowed-hosts" | C_HOSTS => format!("hosts = [{{ name = \"{HOST}\" }}]\n"),
        "cors" => format!("origins = [\"{PAGE}\"]\n"),
        // A rate that is checked with every request and never reached.
        "rate-limit" => "policies = [{ name = \"tenant\", quota = 1000000, window_seconds = 1, \
                         burst = 1000000, partition = \"tenant\" }]\n"
            .to_owned(),
        "routing" => (0..SERVICES).fold(String::new(), |mut text, number| {
            let name = service(number);
            let _ = writeln!(text, "services.{name} = {{ sandbox = \"origin\" }}");
            text
        }),
        _ => String::new(),
    }
}

/// Returns the grants of a policy.
fn grants(policy: &str) -> &'static str {
    match policy {
        "allowed-hosts" | C_HOSTS => r#""request", "notes""#,
        "cors" => r#""request", "route", "reply-headers""#,
        "auth" => r#""request", "route", "credentials", "principal", "notes", "reply-headers""#,
        "rate-limit" => r#""route", "quota", "reply-headers""#,
        "routing" => r#""route", "principal", "upstreams", "reply-headers""#,
        _ => r#""route", "idempotency", "reply-headers""#,
    }
}

/// The attributes of Routes that a policy reads.
fn attributes_of(policy: &str) -> &'static str {
    match policy {
        "auth" => r#"scope = "text""#,
        "rate-limit" => r#"rate-class = ["write"]"#,
        "routing" => r#"service = "text""#,
        "idempotency" => r#"idempotency = ["required", "optional", "none"]"#,
        _ => "",
    }
}

/// The tables of these policies, and of the chain that they are.
pub fn policies(names: &[&str], component: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for name in names {
        let (file, grants, settings) = (component(name), grants(name), settings(name));
        let reads = attributes_of(name);
        let _ = write!(
            text,
            "[plugins.{name}]\nfile = \"{file}\"\n\
             [policies.{name}]\nplugin = \"{name}\"\ngrants = [{grants}]\n\
             attributes = {{ {reads} }}\n\
             [policies.{name}.settings]\n{settings}\n"
        );
    }
    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };
    // What those without a Route pass as well.
    let strangers: Vec<&str> =
        names.iter().copied().filter(|name| SIX[..3].contains(name)).collect();
    let (strangers, all) = (quoted(&strangers), quoted(names));
    text + &format!(
        "[chains.strangers]\npolicies = [{strangers}]\n[chains.known]\npolicies = [{all}]\n"
    )
}

/// So many routes; translated to one gRPC method where `grpc` says so.
pub fn routes(count: u64, grpc: bool) -> String {
    let mut text = String::new();
    let call = if grpc { "grpc = \"bench.v1.Work/Do\"\nbody = \"*\"\n" } else { "" };
    for route in 0..count {
        let pairs = attributes(route).map(|(name, value)| format!("{name} = \"{value}\""));
        let (path, pairs) = (path(route), pairs.join(", "));
        let _ = write!(
            text,
            "[routes.r{route}]\nmatch = \"POST {path}\"\nchain = \"known\"\n\
             upstream = \"origin\"\n{call}attributes = {{ {pairs} }}\n"
        );
    }
    text
}
