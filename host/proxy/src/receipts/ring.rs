//! The ring of receipts: each stays until newer ones of its retention class need the room.

use std::collections::VecDeque;
use std::sync::Arc;

use super::record::{ReceiptRecord, RetentionClass};

/// Receipts in three queues, one for each retention class, each with a third of the room.
#[derive(Debug, Default)]
pub(super) struct Ring {
    sequence: u64,
    entries_max: usize,
    bytes_max: usize,
    queues: [Queue; 3],
}

/// The receipts of one retention class with their weights, oldest first.
#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<(usize, Arc<ReceiptRecord>)>,
    bytes: usize,
}

impl Ring {
    /// Sets the bounds of all queues together. Returns the receipts that no longer fit.
    pub(super) fn resize(
        &mut self,
        entries_max: usize,
        bytes_max: usize,
    ) -> Vec<Arc<ReceiptRecord>> {
        (self.entries_max, self.bytes_max) = (entries_max / 3, bytes_max / 3);
        let bounds = (self.entries_max, self.bytes_max);
        self.queues.iter_mut().flat_map(|queue| queue.fit(bounds)).collect()
    }

    /// Numbers a receipt and keeps it. Returns the receipts that it pushed out.
    pub(super) fn push(&mut self, mut record: ReceiptRecord) -> Vec<Arc<ReceiptRecord>> {
        self.sequence += 1;
        record.sequence = self.sequence;
        let index = match record.retention {
            RetentionClass::Passes => 0,
            RetentionClass::Refusals => 1,
            RetentionClass::Failures => 2,
        };

        let bounds = (self.entries_max, self.bytes_max);
        let Some(queue) = self.queues.get_mut(index) else { return Vec::new() };
        let weight = record.weight();
        queue.bytes += weight;
        queue.entries.push_back((weight, Arc::new(record)));
        queue.fit(bounds)
    }

    /// Finds the newest receipt of a request id, and counts how many there are.
    pub(super) fn find(&self, request_id: &str) -> Option<(Arc<ReceiptRecord>, usize)> {
        let (mut count, mut newest) = (0, None::<&Arc<ReceiptRecord>>);
        for record in self.each().filter(|record| *record.request_id == *request_id) {
            count += 1;
            if newest.is_none_or(|newest| record.sequence > newest.sequence) {
                newest = Some(record);
            }
        }
        Some((Arc::clone(newest?), count))
    }

    /// Returns the receipts with a higher number, by their numbers.
    pub(super) fn since(&self, after: u64) -> Vec<Arc<ReceiptRecord>> {
        let mut newer: Vec<Arc<ReceiptRecord>> =
            self.each().filter(|record| record.sequence > after).cloned().collect();
        newer.sort_unstable_by_key(|record| record.sequence);
        newer
    }

    /// Returns all receipts, by their numbers.
    pub(super) fn all(&self) -> Vec<Arc<ReceiptRecord>> {
        self.since(0)
    }

    fn each(&self) -> impl Iterator<Item = &Arc<ReceiptRecord>> {
        self.queues.iter().flat_map(|queue| queue.entries.iter().map(|(_, record)| record))
    }
}

impl Queue {
    fn fit(&mut self, (entries_max, bytes_max): (usize, usize)) -> Vec<Arc<ReceiptRecord>> {
        let mut evicted = Vec::new();
        while self.entries.len() > entries_max || self.bytes > bytes_max {
            let Some((weight, oldest)) = self.entries.pop_front() else { break };
            self.bytes -= weight;
            evicted.push(oldest);
        }
        evicted
    }
}
