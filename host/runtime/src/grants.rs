//! What a policy may ask about, by the names of the contract's interfaces.

use std::fmt;

/// An interface of the contract that can be granted; and WASI, for guests whose language runtime
/// wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "documented in the files of the contract that have these names")]
pub enum Interface {
    Request,
    Route,
    Credentials,
    Principal,
    Quota,
    Upstreams,
    Idempotency,
    ReplyHeaders,
    Notes,
    Log,
    Response,
    /// What a language runtime asks of the machine: of WASI 0.2 the clocks, randomness, and an
    /// environment without anything in it.
    Wasi,
}

/// A name that is no interface of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not a capability; expected one of: {}", known())]
pub struct UnknownInterface {
    /// The name.
    pub name: String,
}

impl Interface {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Request,
        Self::Route,
        Self::Credentials,
        Self::Principal,
        Self::Quota,
        Self::Upstreams,
        Self::Idempotency,
        Self::ReplyHeaders,
        Self::Notes,
        Self::Log,
        Self::Response,
        Self::Wasi,
    ];

    /// The interface's name, which is also the grant's.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Route => "route",
            Self::Credentials => "credentials",
            Self::Principal => "principal",
            Self::Quota => "quota",
            Self::Upstreams => "upstreams",
            Self::Idempotency => "idempotency",
            Self::ReplyHeaders => "reply-headers",
            Self::Notes => "notes",
            Self::Log => "log",
            Self::Response => "response",
            Self::Wasi => "wasi",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Interface {
    type Err = UnknownInterface;

    fn from_str(name: &str) -> Result<Self, UnknownInterface> {
        Self::ALL
            .into_iter()
            .find(|interface| interface.as_str() == name)
            .ok_or_else(|| UnknownInterface { name: name.to_owned() })
    }
}

/// The interfaces that a policy may import. Nothing is granted by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Grants(Vec<Interface>);

impl Grants {
    /// No grant at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every interface of the contract: for tools and tests.
    #[must_use]
    pub fn all() -> Self {
        Interface::ALL.into_iter().collect()
    }

    /// The grants of these names.
    ///
    /// # Errors
    /// The first name that is no interface of the contract.
    pub fn from_names<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, UnknownInterface> {
        names.into_iter().map(str::parse::<Interface>).collect()
    }

    /// Whether the interface is granted.
    #[must_use]
    pub fn contains(&self, interface: Interface) -> bool {
        self.0.contains(&interface)
    }

    /// The granted interfaces, in a fixed order, each once.
    pub fn iter(&self) -> impl Iterator<Item = Interface> {
        self.0.iter().copied()
    }
}

impl FromIterator<Interface> for Grants {
    fn from_iter<I: IntoIterator<Item = Interface>>(interfaces: I) -> Self {
        let mut interfaces: Vec<_> = interfaces.into_iter().collect();
        interfaces.sort_unstable();
        interfaces.dedup();
        Self(interfaces)
    }
}

fn known() -> String {
    Interface::ALL.map(Interface::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_capability_is_refused_with_the_list() {
        let error = Grants::from_names(["request", "clock"]).unwrap_err();
        assert_eq!(error.name, "clock");
        assert!(error.to_string().contains("expected one of: request, route"));
    }

    #[test]
    fn grants_do_not_depend_on_order_or_repetition() {
        let grants = Grants::from_names(["log", "request", "log"]);
        assert_eq!(grants, Grants::from_names(["request", "log"]));
    }

    #[test]
    fn every_name_leads_back_to_its_interface() {
        for interface in Interface::ALL {
            assert_eq!(interface.as_str().parse(), Ok(interface));
        }
    }
}
