//! A guest that is built with the whole of a language runtime, and does with it what programs do on
//! a machine: it asks for the time, draws numbers, hashes, looks for its environment and for files.

mod machine;

use machine::Deed;
use tollgate_sdk::{Content, Host, Plugin, Problem, Reply, Section, Settings, Verdict};

/// The settings: an act for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    does: Deed,
}

impl Settings for Wish {
    fn read(section: &mut Section<'_>) -> Self {
        let configuring = section.choice("configuring", Deed::WORDS, Deed::Nothing);
        configuring.carry_out();
        Self { does: section.choice("does", Deed::WORDS, Deed::Nothing) }
    }
}

/// The guest.
#[derive(Debug)]
pub struct Worldly;

impl Plugin for Worldly {
    type Settings = Wish;

    /// Replies with what came of it.
    fn on_request(wish: &Wish, _: &mut impl Host) -> Verdict {
        let problem = Problem { detail: wish.does.carry_out(), ..Problem::new("told", "Told") };
        Verdict::Reply(Reply { status: 418, content: Content::Problem(problem) })
    }
}

tollgate_sdk::export_plugin!(Worldly);
