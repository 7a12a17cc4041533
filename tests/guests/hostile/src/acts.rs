//! The words, and what each does.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use tollgate_sdk::bindings::policy::tollgate::policy::request;
use tollgate_sdk::{Host, Level, Problem, Section, Verdict};

/// An act of the guest during a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of WORDS, each with its comment in `carry_out`")]
pub enum Act {
    Proceed,
    Deny,
    Loop,
    Allocate,
    Trap,
    Recurse,
    AskForever,
    AskAtLength,
    ReadOn,
    Hoard,
    BigReply,
    BadStatus,
    BadSlug,
    ForwardNowhere,
    BadHeader,
    LogFlood,
    Remember,
    CountConfiguring,
}

impl Act {
    /// The words of the setting `act`.
    pub const WORDS: &[(&str, Self)] = &[
        ("proceed", Self::Proceed),
        ("deny", Self::Deny),
        ("loop", Self::Loop),
        ("allocate", Self::Allocate),
        ("trap", Self::Trap),
        ("recurse", Self::Recurse),
        ("ask-forever", Self::AskForever),
        ("ask-at-length", Self::AskAtLength),
        ("read-on", Self::ReadOn),
        ("hoard", Self::Hoard),
        ("big-reply", Self::BigReply),
        ("bad-status", Self::BadStatus),
        ("bad-slug", Self::BadSlug),
        ("forward-nowhere", Self::ForwardNowhere),
        ("bad-header", Self::BadHeader),
        ("log-flood", Self::LogFlood),
        ("remember", Self::Remember),
        ("count-configuring", Self::CountConfiguring),
    ];

    pub(crate) fn carry_out(self, host: &mut impl Host) -> Verdict {
        match self {
            Self::Proceed => Verdict::Proceed,
            Self::Deny => deny("denied"),
            Self::Loop => spin(),
            Self::Allocate => allocate(),
            Self::Trap => std::process::abort(),
            Self::Recurse => deny(&descend(0, black_box(u64::MAX)).to_string()),
            Self::AskForever => loop {
                host.method_is("GET");
            },

            // More in one question than the host takes over in one call.
            Self::AskAtLength => {
                host.method_is(&"x".repeat(2 << 20));
                Verdict::Proceed
            }
            // Few questions, with long answers.
            Self::ReadOn => loop {
                host.header("x-text");
            },
            // Questions that are modest one by one, and fill the trace together.
            Self::Hoard => {
                let long = "x".repeat(500 << 10);
                loop {
                    host.method_is(&long);
                }
            }
            Self::BigReply => deny(&"x".repeat(2 << 20)),
            Self::BadStatus => Verdict::empty(99),
            Self::BadSlug => Verdict::refuse(403, Problem::new("Not A Slug", "Denied")),
            Self::ForwardNowhere => Verdict::forward(""),

            // Two header lines in one value.
            Self::BadHeader => {
                host.reply_header_set("x-colour", "red\r\nset-cookie: a=b");
                Verdict::Proceed
            }

            Self::LogFlood => loop {
                host.log(Level::Error, &"flood ".repeat(1_000));
            },
            Self::Remember => remember(),
            Self::CountConfiguring => deny(&CONFIGURED.load(Ordering::Relaxed).to_string()),
        }
    }
}

/// An act of the guest while it reads its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of WORDS")]
pub enum Configuring {
    Settle,
    Ask,
    Loop,
    Trap,
    Refuse,
}

impl Configuring {
    /// The words of the setting `configuring`.
    pub const WORDS: &[(&str, Self)] = &[
        ("settle", Self::Settle),
        ("ask", Self::Ask),
        ("loop", Self::Loop),
        ("trap", Self::Trap),
        ("refuse", Self::Refuse),
    ];

    pub(crate) fn carry_out(self, section: &mut Section<'_>) {
        CONFIGURED.fetch_add(1, Ordering::Relaxed);
        match self {
            Self::Settle => {}
            Self::Ask => {
                request::method_is("GET");
            }
            Self::Loop => {
                spin();
            }
            Self::Trap => std::process::abort(),
            Self::Refuse => {
                section.problem("colour", "expected a colour");
                section.problem_at("hosts", 2, "expected a host");
            }
        }
    }
}

/// The number of times that the memory of this instance has been configured.
static CONFIGURED: AtomicU32 = AtomicU32::new(0);

fn deny(detail: &str) -> Verdict {
    Verdict::refuse(403, Problem::new("denied", "Denied").detail(detail))
}

fn spin() -> Verdict {
    loop {
        black_box(0);
    }
}

fn allocate() -> Verdict {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 64 << 10]));
    }
}

/// Deep, and in need of no memory but the stack of the engine.
fn descend(depth: u64, bottom: u64) -> u64 {
    if depth == bottom { bottom } else { descend(depth + 1, bottom).wrapping_mul(3) ^ depth }
}

/// Lets the first request of an instance pass and denies every later one.
fn remember() -> Verdict {
    static REQUESTS: AtomicU32 = AtomicU32::new(0);
    if REQUESTS.fetch_add(1, Ordering::Relaxed) == 0 {
        Verdict::Proceed
    } else {
        deny("another request was here before")
    }
}
