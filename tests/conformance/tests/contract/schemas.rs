//! The schema that a component carries and its own `configure` say the same of the same settings.
//! Where they cannot (a rule over two keys that no schema expresses), the schema is the laxer one.

use boon::{Compiler, Schemas};
use conformance::component;
use serde_json::Value;
use tollgate_runtime::{Grants, LoadError, settings_schema};

use crate::world::load;

/// The judgement expected of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Good,
    Bad,
    /// By `configure` alone: the schema has no words for it.
    BadUnseen,
}
use Said::{Bad, BadUnseen, Good};

type Case = (Said, &'static str);

const ALLOWED_HOSTS: &[Case] = &[
    (Good, r#"{"hosts":[{"name":"api.example.com"}]}"#),
    (Good, r#"{"hosts":[{"name":"localhost:8443","environment":"live"},{"name":"[::1]:8081"}]}"#),
    (Bad, r#"{}"#),
    (Bad, r#"{"hosts":[]}"#),
    (Bad, r#"{"hosts":[{}]}"#),
    (Bad, r#"{"hosts":[{"name":""}]}"#),
    (Bad, r#"{"hosts":[{"name":"API.example.com"}]}"#),
    (Bad, r#"{"hosts":[{"name":"a.example."}]}"#),
    (Bad, r#"{"hosts":[{"name":"a:443"}]}"#),
    (Bad, r#"{"hosts":[{"name":"a","environment":"staging"}]}"#),
    (Bad, r#"{"hosts":[{"name":"a","port":1}]}"#),
    (Bad, r#"{"hosts":"a"}"#),
    (Bad, r#"{"hosts":[{"name":"a"},{"name":"a"}]}"#),
    (BadUnseen, r#"{"hosts":[{"name":"a"},{"name":"a","environment":"live"}]}"#),
];

const CORS: &[Case] = &[
    (Good, r#"{}"#),
    (Good, r#"{"origins":["https://a.example","https://*.b.example","http://localhost:3000"]}"#),
    (Good, r#"{"origins":["*"],"public":true}"#),
    (Good, r#"{"origins":["null"],"max_age_seconds":0,"disallowed":"ignore","grpc_web":true}"#),
    (Good, r#"{"allow_headers":["X-One"],"expose_headers":["x-two"],"credentials":true}"#),
    (Bad, r#"{"origins":["*"]}"#),
    (Bad, r#"{"public":true}"#),
    (Bad, r#"{"origins":["*"],"public":true,"credentials":true}"#),
    (Bad, r#"{"origins":["null"],"credentials":true}"#),
    (Bad, r#"{"origins":["https://a.example/"]}"#),
    (Bad, r#"{"origins":["https://a.example:443"]}"#),
    (Bad, r#"{"origins":["https://*.com"]}"#),
    (Bad, r#"{"origins":["A"]}"#),
    (Bad, r#"{"max_age_seconds":86401}"#),
    (Bad, r#"{"max_age_seconds":"600"}"#),
    (Bad, r#"{"disallowed":"deny"}"#),
    (Bad, r#"{"allow_headers":["*"]}"#),
    (Bad, r#"{"expose_headers":["a b"]}"#),
    (Bad, r#"{"credentials":1}"#),
    (Bad, r#"{"origin":[]}"#),
];

const AUTH: &[Case] = &[
    (Good, r#"{}"#),
    (Good, r#"{"realm":"the api"}"#),
    (Bad, r#"{"realm":""}"#),
    (Bad, r#"{"realm":"a\"b"}"#),
    (Bad, r#"{"realm":"a\\b"}"#),
    (Bad, r#"{"realm":"ü"}"#),
    (Bad, r#"{"realm":3}"#),
    (Bad, r#"{"relam":"a"}"#),
];

const RATE_LIMIT: &[Case] = &[
    (Good, r#"{"policies":[{"name":"a","quota":10,"window_seconds":60}]}"#),
    (Good, r#"{"concurrency":[{"name":"a","limit":1,"partition":"address","classes":["x"]}]}"#),
    (
        Good,
        r#"{"policies":[{"name":"a","quota":1,"window_seconds":86400,"burst":5,"cost":5}],
            "concurrency":[{"name":"b","limit":100000}]}"#,
    ),
    (Bad, r#"{}"#),
    (Bad, r#"{"policies":[]}"#),
    (Bad, r#"{"policies":[{"name":"a","quota":10}]}"#),
    (Bad, r#"{"policies":[{"name":"a","quota":0,"window_seconds":60}]}"#),
    (Bad, r#"{"policies":[{"name":"a","quota":1.5,"window_seconds":60}]}"#),
    (Bad, r#"{"policies":[{"name":"a b","quota":1,"window_seconds":60}]}"#),
    (Bad, r#"{"policies":[{"name":"a","quota":1,"window_seconds":60,"partition":"user"}]}"#),
    (Bad, r#"{"policies":[{"name":"a","quota":1,"window_seconds":60,"classes":[""]}]}"#),
    (Bad, r#"{"concurrency":[{"name":"a"}]}"#),
    (Bad, r#"{"concurrency":[{"name":"a","limit":1,"quota":1}]}"#),
    (BadUnseen, r#"{"policies":[{"name":"a","quota":1,"window_seconds":60,"cost":2}]}"#),
    (BadUnseen, r#"{"concurrency":[{"name":"a","limit":1},{"name":"a","limit":2}]}"#),
];

const ROUTING: &[Case] = &[
    (Good, r#"{}"#),
    (Good, r#"{"services":{"a":{"sandbox":"x"},"b":{"live":"y","sandbox":"z"}}}"#),
    (Bad, r#"{"services":{"a":{}}}"#),
    (Bad, r#"{"services":{"a":{"live":""}}}"#),
    (Bad, r#"{"services":{"a":{"staging":"x"}}}"#),
    (Bad, r#"{"services":{"a":"x"}}"#),
    (Bad, r#"{"services":[]}"#),
    (Bad, r#"{"service":{}}"#),
];

const IDEMPOTENCY: &[Case] = &[
    (Good, r#"{}"#),
    (Good, r#"{"docs":"https://docs.example.com/keys?a=b#c"}"#),
    (Bad, r#"{"docs":""}"#),
    (Bad, r#"{"docs":"docs.example.com"}"#),
    (Bad, r#"{"docs":"https://a b"}"#),
    (Bad, r#"{"docs":"https://a/<x>"}"#),
    (Bad, r#"{"docs":true}"#),
    (Bad, r#"{"doc":"https://a"}"#),
];

const ALL: [(&str, &[Case]); 6] = [
    ("allowed-hosts", ALLOWED_HOSTS),
    ("cors", CORS),
    ("auth", AUTH),
    ("rate-limit", RATE_LIMIT),
    ("routing", ROUTING),
    ("idempotency", IDEMPOTENCY),
];

/// Returns true if the component's own schema accepts the settings.
fn by_schema(file: &[u8], settings: &Value) -> bool {
    let schema = settings_schema(file).unwrap().unwrap();
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    let place = "https://settings.example/schema.json";
    compiler.add_resource(place, serde_json::from_str(schema).unwrap()).unwrap();
    let index = compiler.compile(place, &mut schemas).unwrap();
    schemas.validate(settings, index).is_ok()
}

fn by_configure(plugin: &str, settings: &str) -> bool {
    match load(plugin, settings, &Grants::all()) {
        Ok(_) => true,
        Err(LoadError::Settings(_)) => false,
        Err(other) => panic!("{plugin}, {settings}: {other}"),
    }
}

#[test]
fn a_schema_and_configure_say_the_same_of_good_and_bad_settings() {
    for (plugin, cases) in ALL {
        let file = component(plugin).unwrap();
        for (said, settings) in cases {
            let value: Value = serde_json::from_str(settings).unwrap();
            let (schema, configure) = (by_schema(&file, &value), by_configure(plugin, settings));
            assert_eq!(configure, *said == Good, "{plugin}, configure, {settings}");
            assert_eq!(schema, *said != Bad, "{plugin}, schema, {settings}");
        }
    }
}

#[test]
fn every_key_of_a_schema_says_what_it_is() {
    for (plugin, _) in ALL {
        let file = component(plugin).unwrap();
        let schema: Value = serde_json::from_str(settings_schema(&file).unwrap().unwrap()).unwrap();
        assert_eq!(schema["title"], plugin);
        for (key, about) in schema["properties"].as_object().unwrap() {
            assert!(about["description"].as_str().is_some_and(|text| !text.is_empty()), "{key}");
        }
    }
}

#[test]
fn a_schema_is_in_no_instance_and_a_component_without_one_is_accepted() {
    let file = component("cors").unwrap();
    let schema = settings_schema(&file).unwrap().unwrap();
    // It is the last section of the file, beyond every module and its data.
    assert!(file.ends_with(schema.as_bytes()));
    let bare = component("modest").unwrap();
    assert_eq!(settings_schema(&bare), Ok(None));
    assert!(load("modest", "{}", &Grants::all()).is_ok());
}
