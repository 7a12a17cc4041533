use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use proptest::prelude::*;

use super::{
    Attributes, Matched, Methods, Route, RouteLimits, RouteTable, RouteTableError, Template,
};

fn route(name: &str, template: &str) -> Arc<Route> {
    Arc::new(Route {
        name: name.into(),
        template: template.into(),
        attributes: Attributes::default(),
        grpc: None,
        upstream: None,
        binding: 0,
        chain: 0,
        limits: RouteLimits {
            body_bytes_max: 1024,
            timeout: Duration::from_secs(1),
            stream_idle_timeout: Duration::from_secs(1),
        },
    })
}

/// A table of `METHOD template` lines; each Route is named by its line.
fn table(lines: &[&str]) -> Result<RouteTable, RouteTableError> {
    RouteTable::build(lines.iter().map(|line| {
        let (method, template) = line.split_once(' ').unwrap();
        let methods = match method {
            "*" => Methods::Any,
            list => Methods::These(list.split(',').map(|method| method.parse().unwrap()).collect()),
        };
        (methods, Template::parse(template).unwrap(), route(line, template))
    }))
}

/// `line [field=value …]`, `other: methods`, or `none`.
fn look(table: &RouteTable, request: &str) -> String {
    let (method, path) = request.split_once(' ').unwrap();
    match table.find(&method.parse().unwrap(), path) {
        Matched::Found { route, variables, .. } => {
            let mut text = route.name.to_string();
            for (field, value) in variables {
                text.push_str(&format!(" | {field}={value}"));
            }
            text
        }
        Matched::OtherMethod { methods } => format!("other: {methods}"),
        Matched::None => "none".to_owned(),
    }
}

#[test]
fn templates_outside_the_grammar_are_refused() {
    let invalid = [
        "",
        "//",
        "/{}",
        "/a/",
        "/a//b",
        "/:",
        "/a/:verb",
        ":verb",
        "/:verb",
        "/{x=/a}",
        "/a/{x=var:verb}",
        "/a/**/*",
        "/a/**/**",
        "/a/**/{b}",
        "/{var=a/{nested=b}}",
        "/a{x}",
        "/{x}a",
        "/{x}{y}",
        "/a/{b",
        "/a/b}",
        "/{=a}",
        "/{a.}",
        "/{.a}",
        "/{a..b}",
        "/{1a}",
        "/{a-b}",
        "/a/{x=}",
        "/a/{x=*",
        "/a/***",
        "/a*",
        "/*a",
        "/a/*b",
        "/a:b/c",
        "/a:b:c",
        "/a:",
        "a",
        "a/b",
        "/a b",
        "/a?b",
        "/a#b",
        "/a;b",
        "/a%",
        "/a%2",
        "/a%zz",
        "/é",
        "/a/.",
        "/a/../b",
        "/{a}/{a}",
        "/{x=**}/{y=**}",
        "/{x=a/}",
        "/{x=a//b}",
        "/{x}:",
        "/{x=*}:{y}",
        "/a=b",
        "/{x}/",
        "/{ x}",
        "/%73ecret",
        "/a%2Fb",
        "/a%3Bb",
        "/a%2e",
        "/%252e",
        "/%FF",
        "/{x=%61/*}",
        "/a:%76erb",
    ];

    for text in invalid {
        assert!(Template::parse(text).is_err(), "{text:?} must be refused");
    }

    assert!(Template::parse(&"/a".repeat(65)).is_err());
    assert!(Template::parse(&format!("/{}", "a".repeat(2048))).is_err());
}

#[test]
fn templates_of_the_grammar_are_read() {
    let valid = [
        ("/", vec![], None),
        ("/a", vec![], None),
        ("/*", vec![], None),
        ("/**", vec![], None),
        ("/a/*/b/**", vec![], None),
        ("/a/{b.c.d}", vec!["b.c.d"], None),
        ("/a/{b=c/**}/d/e", vec!["b"], None),
        ("/a/{b=*/c/*}/{_d}:verb", vec!["b", "_d"], Some("verb")),
        ("/v1.2/a-b_c~d%20e/@me:do-it", vec![], Some("do-it")),
    ];
    for (text, variables, verb) in valid {
        let template = Template::parse(text).unwrap();
        assert_eq!(template.as_str(), text);
        assert_eq!(template.variables().collect::<Vec<_>>(), variables, "{text}");
        assert_eq!(template.verb(), verb, "{text}");
    }
}

