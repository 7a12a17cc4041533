//! The requests that tests make up, and the keys they come with.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use tollgate_capability::credentials::NewKey;
use tollgate_chain::{
    Authority, Environment, Error, Head, Matched, Payload, Prepared, Route, RouteLimits,
};

/// Keys of two tenants in two environments, each revoked or not.
pub(super) struct Keys {
    keys: Vec<NewKey>,
    pub(super) revoked: [bool; 4],
    strange: NewKey,
}

impl Keys {
    pub(super) fn new() -> Self {
        use Environment::{Live, Sandbox};
        let make = |environment| NewKey::make(environment).unwrap();
        let keys = [Sandbox, Live, Sandbox, Live].map(make).into();
        Self { keys, revoked: [false; 4], strange: make(Live) }
    }

    /// The file of credentials as it stands.
    pub(super) fn file(&self) -> String {
        let mut text = String::new();
        for (index, key) in self.keys.iter().enumerate().filter(|(index, _)| !self.revoked[*index])
        {
            let sha256 = key.digest().0.hex();
            let environment = ["sandbox", "live"][index % 2];
            let access = ["full", "full", "full", "no-money-out"][index];
            write!(
                text,
                "[[keys]]\nid = \"key-{index}\"\nsha256 = \"{sha256}\"\ntenant = \"t{}\"\n\
                 environment = \"{environment}\"\naccess = \"{access}\"\n\
                 scopes = [\"deposits:write\"]\n",
                index / 2
            )
            .unwrap();
        }
        text
    }
}

/// A body: the byte of its fingerprint, or one that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Body(pub(super) u8);

impl Payload for Body {
    fn prepare(&self) -> Prepared<'_> {
        Box::pin(async {
            match self.0 {
                0 => Err(Error::BodyTooLarge { limit: 8 }),
                byte => Ok([byte; 32]),
            }
        })
    }
}

/// A request, by the numbers of its parts.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: usize,
    pub(super) host: usize,
    pub(super) origin: usize,
    pub(super) key: usize,
    pub(super) route: usize,
    pub(super) operation: usize,
    pub(super) body: Body,
    /// Its number, in every request another.
    pub(super) number: u32,
    pub(super) completes: bool,
}

/// A request that every policy lets pass.
pub(super) fn good(operation: usize) -> Request {
    Request {
        method: 0,
        host: 1,
        origin: 1,
        key: 0,
        route: 0,
        operation,
        body: Body(1),
        number: 0,
        completes: true,
    }
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Request(Request),
    Pass(Duration),
    Revoke(usize),
    Reload,
    Upstream(bool),
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let parts = (0..3_usize, 0..3_usize, 0..6_usize, 0..8_usize, 0..5_usize, 0..6_usize);
    let rest = (0..3_u8, any::<u32>(), any::<bool>());
    let request = (parts, rest).prop_map(|(parts, (body, number, completes))| {
        let (method, host, origin, key, route, operation) = parts;
        let body = Body(body);
        Event::Request(Request {
            method,
            host,
            origin,
            key,
            route,
            operation,
            body,
            number,
            completes,
        })
    });

    prop_oneof![
        40 => request,
        3 => (1..20_000_u64).prop_map(|ms| Event::Pass(Duration::from_millis(ms))),
        1 => (0..4_usize).prop_map(Event::Revoke),
        1 => Just(Event::Reload),
        1 => any::<bool>().prop_map(Event::Upstream),
    ]
}

impl Request {
    pub(super) fn head(&self, keys: &Keys) -> Head {
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            headers.append(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
        };

        add("x-number", &self.number.to_string());
        match self.origin {
            0 => {}
            1 => add("origin", "https://app.example.com"),
            2 => add("origin", "https://sub.example.org"),
            3 => add("origin", &format!("https://u{}.example.net", self.number)),
            4 => add("origin", "null"),
            _ => add("origin", "nonsense"),
        }
        if self.method == 2 {
            add("access-control-request-method", "POST");
        }

        match self.key {
            own @ 0..4 => {
                add("authorization", &format!("Bearer {}", keys.keys[own].expose()));
            }
            4 => {}
            5 => add("x-api-key", keys.strange.expose()),
            6 => add("x-api-key", &format!("tg_live_{}", self.number)),
            _ => {
                add("authorization", "Bearer a");
                add("x-api-key", "b");
            }
        }

        match self.operation {
            0 => {}
            1 => add("idempotency-key", "\"no"),
            2 => add("idempotency-key", &format!("\"unique-{}\"", self.number)),
            own => add("idempotency-key", &format!("\"operation-{own}\"")),
        }

        Head {
            method: [Method::POST, Method::GET, Method::OPTIONS][self.method].clone(),
            authority: Authority::from_canonical(
                ["sandbox.example.com", "api.example.com", "strange.example"][self.host],
            ),
            path: format!("/v1/things/{}", self.number).into(),
            query: None,
            headers,
            server_name: None,
            client_certificate: None,
            secure: true,
            client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            request_id: format!("request-{}", self.number).into(),
            websocket: false,
            source: 0,
        }
    }

    pub(super) fn matched(&self) -> Matched {
        let route = |attributes: &[(&str, &str)]| Matched::Found {
            route: Arc::new(Route {
                name: "things".into(),
                template: "/v1/things/{id}".into(),
                attributes: attributes
                    .iter()
                    .map(|(name, value)| ((*name).into(), (*value).into()))
                    .collect(),
                grpc: None,
                upstream: Some("deposits-live".into()),
                binding: 0,
                chain: 0,
                limits: RouteLimits {
                    body_bytes_max: 8,
                    timeout: Duration::from_secs(30),
                    stream_idle_timeout: Duration::from_secs(30),
                },
            }),
            variables: Vec::new(),
            methods: "GET, POST".into(),
        };

        match self.route {
            0 => route(&[
                ("service", "deposits"),
                ("scope", "deposits:write"),
                ("rate-class", "money"),
                ("idempotency", "required"),
                ("movement", "in"),
            ]),
            1 => route(&[("service", "payouts"), ("movement", "out"), ("idempotency", "optional")]),
            2 => route(&[("scope", "deposits:approve")]),
            3 => Matched::OtherMethod { methods: "GET".into() },
            _ => Matched::None,
        }
    }
}
