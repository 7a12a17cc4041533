//! Acts of a program on a machine, each with its result in words.

use std::collections::HashSet;
use std::fmt::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Randomness, which Rust's own library has no words for.
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::restriction,
    clippy::pedantic,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package tests:worldly;

            world draws {
                import wasi:random/random@0.2.0;
            }

            package wasi:random@0.2.0 {
                interface random {
                    get-random-bytes: func(len: u64) -> list<u8>;
                    get-random-u64: func() -> u64;
                }
            }
        ",
        generate_all,
    });
}

/// An act of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Nothing,
    Time,
    Wait,
    Draw,
    DrawWord,
    DrawTooMuch,
    Hash,
    Environment,
    File,
    Print,
}

impl Deed {
    /// The words of the setting.
    pub(crate) const WORDS: &[(&str, Self)] = &[
        ("nothing", Self::Nothing),
        ("time", Self::Time),
        ("wait", Self::Wait),
        ("draw", Self::Draw),
        ("draw-word", Self::DrawWord),
        ("draw-too-much", Self::DrawTooMuch),
        ("hash", Self::Hash),
        ("environment", Self::Environment),
        ("file", Self::File),
        ("print", Self::Print),
    ];

    pub(crate) fn carry_out(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Time => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => format!("{} ns", since.as_nanos()),
                Err(_) => "before the beginning".to_owned(),
            },
            Self::Wait => {
                let since = Instant::now();
                format!("{} ns", since.elapsed().as_nanos())
            }
            Self::Draw => format!("{:?}", bindings::wasi::random::random::get_random_bytes(4)),
            Self::DrawWord => bindings::wasi::random::random::get_random_u64().to_string(),
            Self::DrawTooMuch => {
                bindings::wasi::random::random::get_random_bytes(u64::MAX).len().to_string()
            }

            Self::Hash => hash(),
            Self::Environment => {
                let (arguments, variables) = (std::env::args(), std::env::vars_os());
                format!("{} arguments, {} variables", arguments.count(), variables.count())
            }
            Self::File => match std::fs::read("/etc/hostname") {
                Ok(bytes) => format!("{} bytes", bytes.len()),
                Err(_) => "no such file".to_owned(),
            },
            #[expect(clippy::print_stdout, reason = "it must not come to that")]
            Self::Print => {
                println!("printed");
                "printed".to_owned()
            }
        }
    }
}

/// The order of a set, which depends on what its hashes are seeded with.
fn hash() -> String {
    let words: HashSet<u32> = (0..16).collect();
    words.iter().fold(String::new(), |mut text, word| {
        let _ = write!(text, "{word} ");
        text
    })
}
