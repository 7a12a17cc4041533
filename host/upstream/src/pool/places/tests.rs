//! Shares of the places, and the order of those who wait.

use super::*;

const A: [&str; 2] = ["a", "live"];
const B: [&str; 2] = ["b", "live"];
const C: [&str; 2] = ["c", "live"];

fn caller(texts: [&str; 2]) -> CallerKey {
    CallerKey::of_tenant(texts)
}

fn takes(places: &Places, caller: CallerKey) -> bool {
    match places.take(caller).unwrap() {
        PlaceLookup::Taken => true,
        // Dropped, it has given up waiting.
        PlaceLookup::Soon(_) => false,
    }
}

fn waits(places: &Places, caller: CallerKey) -> oneshot::Receiver<RequestSlot> {
    match places.take(caller).unwrap() {
        PlaceLookup::Soon(place) => place,
        PlaceLookup::Taken => panic!("a place was free"),
    }
}

#[test]
fn a_caller_alone_gets_three_quarters_and_the_next_one_still_finds_a_place() {
    for max in [2, 3, 4, 8, 256] {
        let places = Places::new(max);
        let of_a = (0..max).filter(|_| takes(&places, caller(A))).count();
        assert!(of_a >= (max / 2).max(1) && of_a < max, "{of_a} of {max}");
        assert!(takes(&places, caller(B)), "of {max}");
    }
}

#[test]
fn the_only_place_goes_to_whoever_comes_first_and_the_gateway_itself_has_no_share() {
    let places = Places::new(1);
    assert!(takes(&places, caller(A)));
    let places = Places::new(4);
    assert_eq!((0..5).filter(|_| takes(&places, CallerKey::GATEWAY)).count(), 4);
}

#[test]
fn callers_who_wait_take_turns() {
    let places = Places::new(2);
    assert!(takes(&places, caller(A)) && takes(&places, caller(C)));
    let _many: Vec<_> = (0..10).map(|_| waits(&places, caller(A))).collect();
    let _one = waits(&places, caller(B));
    let next = |caller| places.release(caller).map(|(granted, _)| granted);
    assert_eq!(next(caller(A)), Some(caller(A)));
    assert_eq!(next(caller(A)), Some(caller(B)), "not after the nine others of the first");
}

#[test]
fn a_request_that_gave_up_is_passed_over() {
    let places = Places::new(1);
    assert!(takes(&places, caller(A)));
    drop(waits(&places, caller(B)));
    assert!(places.release(caller(A)).is_none());
    assert!(takes(&places, caller(B)));
    assert!(places.release(caller(B)).is_none());
    assert!(places.state.lock().callers.is_empty(), "nothing is kept of callers who left");
}

#[test]
fn the_line_is_bounded_for_a_caller_and_in_all() {
    let places = Places::new(1);
    assert!(takes(&places, caller(A)));
    let mut line: Vec<_> = (0..WAITING_OF_CALLER_MAX).map(|_| waits(&places, caller(A))).collect();
    assert!(matches!(places.take(caller(A)), Err(Error::Overloaded)));
    for number in 0..WAITING_MAX - WAITING_OF_CALLER_MAX {
        line.push(waits(&places, CallerKey::of_connection(number as u64)));
    }
    assert!(matches!(places.take(caller(B)), Err(Error::Overloaded)));
    drop(line);
    drop(waits(&places, caller(B)));
}
