use super::super::money::Currency;
use super::*;
use proptest::prelude::*;

/// States down, facts across, in the order of `Fact::all`: where each leads.
/// This is the specification, written apart from the table that it tests.
const EXPECTED: [(State, [Option<State>; 11]); 12] = {
    const N: Option<State> = None;
    const REVIEW: Option<State> = Some(S::UnderReview);
    const CREDIT: Option<State> = Some(S::Credited);
    const REVERSE: Option<State> = Some(S::Reversed);
    // confirming, confirm, credit, sweep, drop, review, release, reject, refund, complete, reverse
    [
        (S::Detected, [Some(S::Confirming), N, N, N, N, REVIEW, N, N, N, N, N]),
        (S::Confirming, [N, Some(S::Confirmed), N, N, Some(S::Dropped), REVIEW, N, N, N, N, N]),
        (S::Confirmed, [N, N, CREDIT, N, N, REVIEW, N, N, N, N, N]),
        (S::Credited, [N, N, N, Some(S::Swept), N, N, N, N, N, N, REVERSE]),
        (S::Swept, [N, N, N, N, N, N, N, N, N, N, REVERSE]),
        (S::UnderReview, [N, N, N, N, N, N, Some(S::Released), Some(S::Rejected), N, N, N]),
        (S::Released, [N, N, CREDIT, N, N, N, N, N, N, N, N]),
        (S::Rejected, [N, N, N, N, N, N, N, N, Some(S::RefundPending), N, N]),
        (S::RefundPending, [N, N, N, N, N, N, N, N, N, Some(S::Refunded), N]),
        (S::Refunded, [N; 11]),
        (S::Dropped, [N; 11]),
        (S::Reversed, [N; 11]),
    ]
};

fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units, Currency::new("EUR").unwrap()).unwrap()
}

#[test]
fn every_state_answers_every_fact_as_specified() {
    assert_eq!(State::all().count(), EXPECTED.len());
    for (state, row) in EXPECTED {
        for (fact, expected) in Fact::all().zip(row) {
            let outcome = expected.map_or(Transition::Anomaly, Transition::Moved);
            assert_eq!(decide(state, FactSet::default(), fact), outcome, "{state:?} {fact:?}");
        }
    }
}

#[test]
fn a_fact_that_was_taken_before_changes_nothing_unless_it_is_a_step() {
    for state in State::all() {
        for fact in Fact::all() {
            let again = decide(state, FactSet::default().with(fact), fact);
            match decide(state, FactSet::default(), fact) {
                Transition::Moved(to) => assert_eq!(again, Transition::Moved(to)),
                Transition::Anomaly | Transition::Repeated => {
                    assert_eq!(again, Transition::Repeated)
                }
            }
        }
    }
}

#[test]
fn words_bits_and_numbers_are_read_back_as_what_they_were() {
    for state in State::all() {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    let mut all = FactSet::default();
    for fact in Fact::all() {
        assert_eq!(Fact::from_proto(fact.to_proto().into()), Some(fact));
        assert!(!all.contains(fact), "bits differ");
        all = all.with(fact);
    }
    assert_eq!(Fact::from_proto(0), None);
    assert_eq!(Fact::from_proto(99), None);
}

proptest! {
    /// Whatever a deposit is told, in whatever order: nothing is made or lost, it is never credited
    /// twice, and the account holds what its state says.
    #[test]
    fn any_history_conserves_money(told in prop::collection::vec(0..11_usize, 0..40)) {
        let amount = amount(1234);
        let (mut state, mut taken, mut account, mut clearing) = (S::Detected, FactSet::default(), 0, 0);
        let facts: Vec<Fact> = Fact::all().collect();
        for index in told {
            let fact = facts[index];
            let Transition::Moved(to) = decide(state, taken, fact) else { continue };
            for posting in postings(fact, "acc", &amount) {
                match posting.ledger_account.as_str() {
                    "clearing" => clearing += posting.minor_units,
                    _ => account += posting.minor_units,
                }
            }
            (state, taken) = (to, taken.with(fact));
        }
        prop_assert_eq!(account + clearing, 0);
        let held = if matches!(state, S::Credited | S::Swept) { 1234 } else { 0 };
        prop_assert_eq!(account, held);
    }
}
