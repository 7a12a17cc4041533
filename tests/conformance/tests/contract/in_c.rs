//! A policy is a policy in any language: `c-hosts` decides as `allowed-hosts` does where both are
//! told the same.

use conformance::Table;
use tollgate_chain::{
    Answer, Hook, Interface, Question, RequestRead, ServerName, Text, Trace, Verdict,
};
use tollgate_runtime::{Component, Grants, LoadError, SettingProblem};

use crate::world::{load, run};

const HOSTS: &str = r#"{"hosts":[{"name":"a.example"}, { "name" : "b.example:8443" }]}"#;

fn names() -> Box<[Text]> {
    ["a.example", "b.example:8443"].map(Text::from).into()
}

/// A host that was asked for the host of this index, over a connection of this kind.
fn asked_for(index: Option<u32>, server_name: ServerName) -> Table {
    Table::new([
        (Question::from(RequestRead::AuthorityIn(names())), Answer::Index(index)),
        (Question::from(RequestRead::ServerNameIn(names())), Answer::ServerName(server_name)),
    ])
}

async fn decided(guest: &Component<Table>, host: Table) -> (Verdict, Trace) {
    let (outcome, trace) = run(guest, Hook::Request, host).await;
    (outcome.unwrap(), trace)
}

#[tokio::test]
async fn it_asks_the_same_and_decides_the_same() {
    let rust = load("allowed-hosts", HOSTS, &Grants::all()).unwrap();
    let c = load("c-hosts", HOSTS, &Grants::all()).unwrap();
    let mut proceeded = 0;
    for index in [None, Some(0), Some(1), Some(2), Some(u32::MAX)] {
        for server_name in [ServerName::Absent, ServerName::Served, ServerName::Other] {
            let wanted = decided(&rust, asked_for(index, server_name)).await;
            let decision = decided(&c, asked_for(index, server_name)).await;
            assert_eq!(decision, wanted, "{index:?} {server_name:?}");
            proceeded += u32::from(decision.0 == Verdict::Proceed);
        }
    }
    assert_eq!(proceeded, 4);
}

/// The keys of all problems that the guest has with its settings.
fn refused(guest: &str, settings: &str) -> Vec<String> {
    match load(guest, settings, &Grants::all()) {
        Ok(_) => Vec::new(),
        Err(LoadError::Settings(problems)) => {
            assert!(problems.iter().all(|problem| !problem.message.is_empty()), "{problems:?}");
            problems.into_iter().map(|SettingProblem { key, .. }| key).collect()
        }
        Err(other) => panic!("refused in another way: {other}"),
    }
}

#[test]
fn it_refuses_the_same_settings_by_the_same_keys() {
    for settings in [
        r"{}",
        r#"{"hosts":[]}"#,
        r#"{"hosts":[{}]}"#,
        r#"{"hosts":[{"name":"API.example.com"}]}"#,
        r#"{"hosts":[{"name":"a."},{"name":"*.a"}]}"#,
        r#"{"hosts":[{"name":"https://a"}]}"#,
        r#"{"hosts":[{"name":"a:443"}]}"#,
        r#"{"hosts":[{"name":"a:80"}]}"#,
        r#"{"hosts":[{"name":"a"},{"name":"a"}]}"#,
        r#"{"hosts":[{"name":"a","port":1}]}"#,
        r#"{"hosts":[{"name":"[::1]:8080"},{"name":"127.0.0.1:8080"}]}"#,
        "[]",
        "",
        r#"{"hosts":[{"name":"a"}]} {}"#,
    ] {
        let (c, rust) = (refused("c-hosts", settings), refused("allowed-hosts", settings));
        assert_eq!(c, rust, "{settings}");
    }
}

#[test]
fn it_is_snapshotted_and_imports_what_it_asks_and_nothing_else() {
    let guest = load("c-hosts", HOSTS, &[Interface::Request].into_iter().collect()).unwrap();
    assert!(guest.is_snapshotted(), "{:?}", guest.why_not_snapshotted());
    for guest in ["c-hosts", "c-tables"] {
        let settings = if guest == "c-hosts" { HOSTS } else { "deny" };
        let guest = load(guest, settings, &Grants::all()).unwrap();
        let imports = &guest.inspection().imports;
        assert!(imports.iter().all(|import| import.name.starts_with("tollgate:policy/")));
    }
}
