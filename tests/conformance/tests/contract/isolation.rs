//! A guest that looks for its past in every place that it can reach, and finds none.

use conformance::Table;
use tollgate_chain::{Content, Hook, Member, Reply, Verdict};
use tollgate_runtime::{Component, Grants};

use crate::world::{curious, load, run};

/// Runs the guest and returns the lines that it reports.
async fn found(guest: &Component<Table>) -> Vec<String> {
    let (outcome, _) = run(guest, Hook::Request, Table::default()).await;
    let Ok(Verdict::Reply(Reply { content: Content::Problem(problem), .. })) = outcome else {
        panic!("no problem: {outcome:?}");
    };
    let Some((_, Member::Texts(answers))) = problem.members.first() else {
        return vec![problem.detail.to_string()];
    };
    answers.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn no_request_finds_anything_of_an_earlier_one() {
    let guest = curious("past");
    let first = found(&guest).await;
    assert_eq!(first.len(), 6, "{first:?}");
    for line in ["visits: 0", "heap marks: 0", "marks beyond: 0"] {
        assert!(first.iter().any(|found| found == line), "no {line} in {first:?}");
    }
    for request in 1..100 {
        assert_eq!(found(&guest).await, first, "request {request}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_finds_anything_of_one_beside_it_or_of_another_policy() {
    let guests = [curious("past"), curious("past")].map(std::sync::Arc::new);
    let first = found(&guests[0]).await;
    let looking: Vec<_> = (0..64)
        .map(|number| {
            let guest = std::sync::Arc::clone(&guests[number % 2]);
            tokio::spawn(async move { found(&guest).await })
        })
        .collect();
    for look in looking {
        assert_eq!(look.await.unwrap(), first);
    }
}

/// The control: within one instance the same look finds every one of its marks.
#[tokio::test]
async fn a_second_look_in_the_same_instance_finds_something_in_every_place() {
    let first = found(&curious("past")).await;
    let second = found(&curious("past-twice")).await;
    assert_eq!(first.len(), second.len());
    for (first, second) in first.iter().zip(&second) {
        let place = first.split(':').next().unwrap();
        assert!(second.starts_with(place), "{first}, {second}");
        assert_ne!(first, second, "a mark in `{place}` was not found");
    }
}

#[tokio::test]
async fn no_request_finds_a_global_or_a_table_of_an_earlier_one() {
    let guest = load("c-tables", "past", &Grants::all()).unwrap();
    for request in 0..100 {
        assert_eq!(found(&guest).await, ["global 0, table 0"], "request {request}");
    }
    // The control: the same instance looks twice.
    let twice = load("c-tables", "past-twice", &Grants::all()).unwrap();
    assert_eq!(found(&twice).await, ["global 1, table 1"]);
}
