//! The rule of records: what a claim finds and what a completion may write. Pure, and the same
//! for every store.

use std::time::Duration;

use tollgate_chain::Fingerprint;

use super::{ClaimRequest, OperationKey, RecordOwner, StoredReply};

/// Life of a completed record, unless configured.
pub const TTL_DEFAULT: Duration = Duration::from_secs(72 * 3_600);
/// The shortest life of a completed record that may be configured.
pub const TTL_MIN: Duration = Duration::from_secs(24 * 3_600);
/// Life of a record without a reply that no exchange carries out: the service's own record, not
/// this one, keeps its operation from being carried out twice.
pub const RETRYABLE_TTL: Duration = Duration::from_secs(24 * 3_600);

/// Identifies a claim. The generation fences: a holder that was taken over writes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The operation.
    pub operation: OperationKey,
    /// Counts the claims of this operation.
    pub generation: u64,
}

/// The record of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRecord {
    /// The tenant and environment whose record it is.
    pub owner: RecordOwner,
    /// Digest of the first request that claimed the operation.
    pub fingerprint: Fingerprint,
    /// Counts the claims of this operation; see [`Ticket`].
    pub generation: u64,
    /// The state of the operation.
    pub state: OperationState,
}

/// The state of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationState {
    /// An exchange carries the operation out.
    Executing {
        /// End of the claim's lease, by the monotonic clock.
        lease_until: Duration,
    },
    /// No exchange carries the operation out, and there is no reply to repeat.
    Retryable {
        /// Moment at which the last exchange gave up, by the wall clock.
        at: Duration,
    },
    /// The operation was carried out.
    Completed {
        /// Moment of the completion, by the wall clock.
        at: Duration,
        /// The reply to repeat. None if its body was too long: a retry is carried out again.
        reply: Option<StoredReply>,
    },
}

/// RecordTime, on both clocks, and how long completed records live.
#[derive(Debug, Clone, Copy)]
pub struct RecordTime {
    /// Time by the monotonic clock, for leases.
    pub monotonic: Duration,
    /// Time by the wall clock, for the life of completed records.
    pub unix: Duration,
    /// Life of a completed record.
    pub ttl: Duration,
}

/// The decision about a claim.
#[derive(Debug, PartialEq, Eq)]
pub enum ClaimDecision {
    /// The claim is granted, and this is the record to write.
    Granted(OperationRecord),
    /// The operation was carried out; this was the reply.
    Completed(StoredReply),
    /// Another exchange carries the operation out.
    InProgress,
    /// The key was used with another fingerprint.
    Reused,
}

impl RecordTime {
    /// Returns the generation of an operation that has no record. Not 1: the record may have been
    /// evicted while a holder of its first generation was asleep, and must not fit again.
    fn first_generation(self) -> u64 {
        u64::try_from(self.unix.as_micros()).unwrap_or(u64::MAX / 2)
    }

    /// Returns true if a record has outlived its use. One in progress never does.
    #[must_use]
    pub fn is_past(self, record: &OperationRecord) -> bool {
        match &record.state {
            OperationState::Completed { at, .. } => self.unix >= at.saturating_add(self.ttl),
            OperationState::Retryable { at } => self.unix >= at.saturating_add(RETRYABLE_TTL),
            OperationState::Executing { .. } => false,
        }
    }

    /// Returns the state of an operation that an exchange gives up now.
    #[must_use]
    pub fn retryable(self) -> OperationState {
        OperationState::Retryable { at: self.unix }
    }
}

/// Decides about a claim.
#[must_use]
pub fn claim(
    known: Option<&OperationRecord>,
    request: &ClaimRequest,
    now: RecordTime,
) -> ClaimDecision {
    let &ClaimRequest { owner, fingerprint, lease, .. } = request;
    let granted = |generation| {
        let state = OperationState::Executing { lease_until: now.monotonic.saturating_add(lease) };
        ClaimDecision::Granted(OperationRecord { owner, fingerprint, generation, state })
    };

    let Some(record) = known else { return granted(now.first_generation()) };
    let next = record.generation.saturating_add(1);
    if now.is_past(record) {
        return granted(next);
    }
    if record.fingerprint != fingerprint {
        return ClaimDecision::Reused;
    }

    match &record.state {
        OperationState::Executing { lease_until } if now.monotonic < *lease_until => {
            ClaimDecision::InProgress
        }
        OperationState::Completed { reply: Some(reply), .. } => {
            ClaimDecision::Completed(reply.clone())
        }
        OperationState::Executing { .. }
        | OperationState::Retryable { .. }
        | OperationState::Completed { reply: None, .. } => granted(next),
    }
}

/// Returns true if the holder of this generation still holds the claim.
#[must_use]
pub fn holds(record: &OperationRecord, generation: u64) -> bool {
    record.generation == generation && matches!(record.state, OperationState::Executing { .. })
}

