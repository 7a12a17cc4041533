//! Where receipts stay until newer ones of their lane need the room.

use std::collections::VecDeque;
use std::sync::Arc;

use super::kept::{Kept, Lane};

/// Receipts in three lanes, each with a third of the room.
#[derive(Debug, Default)]
pub(super) struct Ring {
    sequence: u64,
    entries_max: usize,
    bytes_max: usize,
    lanes: [Queue; 3],
}

/// One lane, oldest first.
#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<(usize, Arc<Kept>)>,
    bytes: usize,
}

impl Ring {
    /// Sets the bounds of all lanes together. Gives back what no longer fits.
    pub(super) fn resize(&mut self, entries_max: usize, bytes_max: usize) -> Vec<Arc<Kept>> {
        (self.entries_max, self.bytes_max) = (entries_max / 3, bytes_max / 3);
        let bounds = (self.entries_max, self.bytes_max);
        self.lanes.iter_mut().flat_map(|lane| lane.fit(bounds)).collect()
    }

    /// Numbers a receipt and keeps it. Gives back what it pushed out.
    pub(super) fn push(&mut self, mut kept: Kept) -> Vec<Arc<Kept>> {
        self.sequence += 1;
        kept.sequence = self.sequence;
        let bounds = (self.entries_max, self.bytes_max);
        let index = match kept.lane {
            Lane::Passes => 0,
            Lane::Refusals => 1,
            Lane::Failures => 2,
        };
        let Some(lane) = self.lanes.get_mut(index) else { return Vec::new() };
        let weight = kept.weight();
        lane.bytes += weight;
        lane.entries.push_back((weight, Arc::new(kept)));
        lane.fit(bounds)
    }

    /// The newest of this request id, and how many there are.
    pub(super) fn find(&self, request_id: &str) -> Option<(Arc<Kept>, usize)> {
        let own = self.each().filter(|kept| *kept.request_id == *request_id);
        let (count, newest) = own.fold((0, None::<&Arc<Kept>>), |(count, newest), kept| {
            let newer = newest.is_none_or(|newest| kept.sequence > newest.sequence);
            (count + 1, if newer { Some(kept) } else { newest })
        });
        Some((Arc::clone(newest?), count))
    }

    /// Those with a higher number, by their numbers.
    pub(super) fn since(&self, after: u64) -> Vec<Arc<Kept>> {
        let mut newer: Vec<Arc<Kept>> =
            self.each().filter(|kept| kept.sequence > after).cloned().collect();
        newer.sort_unstable_by_key(|kept| kept.sequence);
        newer
    }

    /// All, by their numbers.
    pub(super) fn all(&self) -> Vec<Arc<Kept>> {
        self.since(0)
    }

    fn each(&self) -> impl Iterator<Item = &Arc<Kept>> {
        self.lanes.iter().flat_map(|lane| lane.entries.iter().map(|(_, kept)| kept))
    }
}

impl Queue {
    fn fit(&mut self, (entries_max, bytes_max): (usize, usize)) -> Vec<Arc<Kept>> {
        let mut gone = Vec::new();
        while self.entries.len() > entries_max || self.bytes > bytes_max {
            let Some((weight, oldest)) = self.entries.pop_front() else { break };
            self.bytes -= weight;
            gone.push(oldest);
        }
        gone
    }
}
