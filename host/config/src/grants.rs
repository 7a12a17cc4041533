//! Grants: the interfaces of the contract, by the names that the configuration writes.

use tollgate_chain::Interface;

use crate::keys::{Words, names};

impl Words for Interface {
    fn words() -> Vec<(&'static str, Self)> {
        let mut words: Vec<_> = Self::ALL.into_iter().map(|one| (one.as_str(), one)).collect();
        words.sort_unstable_by_key(|(name, _)| *name);
        words
    }
}

/// The names of all grants, sorted.
pub(crate) fn grant_names() -> Vec<&'static str> {
    names::<Interface>()
}