/// Returns the state after a completion.
#[must_use]
pub fn completed(reply: StoredReply, now: RecordTime) -> OperationState {
    let reply = (!reply.is_elided()).then_some(reply);
    OperationState::Completed { at: now.unix, reply }
}

/// Returns the reply for a holder whose claim was taken over, if one is stored.
#[must_use]
pub fn stored(record: Option<OperationRecord>) -> Option<StoredReply> {
    match record.map(|record| record.state) {
        Some(OperationState::Completed { reply, .. }) => reply,
        Some(OperationState::Executing { .. } | OperationState::Retryable { .. }) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    const LEASE: Duration = Duration::from_secs(40);
    const FIRST: u64 = 1_000_000_000;
    const SECOND: u64 = FIRST + 1;
    const MINE: Fingerprint = [1; 32];
    const OTHER: Fingerprint = [2; 32];

    fn now(seconds: u64) -> RecordTime {
        let at = Duration::from_secs(1_000 + seconds);
        RecordTime { monotonic: at, unix: at, ttl: TTL_DEFAULT }
    }

    fn reply(bytes: usize) -> StoredReply {
        StoredReply::new(StatusCode::CREATED, &HeaderMap::new(), Bytes::from(vec![7; bytes]))
    }

    fn claim(
        known: Option<&OperationRecord>,
        fingerprint: &Fingerprint,
        now: RecordTime,
    ) -> ClaimDecision {
        let operation = OperationKey(crate::Sha256Digest([1; 32]));
        let (owner, fingerprint) = (RecordOwner([7; 16]), *fingerprint);
        super::claim(known, &ClaimRequest { operation, owner, fingerprint, lease: LEASE }, now)
    }

    fn executing() -> OperationRecord {
        let ClaimDecision::Granted(record) = claim(None, &MINE, now(0)) else { panic!("granted") };
        record
    }

    fn in_state(state: OperationState) -> OperationRecord {
        OperationRecord { state, ..executing() }
    }

    #[test]
    fn a_first_claim_is_granted_for_its_lease() {
        let record = executing();
        assert_eq!(claim(Some(&record), &MINE, now(39)), ClaimDecision::InProgress);
    }

    #[test]
    fn after_the_lease_another_takes_over_with_the_next_generation() {
        let ClaimDecision::Granted(taken) = claim(Some(&executing()), &MINE, now(40)) else {
            panic!("the lease ran out")
        };
        assert_eq!(taken.generation, FIRST + 1);
        assert!(holds(&taken, FIRST + 1) && !holds(&taken, FIRST));
    }

    #[test]
    fn another_fingerprint_is_refused_in_every_state() {
        for state in [
            OperationState::Executing { lease_until: now(40).monotonic },
            OperationState::Executing { lease_until: now(0).monotonic },
            now(0).retryable(),
            completed(reply(1), now(0)),
            completed(reply(BODY + 1), now(0)),
        ] {
            let record = in_state(state.clone());
            assert_eq!(claim(Some(&record), &OTHER, now(1)), ClaimDecision::Reused, "{state:?}");
        }
    }

    const BODY: usize = super::super::BODY_BYTES_MAX;

    #[test]
    fn a_completed_record_is_repeated_until_its_life_ends() {
        let record = in_state(completed(reply(BODY), now(0)));
        let end = TTL_DEFAULT.as_secs();
        let again = ClaimDecision::Completed(reply(BODY));
        assert_eq!(claim(Some(&record), &MINE, now(end - 1)), again);
        for fingerprint in [MINE, OTHER] {
            let found = claim(Some(&record), &fingerprint, now(end));
            assert!(
                matches!(found, ClaimDecision::Granted(OperationRecord { generation: SECOND, .. })),
                "{found:?}"
            );
        }
    }

    #[test]
    fn an_operation_in_progress_outlives_every_ttl_and_one_given_up_lives_a_day() {
        let far = now(TTL_DEFAULT.as_secs() * 10);
        assert!(!far.is_past(&executing()));
        let (given_up, day) = (in_state(now(0).retryable()), RETRYABLE_TTL.as_secs());
        assert!(!now(day - 1).is_past(&given_up));
        assert!(now(day).is_past(&given_up));
    }

    #[test]
    fn a_retryable_or_elided_record_is_carried_out_again() {
        for state in [now(0).retryable(), completed(reply(BODY + 1), now(0))] {
            let found = claim(Some(&in_state(state)), &MINE, now(1));
            assert!(
                matches!(found, ClaimDecision::Granted(OperationRecord { generation: SECOND, .. })),
                "{found:?}"
            );
        }
    }

    #[test]
    fn only_the_executing_generation_holds() {
        assert!(holds(&executing(), FIRST));
        assert!(!holds(&executing(), SECOND));
        assert!(!holds(&in_state(now(0).retryable()), FIRST));
        assert!(!holds(&in_state(completed(reply(1), now(0))), FIRST));
    }
}
