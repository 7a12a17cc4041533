//! Stands for a store of credentials where nothing outside this process is asked.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use tollgate_capability::Later;
use tollgate_capability::credentials::{CredentialStore, KeyDigest, Lookup, Unreachable};
use tollgate_chain::{Access, Principal};

/// Takes every well-formed key for this principal; without one it cannot be asked.
#[derive(Debug)]
pub(super) struct Assumed(pub(super) Option<Arc<Principal>>);

impl CredentialStore for Assumed {
    fn local(&self, _: &KeyDigest) -> Option<Lookup> {
        self.0.clone().map(Lookup::Found)
    }

    fn look_up(&self, _: KeyDigest) -> Later<'static, Result<Lookup, Unreachable>> {
        Later::Ready(Err(Unreachable("not asked: nothing outside this process is".into())))
    }
}

/// A caller as an operator writes one: `tenant/environment`, or with scopes
/// `tenant/environment/scope,scope`.
#[derive(Debug, Clone)]
pub struct AssumedCaller(pub Arc<Principal>);

impl FromStr for AssumedCaller {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected TENANT/sandbox or TENANT/live, and optionally /SCOPE,SCOPE";
        let mut parts = text.splitn(3, '/');
        let tenant = parts.next().filter(|tenant| !tenant.is_empty()).ok_or(expected)?;
        let environment = parts.next().and_then(|word| word.parse().ok()).ok_or(expected)?;
        let scopes = parts.next().unwrap_or_default().split(',').filter(|scope| !scope.is_empty());
        Ok(Self(Arc::new(Principal {
            tenant: tenant.to_owned(),
            environment,
            key_id: "assumed".to_owned(),
            scopes: scopes.map(ToOwned::to_owned).collect::<BTreeSet<String>>(),
            access: Access::Full,
        })))
    }
}

#[cfg(test)]
mod tests {
    use tollgate_chain::Environment;

    use super::*;

    #[test]
    fn a_caller_is_a_tenant_in_an_environment_with_scopes() {
        let AssumedCaller(caller) = "acme/live/things:read,things:write".parse().unwrap();
        assert_eq!((&*caller.tenant, caller.environment), ("acme", Environment::Live));
        assert_eq!(caller.scopes.len(), 2);
        let AssumedCaller(bare) = "acme/sandbox".parse().unwrap();
        assert!(bare.scopes.is_empty());
        for wrong in ["acme", "acme/staging", "/live", ""] {
            assert!(wrong.parse::<AssumedCaller>().is_err(), "{wrong}");
        }
    }
}