#[test]
fn an_error_names_the_byte_and_what_was_expected() {
    let error = Template::parse("/a/{b/c").unwrap_err();
    assert_eq!(error.to_string(), "path template `/a/{b/c`, byte 5: expected `}`");
}

#[test]
fn a_literal_beats_one_segment_which_beats_many() {
    let table = table(&[
        "GET /a/b/c",
        "GET /a/*/c",
        "GET /a/b/*",
        "GET /a/**",
        "GET /**",
        "GET /a/*",
        "GET /a/**/z",
        "GET /a/**/y/z",
        "GET /",
    ])
    .unwrap();

    for (path, line) in [
        ("/", "GET /"),
        ("/a/b/c", "GET /a/b/c"),
        ("/a/x/c", "GET /a/*/c"),
        ("/a/b/x", "GET /a/b/*"),
        ("/a/x", "GET /a/*"),
        ("/a", "GET /a/**"),
        ("/a/x/y", "GET /a/**"),
        ("/a/1/2/3/z", "GET /a/**/z"),
        ("/a/1/2/y/z", "GET /a/**/y/z"),
        ("/b", "GET /**"),
        ("/b/c/", "GET /**"),
        ("/A/b/c", "GET /**"),
    ] {
        assert_eq!(look(&table, &format!("GET {path}")), line, "{path}");
    }
}

#[test]
fn a_less_specific_template_serves_where_the_more_specific_has_another_method_or_end() {
    let table = table(&["GET /a/b", "POST /a/{x}", "GET /a/b/c", "GET /a/{x}/d"]).unwrap();
    assert_eq!(look(&table, "POST /a/b"), "POST /a/{x} | x=b");
    assert_eq!(look(&table, "GET /a/b/d"), "GET /a/{x}/d | x=b");
    assert_eq!(look(&table, "DELETE /a/b"), "other: GET, HEAD, POST, OPTIONS");
}

#[test]
fn a_registered_verb_beats_a_value_and_an_unregistered_one_is_part_of_it() {
    let table =
        table(&["GET /x/{id}", "POST /x/{id}:cancel", "GET /y/{id=**}", "GET /y/{id=**}:tail"])
            .unwrap();
    assert_eq!(look(&table, "POST /x/123:cancel"), "POST /x/{id}:cancel | id=123");
    assert_eq!(look(&table, "GET /x/123:other"), "GET /x/{id} | id=123:other");
    assert_eq!(look(&table, "GET /x/123:cancel"), "other: POST, OPTIONS");
    assert_eq!(look(&table, "GET /x/a:b:c"), "GET /x/{id} | id=a:b:c");
    assert_eq!(look(&table, "POST /x/a:b:cancel"), "POST /x/{id}:cancel | id=a:b");
    assert_eq!(look(&table, "GET /x/123%3Acancel"), "GET /x/{id} | id=123:cancel");
    assert_eq!(look(&table, "GET /y/a/b:tail"), "GET /y/{id=**}:tail | id=a/b");
    assert_eq!(look(&table, "GET /x/123:tail"), "GET /x/{id} | id=123:tail");
    assert_eq!(look(&table, "GET /x/:cancel"), "GET /x/{id} | id=:cancel");
}

