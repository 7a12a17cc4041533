//! Runs that were seen once and wait for a second, equal one.
//!
//! A table of fixed size in which a newer run replaces an older one at its place: a stranger who
//! makes every run unique can delay what others teach the tree, not fill it.

use std::hash::{BuildHasher, RandomState};

use super::Discord;
use crate::{Environment, Trace, Verdict};

/// Places in the table.
const PLACES: usize = 512;

#[derive(Debug)]
pub(super) struct Candidates {
    places: Vec<Option<Run>>,
    last: usize,
    hasher: RandomState,
}

/// A run, and whose it is where tenants are kept apart.
type Run = Box<(Option<Owner>, Trace, Verdict)>;

type Owner = (Environment, Box<str>);

impl Candidates {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), last: 0, hasher: RandomState::new() }
    }

    /// Returns true if an equal run was seen before. If so it is forgotten, else this one is remembered.
    ///
    /// # Errors
    /// The run before this one was given the same answers up to some point, and went on in
    /// another way: no pure function does that.
    pub(super) fn seen(
        &mut self,
        owner: Option<(Environment, &str)>,
        trace: &Trace,
        verdict: &Verdict,
    ) -> Result<bool, Box<Discord>> {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        if let Some(Some(last)) = self.places.get(self.last) {
            Discord::between((&last.1, &last.2), (trace, verdict))?;
        }

        let hash = self.hasher.hash_one((owner, trace, verdict));
        let index = usize::try_from(hash).unwrap_or_default() % PLACES;
        let Some(place) = self.places.get_mut(index) else { return Ok(false) };
        if place
            .as_ref()
            .is_some_and(|run| (borrowed(&run.0), &run.1, &run.2) == (owner, trace, verdict))
        {
            *place = None;
            return Ok(true);
        }

        let owner = owner.map(|(environment, tenant)| (environment, tenant.into()));
        *place = Some(Box::new((owner, trace.clone(), verdict.clone())));
        self.last = index;
        Ok(false)
    }

    /// Runs that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.iter().flatten().count()
    }

    pub(super) fn clear(&mut self) {
        self.places = Vec::new();
    }
}

fn borrowed(owner: &Option<Owner>) -> Option<(Environment, &str)> {
    owner.as_ref().map(|(environment, tenant)| (*environment, &**tenant))
}
