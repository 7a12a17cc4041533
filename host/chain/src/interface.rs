//! The interfaces of the contract, whose names are also the names of the grants.

use std::fmt;

/// Declares [`Interface`] with the name of each interface, in the order in which errors list them.
macro_rules! interfaces {
    ($($(#[$doc:meta])* $interface:ident $name:literal,)+) => {
        /// An interface of the contract that a policy can be granted; and WASI, for guests whose
        /// language runtime needs it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Interface {
            $($(#[$doc])* #[doc = concat!("`", $name, "`")] $interface,)+
        }

        impl Interface {
            /// Every interface.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$interface),+];

            /// The interface's name, which is also the grant's.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$interface => $name,)+
                }
            }
        }
    };
}

interfaces! {
    Request "request",
    Route "route",
    Credentials "credentials",
    Principal "principal",
    Quota "quota",
    Upstreams "upstreams",
    Idempotency "idempotency",
    ReplyHeaders "reply-headers",
    Notes "notes",
    Log "log",
    Response "response",
    /// The machine as language runtimes ask about it: of WASI 0.2 the clocks, randomness, and an
    /// empty environment. In the contract's words:
    Wasi "wasi",
}

/// A name that is no interface of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not a capability; expected one of: {}", known())]
pub struct UnknownInterface {
    /// The name.
    pub name: String,
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

fn known() -> String {
    Interface::ALL.map(Interface::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_interface() {
        for interface in Interface::ALL {
            assert_eq!(interface.as_str().parse(), Ok(interface));
        }
    }

    #[test]
    fn a_name_that_is_no_capability_is_refused_with_the_list() {
        let error = "clock".parse::<Interface>().unwrap_err();
        assert_eq!(error.name, "clock");
        assert!(error.to_string().contains("expected one of: request, route"), "{error}");
    }
}
