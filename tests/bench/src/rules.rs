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

/// The attributes of Routes, declared by each policy: the Routes are the same for every selection
/// of policies.
const ATTRIBUTES: &str = "service = \"text\", scope = \"text\", rate-class = [\"write\"], \
                          idempotency = [\"required\", \"optional\", \"none\"]";

/// The tables of these policies, and of the chain that they are.
pub fn policies(names: &[&str], component: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for name in names {
        let (file, grants, settings) = (component(name), grants(name), settings(name));
        let _ = write!(
            text,
            "[plugins.{name}]\nfile = \"{file}\"\n\
             [policies.{name}]\nplugin = \"{name}\"\ngrants = [{grants}]\n\
             attributes = {{ {ATTRIBUTES} }}\n\
             [policies.{name}.settings]\n{settings}\n"
        );
    }

    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };

    // Requests without a Route pass these as well.
    let strangers: Vec<&str> =
        names.iter().copied().filter(|name| SIX[..3].contains(name)).collect();
    let (strangers, all) = (quoted(&strangers), quoted(names));

    text + &format!(
        "[chains.strangers]\npolicies = [{strangers}]\n[chains.known]\npolicies = [{all}]\n"
    )
}

/// The path of the route that opens WebSockets.
pub const SOCKET: &str = "/socket";

/// Returns the route that opens WebSockets.
pub fn socket() -> String {
    format!(
        "[routes.socket]\nmatch = \"GET {SOCKET}\"\nchain = \"known\"\nupstream = \"origin\"\n\
         websocket = {{}}\n"
    )
}

/// So many routes; translated to one gRPC method where `grpc` says so.
/// Without policies nobody declares attributes, and the routes have none.
pub fn routes(count: u64, grpc: bool, has_policies: bool) -> String {
    let mut text = String::new();
    let call = if grpc { "grpc = \"bench.v1.Work/Do\"\nbody = \"*\"\n" } else { "" };
    for route in 0..count {
        let pairs = attributes(route).map(|(name, value)| format!("{name} = \"{value}\""));
        let pairs = if has_policies { pairs.join(", ") } else { String::new() };
        let path = path(route);
        let _ = write!(
            text,
            "[routes.r{route}]\nmatch = \"POST {path}\"\nchain = \"known\"\n\
             upstream = \"origin\"\n{call}attributes = {{ {pairs} }}\n"
        );
    }
    text
}
