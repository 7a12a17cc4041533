//! What a key may do. The list is closed: an unknown scope is refused when a key is minted.

use std::collections::BTreeSet;

/// Every scope there is, of the form `resource:action`.
pub const KNOWN: &[&str] = &["api-keys:read", "api-keys:write", "deposits:read", "deposits:write"];

/// Why a set of scopes is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A key without scopes could do nothing.
    #[error("at least one scope is needed")]
    Empty,
    /// One of them does not exist. It is not repeated: it may be anything.
    #[error("one of the scopes does not exist; known are {}", KNOWN.join(", "))]
    Unknown,
}

/// Checks the scopes of a key to be, and drops duplicates.
///
/// # Errors
/// When there are none, or one is unknown.
pub fn check<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<String>, Refused> {
    let scopes: BTreeSet<String> = scopes.into_iter().map(str::to_owned).collect();
    if scopes.is_empty() {
        return Err(Refused::Empty);
    }
    if !scopes.iter().all(|scope| KNOWN.contains(&scope.as_str())) {
        return Err(Refused::Unknown);
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_scopes_are_taken_once_and_others_are_refused() {
        let taken = check(["deposits:read", "deposits:read"]).unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(check([]), Err(Refused::Empty));
        for unknown in ["deposits:*", "deposits", "Deposits:read", ""] {
            assert_eq!(check(["deposits:read", unknown]), Err(Refused::Unknown), "{unknown}");
        }
    }

    #[test]
    fn every_known_scope_is_a_resource_and_an_action() {
        for scope in KNOWN {
            let (resource, action) = scope.split_once(':').unwrap();
            assert!(!resource.is_empty() && ["read", "write"].contains(&action), "{scope}");
        }
    }
}