#[test]
fn values_are_decoded_and_reserved_characters_stay_encoded_across_segments() {
    let table = table(&[
        "GET /one/{x}",
        "GET /many/{x=**}",
        "GET /mid/{x=a/*/b}/{y}",
        "GET /tail/{x=c/**}/d/{y=e}",
    ])
    .unwrap();

    for (path, expected) in [
        ("/one/p%20q%2Fr+", "GET /one/{x} | x=p q/r+"),
        ("/one/%c3%a9", "GET /one/{x} | x=é"),
        ("/many/foo%20foo/q/bar%2Fbar", "GET /many/{x=**} | x=foo foo/q/bar%2Fbar"),
        ("/many/a%2fb%3Fc%20d", "GET /many/{x=**} | x=a%2fb%3Fc d"),
        ("/many", "GET /many/{x=**} | x="),
        ("/many/", "GET /many/{x=**} | x="),
        ("/many/d/", "GET /many/{x=**} | x=d/"),
        ("/mid/a/1/b/2", "GET /mid/{x=a/*/b}/{y} | x=a/1/b | y=2"),
        ("/tail/c/1/2/d/e", "GET /tail/{x=c/**}/d/{y=e} | x=c/1/2 | y=e"),
        ("/tail/c/d/e", "GET /tail/{x=c/**}/d/{y=e} | x=c | y=e"),
        ("/one/%FF", "none"),
        ("/many/%FF", "none"),
        ("/one/", "none"),
        ("/one/a/", "none"),
        ("/ONE/a", "none"),
        ("one/a", "none"),
        ("*", "none"),
    ] {
        assert_eq!(look(&table, &format!("GET {path}")), expected, "{path}");
    }
}

#[test]
fn a_literal_is_found_however_its_characters_are_written() {
    let table = table(&[
        "GET /v1/caf%C3%A9",
        "GET /v1/me@home",
        "GET /v1/a%20b/**",
        "GET /v1/**/end%21",
        "GET /v1/{x}",
        "POST /v1/{x}:do%20it",
    ])
    .unwrap();

    for (request, expected) in [
        ("GET /v1/caf%C3%A9", "GET /v1/caf%C3%A9"),
        ("GET /v1/caf%c3%a9", "GET /v1/caf%C3%A9"),
        ("GET /v1/me@home", "GET /v1/me@home"),
        ("GET /v1/me%40home", "GET /v1/me@home"),
        ("GET /v1/a%20b/c", "GET /v1/a%20b/**"),
        ("GET /v1/x/end!", "GET /v1/**/end%21"),
        ("GET /v1/x/end%21", "GET /v1/**/end%21"),
        ("POST /v1/1:do%20it", "POST /v1/{x}:do%20it | x=1"),
        ("GET /v1/%2540", "GET /v1/{x} | x=%40"),
    ] {
        assert_eq!(look(&table, request), expected, "{request}");
    }
}

#[test]
fn literals_that_differ_in_their_spelling_alone_are_one_and_the_same() {
    let message = table(&["GET /a/me@home", "GET /a/me%40home"]).unwrap_err().to_string();
    assert!(message.contains("both match GET requests of the same paths"), "{message}");
}

#[test]
fn a_verb_behind_an_encoded_colon_is_noticed_where_a_template_has_it() {
    let table = table(&["POST /v1/{id}", "POST /v1/{id}:confirm", "POST /go:now"]).unwrap();
    for path in ["/v1/7%3Aconfirm", "/v1/7%3aconfirm", "/v1/a%3Ab%3Aconfirm", "/go%3Anow"] {
        assert!(table.hides_verb(path), "{path}");
    }
    for path in [
        "/v1/7:confirm",
        "/v1/7%3Aother",
        "/v1/%3Aconfirm",
        "/v1/7%3Aconfirm/more",
        "/v1/a%3Ab:confirm",
        "/v2/7%3Aconfirm",
        "/v1/7",
        "/v1/%FF%3Aconfirm",
    ] {
        assert!(!table.hides_verb(path), "{path}");
    }
}

