//! Reads that no store takes part in: request, route, upstreams, response, notes, system.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tollgate_chain::{
    Answer, Command, Host, Matched, NotesCommand, NotesRead, OriginKind, Presence, Read,
    RequestRead, ResponseRead, RouteMatch, RouteRead, ServerName, Settlement, Text, UpstreamState,
    UpstreamsRead, WasiRead,
};

use crate::scripted::{World, ask};

fn texts(texts: &[&str]) -> Box<[Text]> {
    texts.iter().map(|text| (*text).into()).collect()
}

#[tokio::test]
async fn each_read_of_the_request_has_its_answer() {
    let mut host = World::new().host();

    for (read, expected) in [
        (RequestRead::MethodIs("POST".into()), Answer::Bool(true)),
        (RequestRead::MethodIs("GET".into()), Answer::Bool(false)),
        (RequestRead::HeaderPresence("accept".into()), Answer::Presence(Presence::Once)),
        (RequestRead::HeaderPresence("cookie".into()), Answer::Presence(Presence::Absent)),
        (RequestRead::HeaderIs("accept".into(), "application/json".into()), Answer::Bool(true)),
        (RequestRead::Header("accept".into()), Answer::Text(Some("application/json".into()))),
        (RequestRead::Header("absent".into()), Answer::Text(None)),
        (RequestRead::AuthorityIn(texts(&["other", "api.example.com"])), Answer::Index(Some(1))),
        (RequestRead::AuthorityIn(texts(&["other"])), Answer::Index(None)),
        (
            RequestRead::ServerNameIn(texts(&["api.example.com:443"])),
            Answer::ServerName(ServerName::Served),
        ),
        (RequestRead::ServerNameIn(texts(&["other"])), Answer::ServerName(ServerName::Other)),
        (RequestRead::Origin, Answer::Origin(OriginKind::Foreign)),
        (RequestRead::OriginIn(texts(&["https://*.example.com"])), Answer::Bool(true)),
        (RequestRead::OriginIn(texts(&["https://other"])), Answer::Bool(false)),
    ] {
        assert_eq!(ask(&mut host, Read::Request(read.clone())).await, expected, "{read:?}");
    }
}

#[tokio::test]
async fn hidden_fields_are_counted_and_never_read() {
    let mut host = World::new().host();
    for name in ["authorization", "idempotency-key", "x-internal", "X-Internal"] {
        let presence = RequestRead::HeaderPresence(name.into());
        let answer = ask(&mut host, Read::Request(presence)).await;
        assert_eq!(answer, Answer::Presence(Presence::Once), "{name}");
        let answer = ask(&mut host, Read::Request(RequestRead::Header(name.into()))).await;
        assert_eq!(answer, Answer::Text(None), "{name}");
        let is = RequestRead::HeaderIs(name.into(), "secret".into());
        assert_eq!(ask(&mut host, Read::Request(is)).await, Answer::Bool(false), "{name}");
    }
}

#[tokio::test]
async fn each_read_of_the_route_has_its_answer() {
    let reads = || {
        [
            RouteRead::Matched,
            RouteRead::Name,
            RouteRead::Attribute("scope".into()),
            RouteRead::Attribute("absent".into()),
            RouteRead::GrpcMethod,
        ]
    };
    let text = |text: &str| Answer::Text(Some(text.into()));
    let none = || Answer::Text(None);
    let route = [
        Answer::Matched(RouteMatch::Found),
        text("create-deposit"),
        text("deposits:write"),
        none(),
        text("deposits.v1.Deposits/Create"),
    ];
    let no_route = |outcome| [Answer::Matched(outcome), none(), none(), none(), none()];

    for (matched, expected) in [
        (World::new().matched, route),
        (Matched::OtherMethod { methods: "GET".into() }, no_route(RouteMatch::OtherMethod)),
        (Matched::None, no_route(RouteMatch::None)),
    ] {
        let mut host = World { matched, ..World::new() }.host();
        for (read, expected) in reads().into_iter().zip(expected) {
            assert_eq!(ask(&mut host, Read::Route(read.clone())).await, expected, "{read:?}");
        }
    }
}

#[tokio::test]
async fn upstreams_have_the_states_that_their_pools_know() {
    let mut host = World::new().host();
    for (name, expected) in [
        ("deposits", UpstreamState::Ready),
        ("payouts", UpstreamState::Unavailable),
        ("other", UpstreamState::Unknown),
    ] {
        let answer = ask(&mut host, Read::Upstreams(UpstreamsRead::State(name.into()))).await;
        assert_eq!(answer, Answer::Upstream(expected), "{name}");
    }
}

#[tokio::test]
async fn the_response_is_empty_before_it_is_set_and_read_afterwards() {
    let mut host = World::new().host();
    let reads = [
        ResponseRead::Status,
        ResponseRead::HeaderPresence("etag".into()),
        ResponseRead::HeaderIs("etag".into(), "x".into()),
    ];
    let before = [Answer::Status(0), Answer::Presence(Presence::Absent), Answer::Bool(false)];
    for (read, expected) in reads.iter().zip(before) {
        assert_eq!(ask(&mut host, Read::Response(read.clone())).await, expected);
    }

    let headers: HeaderMap =
        [(http::header::ETAG, HeaderValue::from_static("x"))].into_iter().collect();
    host.set_response(201, &headers);
    let after = [Answer::Status(201), Answer::Presence(Presence::Once), Answer::Bool(true)];
    for (read, expected) in reads.iter().zip(after) {
        assert_eq!(ask(&mut host, Read::Response(read.clone())).await, expected);
    }
}

#[tokio::test]
async fn notes_outlive_the_run_that_set_them_and_are_bounded() {
    let mut host = World::new().host();
    for index in 0..33 {
        let name = format!("n{index}").into();
        host.apply(&Command::Notes(NotesCommand::Set(name, "v".into())));
    }
    host.settle(Settlement::Commit);
    for (name, expected) in [("n0", Some("v")), ("n31", Some("v")), ("n32", None)] {
        let answer = ask(&mut host, Read::Notes(NotesRead::Get(name.into()))).await;
        assert_eq!(answer, Answer::Text(expected.map(Into::into)), "{name}");
    }
    let is = NotesRead::Is("n1".into(), "v".into());
    assert_eq!(ask(&mut host, Read::Notes(is)).await, Answer::Bool(true));
}

#[tokio::test]
async fn time_goes_by_the_clock_of_the_stores_and_random_bytes_are_as_many_as_asked_for() {
    let world = World::new();
    let clock = std::sync::Arc::clone(&world.clock);
    let mut host = world.host();
    clock.set_unix(Duration::from_millis(5));
    let wall = ask(&mut host, Read::Wasi(WasiRead::WallClock)).await;
    assert_eq!(wall, Answer::Nanoseconds(5_000_000));
    let monotonic = ask(&mut host, Read::Wasi(WasiRead::MonotonicClock)).await;
    assert_eq!(monotonic, Answer::Nanoseconds(3_600_000_000_000));
    let random = ask(&mut host, Read::Wasi(WasiRead::Random(16))).await.into_random();
    assert_eq!(random.expect("random bytes").len(), 16);
}
