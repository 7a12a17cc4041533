//! Every branch of `allowed-hosts`, against a table of answers.

use allowed_hosts::{Settings, decide};
use tollgate_sdk::ServerName;
use tollgate_sdk::testing::{Answer, Table, outcome, problem, refused_keys, settings};

const HOSTS: &str = r#"{"hosts":[
    {"name":"sandbox.example.com","environment":"sandbox"},
    {"name":"api.example.com","environment":"live"},
    {"name":"api2.example.com:8443","environment":"live"},
    {"name":"status.example.com"}]}"#;

fn addressed_to(index: impl Into<Answer>, server_name: ServerName) -> (String, Table) {
    let mut host = Table::new()
        .with("request.authority-in", index)
        .with("request.server-name-in", server_name);
    let verdict = decide(&settings::<Settings>(HOSTS), &mut host);
    (outcome(&verdict), host)
}

#[test]
fn a_served_host_proceeds_and_its_environment_is_noted() {
    let rows = [
        (0_u32, &["notes.set(host-environment, sandbox)"][..]),
        (1, &["notes.set(host-environment, live)"]),
        (2, &["notes.set(host-environment, live)"]),
        (3, &[]),
    ];
    for (index, notes) in rows {
        for server_name in [ServerName::Absent, ServerName::Served] {
            let (outcome, host) = addressed_to(index, server_name);
            assert_eq!((outcome.as_str(), host.commands()), ("proceed", &owned(notes)[..]));
        }
    }
}

#[test]
fn a_host_that_is_not_served_is_misdirected() {
    let (outcome, host) = addressed_to(Answer::Nothing, ServerName::Absent);
    assert_eq!(outcome, "421 host-not-served");
    assert!(host.commands().is_empty());
}

#[test]
fn a_connection_made_for_another_host_is_misdirected() {
    for index in 0..4_u32 {
        let (outcome, host) = addressed_to(index, ServerName::Other);
        assert_eq!(outcome, "421 host-not-served", "host {index}");
        assert!(host.commands().is_empty());
    }
}

#[test]
fn only_hosts_of_the_same_environment_share_a_connection() {
    let rows = [
        (0_u32, "request.server-name-in([sandbox.example.com])"),
        (1, "request.server-name-in([api.example.com, api2.example.com:8443])"),
        (3, "request.server-name-in([status.example.com])"),
    ];
    for (index, question) in rows {
        assert!(addressed_to(index, ServerName::Served).1.saw(question), "{question}");
    }
}

#[test]
fn an_index_beyond_the_list_is_refused() {
    assert_eq!(addressed_to(4_u32, ServerName::Served).0, "421 host-not-served");
}

#[test]
fn the_refusal_does_not_repeat_what_was_sent() {
    let mut host = Table::new().with("request.authority-in", Answer::Nothing);
    let problem = problem(&decide(&settings(HOSTS), &mut host));
    assert!(!problem.detail.contains("example.com") && problem.members.is_empty());
}

#[test]
fn settings_that_could_never_match_are_refused_with_the_path_of_the_key() {
    let rows = [
        (r"{}", &["hosts"][..]),
        (r#"{"hosts":[]}"#, &["hosts"]),
        (r#"{"hosts":[{}]}"#, &["hosts[0].name"]),
        (r#"{"hosts":[{"name":"API.example.com"}]}"#, &["hosts[0].name"]),
        (r#"{"hosts":[{"name":"a."},{"name":"*.a"}]}"#, &["hosts[0].name", "hosts[1].name"]),
        (r#"{"hosts":[{"name":"https://a"}]}"#, &["hosts[0].name"]),
        (r#"{"hosts":[{"name":"a:443"}]}"#, &["hosts[0].name"]),
        (r#"{"hosts":[{"name":"a:80"}]}"#, &["hosts[0].name"]),
        (r#"{"hosts":[{"name":"a","environment":"test"}]}"#, &["hosts[0].environment"]),
        (r#"{"hosts":[{"name":"a"},{"name":"a"}]}"#, &["hosts[1]"]),
        (r#"{"hosts":[{"name":"a","port":1}]}"#, &["hosts[0].port"]),
        (r#"{"hosts":[{"name":"[::1]:8080"},{"name":"127.0.0.1:8080"}]}"#, &[]),
    ];
    for (text, keys) in rows {
        assert_eq!(refused_keys::<Settings>(text), keys, "{text}");
    }
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}
