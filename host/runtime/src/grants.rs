//! The grants of a policy: the interfaces of the contract that its component may import.

use tollgate_chain::{Interface, UnknownInterface};

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

    /// Returns true if the interface is granted.
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
}
