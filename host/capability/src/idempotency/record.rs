//! The rule of records: what a claim finds, what a completion may write. Pure, and the same
//! for every store.

use std::time::Duration;

use tollgate_chain::Fingerprint;

use super::{OperationKey, StoredReply};

/// How long a completed record lives, unless configured.
pub const TTL_DEFAULT: Duration = Duration::from_secs(72 * 3_600);
/// The shortest life of a completed record that may be configured.
pub const TTL_MIN: Duration = Duration::from_secs(24 * 3_600);

/// What a claim is known by. The generation fences: whoever was taken over writes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The operation.
    pub operation: OperationKey,
    /// Counts the claims of this operation.
    pub generation: u64,
}

/// What is kept of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) fingerprint: Fingerprint,
    pub(super) generation: u64,
    pub(super) state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Somebody is carrying it out; by the monotonic clock.
    Executing { lease_until: Duration },
    /// Nobody is, and there is no reply to repeat.
    Retryable,
    /// By the wall clock. Without a reply its body was too long, and a retry is carried out.
    Completed { at: Duration, reply: Option<StoredReply> },
}

/// Now, on both clocks, and how long completed records live.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) monotonic: Duration,
    pub(super) unix: Duration,
    pub(super) ttl: Duration,
}

/// What a claim finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The claim is granted, and this is the record to write.
    Granted(Record),
    Completed(StoredReply),
    InProgress,
    Reused,
}

impl Now {
    /// The generation of an operation that has no record. Not 1: the record may have been
    /// evicted while a holder of its first generation was asleep, and must not fit again.
    fn first_generation(self) -> u64 {
        u64::try_from(self.unix.as_micros()).unwrap_or(u64::MAX / 2)
    }

    /// Whether a record has outlived its use. Unresolved ones never do.
    pub(super) fn is_past(self, record: &Record) -> bool {
        match &record.state {
            State::Completed { at, .. } => self.unix >= at.saturating_add(self.ttl),
            State::Executing { .. } | State::Retryable => false,
        }
    }
}

/// Decides about a claim.
pub(super) fn claim(
    known: Option<&Record>,
    fingerprint: &Fingerprint,
    lease: Duration,
    now: Now,
) -> Found {
    let granted = |generation| {
        let state = State::Executing { lease_until: now.monotonic.saturating_add(lease) };
        Found::Granted(Record { fingerprint: *fingerprint, generation, state })
    };
    let Some(record) = known else { return granted(now.first_generation()) };
    let next = record.generation.saturating_add(1);
    if now.is_past(record) {
        return granted(next);
    }
    if record.fingerprint != *fingerprint {
        return Found::Reused;
    }
    match &record.state {
        State::Executing { lease_until } if now.monotonic < *lease_until => Found::InProgress,
        State::Completed { reply: Some(reply), .. } => Found::Completed(reply.clone()),
        State::Executing { .. } | State::Retryable | State::Completed { reply: None, .. } => {
            granted(next)
        }
    }
}

/// Whether the holder of this ticket still holds the claim.
pub(super) fn holds(record: &Record, generation: u64) -> bool {
    record.generation == generation && matches!(record.state, State::Executing { .. })
}

/// The state after a completion.
pub(super) fn completed(reply: StoredReply, now: Now) -> State {
    let reply = (!reply.is_elided()).then_some(reply);
    State::Completed { at: now.unix, reply }
}

/// What the record has to say to a holder that was taken over.
pub(super) fn stored(record: Option<Record>) -> Option<StoredReply> {
    match record.map(|record| record.state) {
        Some(State::Completed { reply, .. }) => reply,
        Some(State::Executing { .. } | State::Retryable) | None => None,
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

    fn now(seconds: u64) -> Now {
        let at = Duration::from_secs(1_000 + seconds);
        Now { monotonic: at, unix: at, ttl: TTL_DEFAULT }
    }

    fn reply(bytes: usize) -> StoredReply {
        StoredReply::new(StatusCode::CREATED, &HeaderMap::new(), Bytes::from(vec![7; bytes]))
    }

    fn executing() -> Record {
        let Found::Granted(record) = claim(None, &MINE, LEASE, now(0)) else { panic!("granted") };
        record
    }

    fn in_state(state: State) -> Record {
        Record { state, ..executing() }
    }

    #[test]
    fn a_first_claim_is_granted_for_its_lease() {
        let record = executing();
        assert_eq!(claim(Some(&record), &MINE, LEASE, now(39)), Found::InProgress);
    }

    #[test]
    fn after_the_lease_another_takes_over_with_the_next_generation() {
        let Found::Granted(taken) = claim(Some(&executing()), &MINE, LEASE, now(40)) else {
            panic!("the lease ran out")
        };
        assert_eq!(taken.generation, FIRST + 1);
        assert!(holds(&taken, FIRST + 1) && !holds(&taken, FIRST));
    }

    #[test]
    fn another_fingerprint_is_refused_in_every_state() {
        for state in [
            State::Executing { lease_until: now(40).monotonic },
            State::Executing { lease_until: now(0).monotonic },
            State::Retryable,
            completed(reply(1), now(0)),
            completed(reply(BODY + 1), now(0)),
        ] {
            let record = in_state(state.clone());
            assert_eq!(claim(Some(&record), &OTHER, LEASE, now(1)), Found::Reused, "{state:?}");
        }
    }

    const BODY: usize = super::super::BODY_BYTES_MAX;

    #[test]
    fn a_completed_record_is_repeated_until_its_life_ends() {
        let record = in_state(completed(reply(BODY), now(0)));
        let end = TTL_DEFAULT.as_secs();
        let again = Found::Completed(reply(BODY));
        assert_eq!(claim(Some(&record), &MINE, LEASE, now(end - 1)), again);
        for fingerprint in [MINE, OTHER] {
            let found = claim(Some(&record), &fingerprint, LEASE, now(end));
            assert!(
                matches!(found, Found::Granted(Record { generation: SECOND, .. })),
                "{found:?}"
            );
        }
    }

    #[test]
    fn unresolved_records_outlive_every_ttl() {
        let far = now(TTL_DEFAULT.as_secs() * 10);
        assert!(!far.is_past(&in_state(State::Retryable)));
        assert!(!far.is_past(&executing()));
    }

    #[test]
    fn a_retryable_or_elided_record_is_carried_out_again() {
        for state in [State::Retryable, completed(reply(BODY + 1), now(0))] {
            let found = claim(Some(&in_state(state)), &MINE, LEASE, now(1));
            assert!(
                matches!(found, Found::Granted(Record { generation: SECOND, .. })),
                "{found:?}"
            );
        }
    }

    #[test]
    fn only_the_executing_generation_holds() {
        assert!(holds(&executing(), FIRST));
        assert!(!holds(&executing(), SECOND));
        assert!(!holds(&in_state(State::Retryable), FIRST));
        assert!(!holds(&in_state(completed(reply(1), now(0))), FIRST));
    }
}
