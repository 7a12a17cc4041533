//! Which hosts are served, and in which environment.

use tollgate_sdk::{Environment, Section};

/// The hosts that are served.
#[derive(Debug)]
pub struct Settings {
    names: Vec<String>,
    environments: Vec<Option<Environment>>,
}

impl tollgate_sdk::Settings for Settings {
    fn read(section: &mut Section<'_>) -> Self {
        let hosts = section.sections("hosts", HOSTS_MAX, |host| {
            let name = host.text("name");
            if !name.is_empty() && !is_canonical(&name) {
                host.problem("name", CANONICAL);
            }
            (name, host.optional_choice("environment", &Environment::WORDS))
        });
        if hosts.is_empty() {
            section.problem("hosts", "expected at least one host with a valid entry");
        }
        for (index, (name, _)) in hosts.iter().enumerate() {
            if hosts.iter().take(index).any(|(earlier, _)| earlier == name) {
                section.problem_at("hosts", index, format!("`{name}` is listed twice"));
            }
        }
        let (names, environments) = hosts.into_iter().unzip();
        Self { names, environments }
    }
}

impl Settings {
    /// All names, in the order of the settings.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The environment that a name is bound to; None for an index beyond the names.
    #[must_use]
    pub fn binding(&self, index: u32) -> Option<Binding> {
        self.environments.get(usize::try_from(index).ok()?).copied().map(Binding)
    }

    /// The names with the same binding: those that may share a TLS connection.
    #[must_use]
    pub fn bound_alike(&self, binding: Binding) -> Vec<String> {
        let alike = self.environments.iter().zip(&self.names);
        alike.filter(|(own, _)| **own == binding.0).map(|(_, name)| name.clone()).collect()
    }
}

/// The environment that a host is bound to, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding(pub Option<Environment>);

const HOSTS_MAX: usize = 256;

const CANONICAL: &str = "expected `host` or `host:port` in lower case, without a trailing dot, \
                         without a wildcard, and without the default ports 80 and 443";

/// Whether the host compares equal to an authority in canonical form.
fn is_canonical(name: &str) -> bool {
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (name, None),
    };
    is_host(host) && port.is_none_or(is_port)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.to_string() == address);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn is_port(port: &str) -> bool {
    let number = port.parse::<u16>();
    number.is_ok_and(|number| !matches!(number, 0 | 80 | 443) && number.to_string() == port)
}
