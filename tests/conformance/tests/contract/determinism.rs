//! A verdict depends on nothing but the answers: each source of chance is closed.

use std::sync::Arc;
use std::time::Duration;

use conformance::{Table, component};
use tollgate_chain::{Content, Failure, Hook, Member, Reply, Verdict};
use tollgate_runtime::{Component, Grants, LoadError, RunLimits};

use crate::world::{curious, engine, load_bytes, run};

async fn numbers(guest: &Component<Table>) -> Vec<String> {
    let (outcome, _) = run(guest, Hook::Request, Table::default()).await;
    let Ok(Verdict::Reply(Reply { content: Content::Problem(problem), .. })) = outcome else {
        panic!("no problem: {outcome:?}");
    };
    let Some((_, Member::Texts(answers))) = problem.members.first() else {
        panic!("no answers");
    };
    answers.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_is_not_a_number_has_the_same_bits_on_every_machine() {
    assert_eq!(numbers(&curious("not-a-number")).await, ["7ff8000000000000"; 4]);
}

/// The control: this machine has bits of its own for the same sums.
#[test]
#[cfg(target_arch = "x86_64")]
fn this_machine_would_have_chosen_other_bits() {
    let own = std::hint::black_box(0.0_f64) / std::hint::black_box(0.0);
    assert_ne!(own.to_bits(), 0x7ff8_0000_0000_0000);
}

/// A component of one core module, of these sections.
fn of_module(sections: &[&[u8]]) -> Vec<u8> {
    let module = [b"\0asm\x01\0\0\0", sections.concat().as_slice()].concat();
    let length = u8::try_from(module.len()).unwrap();
    assert!(length < 0x80);
    [b"\0asm\x0d\0\x01\0\x01", &[length][..], &module].concat()
}

/// A module of one function without parameters and results, of this body.
fn of_function(body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len() + 2).unwrap();
    let code = [&[0x0a, length + 2, 1, length, 0][..], body, &[0x0b]].concat();
    of_module(&[&[1, 4, 1, 0x60, 0, 0], &[3, 2, 1, 0], &code])
}

fn compiles(file: &[u8]) -> bool {
    let refused = load_bytes(file, "{}", &Grants::all()).unwrap_err();
    // What compiles is a component, if no policy.
    let compiles = matches!(refused, LoadError::Exports(_));
    assert!(compiles || matches!(refused, LoadError::Compile(_)), "{refused}");
    compiles
}

const VECTOR: [u8; 18] = {
    let mut constant = [0; 18];
    constant[0] = 0xfd;
    constant[1] = 0x0c;
    constant
};

#[test]
fn instructions_whose_results_are_the_machines_choice_are_refused() {
    let with = |instruction: &[u8]| of_function(&[&VECTOR, &VECTOR, instruction, &[0x1a]].concat());
    assert!(compiles(&with(&[0xfd, 0x0e])), "i8x16.swizzle, the control");
    assert!(!compiles(&with(&[0xfd, 0x80, 0x02])), "i8x16.relaxed_swizzle");
    assert!(compiles(&of_function(&[])), "the control");
    assert!(!compiles(&of_function(&[0xfe, 0x03, 0x00])), "atomic.fence");
}

#[test]
fn memories_that_others_can_write_or_that_are_beyond_32_bits_are_refused() {
    let with = |memory: &[u8]| {
        let length = u8::try_from(memory.len() + 1).unwrap();
        of_module(&[&[&[5, length, 1], memory].concat()])
    };
    assert!(compiles(&with(&[0x01, 1, 1])), "the control");
    assert!(!compiles(&with(&[0x03, 1, 1])), "shared memory");
    assert!(!compiles(&with(&[0x05, 1, 1])), "memory64");
}

/// Returns true if a run that asks for so many pages gets them all.
async fn grows(guest: &Component<Table>) -> bool {
    let (outcome, _) = run(guest, Hook::Request, Table::default()).await;
    match outcome {
        Ok(_) => true,
        Err(Failure::Memory) => false,
        Err(other) => panic!("ended otherwise: {other:?}"),
    }
}

fn growing(pages: usize, limit_pages: usize) -> Arc<Component<Table>> {
    let limits = RunLimits::new(Duration::from_millis(50), limit_pages << 16, 2_000).unwrap();
    let settings = format!(r#"{{"interface":"growth","pages":{pages}}}"#);
    let file = component("curious").unwrap();
    Arc::new(Component::load(engine(), &file, settings, &Grants::all(), limits).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn growth_is_decided_by_the_policys_own_limit_alone() {
    let begins_with = begins_with().await;
    let rooms = [(1, 0, false), (1, 1, true), (2, 1, false), (40, 40, true), (41, 40, false)];
    let guests = rooms.map(|(asked, room, fits)| (growing(asked, begins_with + room), fits));
    // Those that fit and those that do not, beside each other, in every order.
    let runs: Vec<_> = (0..60)
        .map(|number| {
            let (guest, fits) = &guests[number % guests.len()];
            let (guest, fits) = (Arc::clone(guest), *fits);
            tokio::spawn(async move { (grows(&guest).await, fits) })
        })
        .collect();
    for (number, run) in runs.into_iter().enumerate() {
        let (grown, fits) = run.await.unwrap();
        assert_eq!(grown, fits, "run {number}");
    }
}

/// Pages of the guest before it grows, as it sees them itself.
async fn begins_with() -> usize {
    let grown = numbers(&growing(1, 128)).await;
    grown.first().and_then(|pages| pages.parse().ok()).unwrap()
}
