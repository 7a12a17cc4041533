//! Which hosts are served, and in which environment.

use tollgate_sdk::{Environment, Section, authority};

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

/// Returns true if the name can equal an authority in canonical form.
fn is_canonical(name: &str) -> bool {
    let parts = authority::parts(name);
    parts.is_some_and(|(host, port)| authority::is_host(host) && !matches!(port, Some(80 | 443)))
}
