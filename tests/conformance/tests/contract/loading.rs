//! Components that are refused at load, each with the reason that the error names.

use std::time::Duration;

use conformance::{Table, component};
use tollgate_chain::{
    Access, Answer, CredentialHandle, CredentialsRead, Environment, Hook, Identity, Interface,
    Plugin, Presented, Question, Resolution, Verdict,
};
use tollgate_runtime::{Component, ExceededLimit, Grants, LoadError, RunLimits, inspect};

use crate::world::{engine, limits, load, load_bytes, run};

/// Exchanges text of the same length everywhere in a file, so that it stays well formed.
fn patched(guest: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut file = component(guest).unwrap();
    let places: Vec<_> =
        file.windows(from.len()).enumerate().filter(|(_, w)| *w == from.as_bytes()).collect();
    let places: Vec<usize> = places.into_iter().map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{from} does not occur in {guest}");
    for at in places {
        file[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    file
}

#[test]
fn another_version_of_the_contract_is_refused_naming_both() {
    let file = patched("hostile", "@0.1.0", "@0.2.0");
    let error = load_bytes(&file, "{}", &Grants::all()).unwrap_err();
    assert!(matches!(error, LoadError::Contract { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("tollgate:policy@0.2.0"), "{message}");
    assert!(message.contains("tollgate:policy@0.1"), "{message}");
}

#[test]
fn a_later_patch_release_of_the_contract_is_accepted() {
    let file = patched("hostile", "@0.1.0", "@0.1.9");
    assert!(load_bytes(&file, "{}", &Grants::all()).is_ok());
}

#[test]
fn imports_outside_of_the_contract_are_refused_by_name() {
    for foreign in ["tollgate:policy/fog@", "tollgate:police/log@"] {
        let file = patched("hostile", "tollgate:policy/log@", foreign);
        let error = load_bytes(&file, "{}", &Grants::all()).unwrap_err();
        assert!(matches!(error, LoadError::ForeignImports(_)), "{error}");
        assert!(error.to_string().contains(foreign), "{error}");
    }
}

#[test]
fn a_component_without_the_hook_is_refused_by_its_name() {
    let file = patched("hostile", "on-request", "on-quest-x");
    let error = load_bytes(&file, "{}", &Grants::all()).unwrap_err();
    assert_eq!(error, LoadError::Exports(vec!["on-request"]));
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let file = component("modest").unwrap();
    // Without notes at its end a component is as whole as with them.
    let whole = ends_before_notes(&file);
    let step = (file.len() / 400).max(1);

    for length in (0..file.len()).step_by(step).filter(|length| !whole.contains(length)) {
        let refused = load_bytes(&file[..length], "{}", &Grants::all());
        assert!(refused.is_err(), "accepted the first {length} of {} bytes", file.len());
    }
    for length in whole {
        assert!(load_bytes(&file[..length], "{}", &Grants::all()).is_ok(), "{length}");
    }

    let error = load_bytes(&file[..file.len() - 1], "{}", &Grants::all()).unwrap_err();
    assert!(matches!(error, LoadError::Truncated { .. }), "{error}");
}

/// The lengths at which nothing but custom sections at the end of the file is lost.
fn ends_before_notes(file: &[u8]) -> Vec<usize> {
    const CUSTOM: u8 = 0;
    let mut ends = Vec::new();
    let mut at = 8;
    while at < file.len() {
        if file[at] == CUSTOM {
            ends.push(at);
        } else {
            ends.clear();
        }
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            length |= usize::from(file[at] & 0x7f) << shift;
            shift += 7;
            if file[at] & 0x80 == 0 {
                break;
            }
        }
        at += 1 + length;
    }
    ends
}

#[test]
fn what_is_no_component_is_refused_as_such() {
    for file in [&b""[..], b"#!/bin/sh\n", b"\0asm\x01\0\0\0", b"\x7fELF\x02\x01\x01\0"] {
        let error = load_bytes(file, "{}", &Grants::all()).unwrap_err();
        assert!(matches!(error, LoadError::NotAComponent { .. }), "{error}");
    }
}

#[test]
fn settings_that_are_no_settings_come_back_as_problems_of_the_plugin() {
    for settings in ["", "[]", r#"{"act":"dance"}"#, r#"{"colour":"red"}"#] {
        let error = load("hostile", settings, &Grants::all()).unwrap_err();
        let LoadError::Settings(problems) = error else { panic!("{settings}: {error}") };
        assert_eq!(problems.len(), 1, "{settings}: {problems:?}");
        assert!(!problems[0].message.is_empty());
    }
}

#[test]
fn an_instance_larger_than_its_limits_is_refused_by_the_limits_name() {
    let load = |memory, table| {
        let limits = RunLimits::new(Duration::from_millis(50), memory, table).unwrap();
        let file = component("hostile").unwrap();
        Component::<Table>::load(engine(), &file, "{}".to_owned(), &Grants::all(), limits)
            .unwrap_err()
    };
    let LoadError::Limit(table) = load(8 << 20, 1) else { panic!("the table is too large") };
    assert!(matches!(table, ExceededLimit::Table { asked: 2.., allowed: 1 }), "{table:?}");
    assert!(table.to_string().contains("raise `limits.table_elements` of the policy"), "{table}");
    let settings = format!(r#"{{"colour":"{}"}}"#, "x".repeat(256 << 10));
    let limits = RunLimits::new(Duration::from_millis(50), 256 << 10, 2_000).unwrap();
    let file = component("hostile").unwrap();
    let error =
        Component::<Table>::load(engine(), &file, settings, &Grants::all(), limits).unwrap_err();
    let LoadError::Limit(memory) = error else { panic!("{error}") };
    let ExceededLimit::Memory { asked, allowed: 262_144 } = memory else { panic!("{memory:?}") };
    assert!(asked > 262_144 && asked.is_multiple_of(65_536), "{memory:?}");
    assert!(memory.to_string().contains("raise `limits.memory_bytes` of the policy"), "{memory}");
}

#[test]
fn settings_beyond_their_bound_are_not_even_read() {
    let settings = " ".repeat((1 << 20) + 1);
    let error = load("hostile", &settings, &Grants::all()).unwrap_err();
    assert!(matches!(error, LoadError::SettingsTooLarge { .. }), "{error}");
    assert!(limits().memory_bytes() > 1 << 20);
}

#[tokio::test]
async fn types_of_an_interface_need_no_grant() {
    let guest = load("modest", "{}", &[Interface::Credentials].into_iter().collect()).unwrap();
    let needed: Vec<_> = guest.inspection().grants_needed().iter().collect();
    assert_eq!(needed, [Interface::Credentials]);
    for (environment, passes) in [(Environment::Sandbox, true), (Environment::Live, false)] {
        let key = CredentialHandle(0);
        let identity = Identity { environment, access: Access::Full };
        let host = Table::new([
            (Question::from(CredentialsRead::Presented), Answer::Presented(Presented::One(key))),
            (
                Question::from(CredentialsRead::Resolve(key)),
                Answer::Resolution(Resolution::Resolved(identity)),
            ),
        ]);
        let (outcome, _) = run(&guest, Hook::Request, host).await;
        assert_eq!(outcome == Ok(Verdict::Proceed), passes, "{outcome:?}");
    }
}

#[test]
fn inspecting_tells_what_a_file_asks_for_without_putting_it_to_work() {
    let inspection = inspect(engine(), &component("curious").unwrap()).unwrap();
    assert_eq!(inspection.contract.as_deref(), Some("tollgate:policy@0.1.0"));
    let contract = Grants::all().iter().filter(|grant| *grant != Interface::Wasi).collect();
    assert_eq!(inspection.grants_needed(), contract);
    for export in ["configure", "on-request", "on-response"] {
        assert!(inspection.exports.iter().any(|found| found == export), "no {export}");
    }
    let log = inspection.imports.iter().find(|import| import.name == "tollgate:policy/log@0.1.0");
    assert_eq!(log.unwrap().functions, ["write"]);
}

#[test]
fn a_component_says_which_hooks_it_has() {
    let curious = load("curious", r#"{"interface":"none"}"#, &Grants::all()).unwrap();
    let modest = load("modest", "{}", &Grants::all()).unwrap();
    assert!(curious.has(Hook::Request) && curious.has(Hook::Response));
    assert!(modest.has(Hook::Request) && !modest.has(Hook::Response));
}
