//! Scopes of keys. The list is closed: an unknown scope is refused when a key is minted.

use std::collections::BTreeSet;

/// All scopes, of the form `resource:action`.
pub const KNOWN: &[&str] = &["api-keys:read", "api-keys:write", "deposits:read", "deposits:write"];

/// The errors of a set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScopes {
    /// The set is empty.
    #[error("at least one scope is needed")]
    Empty,
    /// One of the scopes does not exist. The error does not repeat it, as it may be any text.
    #[error("one of the scopes does not exist; known are {}", KNOWN.join(", "))]
    Unknown,
}

/// Checks the scopes of a new key and drops duplicates.
///
/// # Errors
/// [`InvalidScopes`] if there are none, or one is unknown.
pub fn check<'a>(
    scopes: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeSet<String>, InvalidScopes> {
    let scopes: BTreeSet<String> = scopes.into_iter().map(str::to_owned).collect();
    if scopes.is_empty() {
        return Err(InvalidScopes::Empty);
    }
    if !scopes.iter().all(|scope| KNOWN.contains(&scope.as_str())) {
        return Err(InvalidScopes::Unknown);
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_scopes_are_taken_once_and_others_are_refused() {
        let checked = check(["deposits:read", "deposits:read"]).unwrap();
        assert_eq!(checked.len(), 1);
        assert_eq!(check([]), Err(InvalidScopes::Empty));
        for unknown in ["deposits:*", "deposits", "Deposits:read", ""] {
            assert_eq!(check(["deposits:read", unknown]), Err(InvalidScopes::Unknown), "{unknown}");
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