#[test]
fn allow_lists_head_and_options_and_get_serves_head() {
    let table =
        table(&["GET /a", "PUT,DELETE /a", "PURGE /a", "HEAD /h", "GET /h", "* /any"]).unwrap();
    assert_eq!(look(&table, "HEAD /a"), "GET /a");
    assert_eq!(look(&table, "HEAD /h"), "HEAD /h");
    assert_eq!(look(&table, "OPTIONS /a"), "other: GET, HEAD, PUT, DELETE, PURGE, OPTIONS");
    assert_eq!(look(&table, "BREW /any"), "* /any");
    let Matched::Found { methods, .. } = table.find(&Method::GET, "/any") else {
        panic!("a route for any method")
    };
    assert_eq!(&*methods, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

#[test]
fn templates_that_no_request_can_tell_apart_are_refused_with_both_names() {
    for (first, second) in [
        ("GET /a/{x}", "GET /a/{y=*}"),
        ("GET /a/{x=**}", "GET,POST /a/**"),
        ("GET /a/*:v", "GET /{z=a/*}:v"),
        ("* /a", "* /a"),
    ] {
        let message = table(&[first, second]).unwrap_err().to_string();
        assert!(message.contains(&format!("`{first}`")), "{message}");
        assert!(message.contains(&format!("`{second}`")), "{message}");
    }
    assert!(table(&["GET /a/*", "POST /a/*", "* /a/*", "GET /a/*:v", "GET /a/**"]).is_ok());
    let none = [(Methods::These(vec![]), Template::parse("/a").unwrap(), route("r", "/a"))];
    assert_eq!(RouteTable::build(none).unwrap_err().to_string(), "route `r` has no method");
}

#[test]
fn finding_does_not_grow_with_the_number_of_routes() {
    let built = |count: usize| {
        let lines: Vec<String> = (0..count).map(|n| format!("GET /v1/kind{n}/{{id}}/x")).collect();
        table(&lines.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
    };
    let took = |table: &RouteTable| {
        let round = || {
            let started = Instant::now();
            for _ in 0..2000 {
                std::hint::black_box(table.find(&Method::GET, "/v1/kind5/abc/x"));
            }
            started.elapsed()
        };
        (0..7).map(|_| round()).min().unwrap()
    };
    let (few, many) = (built(10), built(10_000));
    let (few, many) = (took(&few), took(&many));
    assert!(many < few * 10, "10 routes {few:?}, 10,000 routes {many:?}");
}

proptest! {
    #[test]
    fn parsing_never_panics_and_keeps_its_text(text in "[/a{}=*:.%2_]{0,24}") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(template.as_str(), text);
        }
    }

    #[test]
    fn a_plain_value_comes_back_as_it_was_sent(id in "[A-Za-z0-9_.~-]{1,20}", rest in "[a-z]{1,5}(/[a-z]{1,5}){0,4}") {
        let table = table(&["GET /x/{id}/y/{rest=**}"]).unwrap();
        let found = look(&table, &format!("GET /x/{id}/y/{rest}"));
        prop_assert_eq!(found, format!("GET /x/{{id}}/y/{{rest=**}} | id={id} | rest={rest}"));
    }

    #[test]
    fn every_template_finds_itself(
        kinds in proptest::collection::vec(0..3usize, 1..6),
        many in any::<bool>(),
        verb in any::<bool>(),
    ) {
        let mut template = String::new();
        let mut path = String::new();
        for (index, kind) in kinds.iter().enumerate() {
            match kind {
                0 => { template.push_str("/lit"); path.push_str("/lit"); }
                1 => { template.push_str("/*"); path.push_str("/v"); }
                _ => { template.push_str(&format!("/{{f{index}}}")); path.push_str("/w"); }
            }
        }
        if many { template.push_str("/**"); path.push_str("/p/q"); }
        if verb { template.push_str(":go"); path.push_str(":go"); }
        let line = format!("GET {template}");
        let table = table(&[&line]).unwrap();
        let found = look(&table, &format!("GET {path}"));
        prop_assert!(found.starts_with(&line), "{} for {}", found, path);
    }

    #[test]
    fn finding_never_panics(path in "/[a-c:/%2Ff*]{0,24}") {
        let table = table(&["GET /a/{x}", "GET /{y=**}/b", "POST /**:c", "GET /a/*:c"]).unwrap();
        let _ = table.find(&Method::GET, &path);
    }
}
