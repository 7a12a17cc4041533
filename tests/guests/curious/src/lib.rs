//! A guest that asks everything that an interface of the contract has, and replies with what it
//! was told, so that a test sees every argument and every answer cross the border.

mod asking;
mod numbers;
#[cfg(target_family = "wasm")]
mod past;

use asking::Asked;
use tollgate_sdk::{
    Host, Plugin, Problem, ResponseHost, ResponsePlugin, ResponseVerdict, Section, Settings,
    Verdict,
};

/// Which interface to ask; none of the contract's names asks nothing. Four words ask the guest
/// itself: what it finds of its `past`, the same once more in one instance (`past-twice`), what it
/// computes that is `not-a-number`, and what becomes of a `growth` by so many pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    interface: String,
    pages: u32,
}

impl Settings for Interest {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            interface: section.text("interface"),
            pages: section.number("pages", 0..=1_024, Some(0)),
        }
    }
}

/// The guest.
#[derive(Debug)]
pub struct Curious;

impl Plugin for Curious {
    type Settings = Interest;

    fn on_request(interest: &Interest, host: &mut impl Host) -> Verdict {
        let mut asked = Asked::default();

        match interest.interface.as_str() {
            "request" => asked.request(host),
            "route" => asked.route(host),
            "credentials" => asked.credentials(host),
            "principal" => asked.principal(host),
            "quota" => asked.quota(host),
            "upstreams" => asked.upstreams(host),
            "idempotency" => asked.idempotency(host),
            "reply-headers" => asked.reply_headers(host),
            "notes" => asked.notes(host),
            "log" => asked.log(host),
            "past" => asked.past(),
            "past-twice" => {
                asked.past();
                asked.answers.clear();
                asked.past();
            }
            "not-a-number" => asked.answers = numbers::not_a_number(),
            "growth" => asked.growth(interest.pages),
            _ => {}
        }

        Verdict::refuse(418, told(asked))
    }
}

impl ResponsePlugin for Curious {
    fn on_response(_: &Interest, host: &mut impl ResponseHost) -> ResponseVerdict {
        let mut asked = Asked::default();
        asked.response(host);
        ResponseVerdict::refuse(418, told(asked))
    }
}

fn told(asked: Asked) -> Problem {
    let count = i64::try_from(asked.answers.len()).unwrap_or(i64::MAX);
    Problem::new("told", "What I was told")
        .type_uri("urn:told")
        .member("answers", asked.answers)
        .member("count", count)
}

tollgate_sdk::export_plugin!(Curious, with response);
