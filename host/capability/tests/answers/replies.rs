//! `reply-headers` and `log`, the commands without answers, and the sticky number.

use http::header::{SERVER, VARY};
use http::{HeaderMap, HeaderValue};
use tollgate_chain::{
    Answer, Command, Host, LogCommand, LogLevel, Matched, Question, ReplyHeadersCommand, Source,
};

use crate::scripted::{World, head};

fn apply(host: &mut tollgate_capability::PolicyHost, command: ReplyHeadersCommand) {
    host.apply(&Command::ReplyHeaders(command));
}

#[tokio::test]
async fn each_command_changes_the_header_of_the_reply() {
    let mut host = World::new().host();
    apply(&mut host, ReplyHeadersCommand::DropUpstream(["Server".into()].into()));
    apply(&mut host, ReplyHeadersCommand::Set("x-a".into(), "1".into()));
    apply(&mut host, ReplyHeadersCommand::Set("X-A".into(), "2".into()));
    apply(&mut host, ReplyHeadersCommand::AddVary(["origin".into()].into()));
    let mut headers = HeaderMap::new();
    headers.insert(SERVER, HeaderValue::from_static("upstream/1.0"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    host.write_reply_headers(&mut headers);
    assert_eq!(
        (&headers["x-a"], &headers[VARY]),
        (&"2".parse().unwrap(), &"accept, origin".parse().unwrap())
    );
    assert_eq!(headers.len(), 2, "{headers:?}");
}

#[tokio::test]
async fn values_come_from_the_request_the_route_and_the_last_refusal_where_there_is_one() {
    let from = |name: &str, source| ReplyHeadersCommand::SetFrom(name.into(), source);
    for (matched, allow) in [
        (World::new().matched, Some("GET, POST")),
        (Matched::OtherMethod { methods: "GET".into() }, Some("GET")),
        (Matched::None, None),
    ] {
        let mut host = World { matched, ..World::new() }.host();
        apply(&mut host, from("x-origin", Source::RequestHeader("origin".into())));
        apply(&mut host, from("x-key", Source::RequestHeader("authorization".into())));
        apply(&mut host, from("x-internal-copy", Source::RequestHeader("x-internal".into())));
        apply(&mut host, from("allow", Source::RouteMethods));
        apply(&mut host, from("retry-after", Source::RetryAfter));
        let mut headers = HeaderMap::new();
        host.write_reply_headers(&mut headers);
        assert_eq!(headers["x-origin"], "https://app.example.com");
        assert_eq!(headers.get("allow").map(HeaderValue::as_bytes), allow.map(str::as_bytes));
        assert_eq!(headers.len(), 1 + usize::from(allow.is_some()), "{headers:?}");
    }
}

#[tokio::test]
async fn a_command_that_is_asked_is_done_and_changes_nothing_until_it_is_applied() {
    let mut host = World::new().host();
    let set = ReplyHeadersCommand::Set("x-a".into(), "1".into());
    let log = LogCommand::Write(LogLevel::Info, "text".into());
    for command in [Command::ReplyHeaders(set), Command::Log(log)] {
        let question = Question::Command(command);
        let tollgate_chain::Asked::Ready(answer) = host.ask(&question) else {
            panic!("a command has nothing to wait for")
        };
        assert_eq!(answer, Answer::Done);
    }
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert!(headers.is_empty());
}

#[tokio::test]
async fn the_sticky_number_follows_the_tenant_and_is_the_same_in_every_process() {
    let tenant = World::new().authenticated().await.sticky();
    assert_eq!(tenant, 0x6850_e379_ba8e_4414);
    let address = World { head: head(&[]), ..World::new() }.host().sticky();
    assert_eq!(address, World { head: head(&[("accept", "x")]), ..World::new() }.host().sticky());
    assert_ne!(World::new().host().sticky(), address, "the credential counts before the address");
}
