//! A guest that misbehaves as its settings tell it to: `act` while a request is decided, `late`
//! while its response is, `configuring` while it is configured. Each word has its test in
//! `tests/conformance`.

mod acts;

pub use acts::{Act, Configuring};

use tollgate_sdk::{
    Host, Plugin, ResponseHost, ResponsePlugin, ResponseVerdict, Section, Settings, Verdict,
};

/// The acts that the settings choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    act: Act,
    late: Act,
}

impl Settings for Orders {
    fn read(section: &mut Section<'_>) -> Self {
        let configuring = section.choice("configuring", Configuring::WORDS, Configuring::Settle);
        let act = section.choice("act", Act::WORDS, Act::Proceed);
        let late = section.choice("late", Act::WORDS, Act::Proceed);
        configuring.carry_out(section);
        Self { act, late }
    }
}

/// The guest.
#[derive(Debug)]
pub struct Hostile;

impl Plugin for Hostile {
    type Settings = Orders;

    fn on_request(orders: &Orders, host: &mut impl Host) -> Verdict {
        orders.act.carry_out(host)
    }
}

impl ResponsePlugin for Hostile {
    fn on_response(orders: &Orders, host: &mut impl ResponseHost) -> ResponseVerdict {
        match orders.late.carry_out(host) {
            Verdict::Proceed => ResponseVerdict::Proceed,
            Verdict::Reply(reply) => ResponseVerdict::Reply(reply),
            // The contract has no word for it.
            Verdict::Forward(_) => std::process::abort(),
        }
    }
}

tollgate_sdk::export_plugin!(Hostile, with response);
