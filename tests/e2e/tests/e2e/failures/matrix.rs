//! Which policies there are, which causes a run can have, and how each is provoked.

use anyhow::Result;
use e2e::gate::{Folder, component, six};
use e2e::{Echo, Key};

/// A policy of the matrix: its name, and how it is declared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    /// Its place among the six; behind them, for those that are none of the six.
    pub(super) place: usize,
}

const fn subject(name: &'static str, class: &'static str, place: usize) -> Subject {
    Subject { name, class, place }
}

/// The six real policies, and one of each class.
pub(super) const SUBJECTS: [Subject; 9] = [
    subject("allowed-hosts", "security", 0),
    subject("cors", "security", 1),
    subject("auth", "security", 2),
    subject("rate-limit", "traffic", 3),
    subject("routing", "security", 4),
    subject("idempotency", "security", 5),
    subject("guard", "security", 6),
    subject("limiter", "traffic", 6),
    subject("watcher", "observe", 6),
];

/// A cause of a run's failure, and the guest that provokes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Provocation {
    /// The cause in the words of the table.
    pub(super) cause: &'static str,
    /// For names.
    pub(super) word: &'static str,
    /// The cause in the words of the gateway's log.
    pub(super) logged: &'static str,
    guest: &'static str,
    /// The guest's act, if it is the one of many acts.
    act: &'static str,
    limits: &'static str,
}

/// A limit of time that no guest but a looping one comes near to, on a busy machine too.
const AMPLE: &str = "time_ms = 1000";

const fn hostile(
    (cause, word): (&'static str, &'static str),
    act: &'static str,
    logged: &'static str,
) -> Provocation {
    Provocation { cause, word, logged, guest: "hostile", act, limits: AMPLE }
}

/// Every cause that a guest can bring about by itself.
pub(super) const PROVOCATIONS: [Provocation; 9] = [
    hostile(("trap", "trap"), "trap", "trap: "),
    Provocation {
        limits: "time_ms = 20",
        ..hostile(("time limit", "time"), "loop", "ran longer than its limit")
    },
    hostile(("memory limit", "memory"), "allocate", "memory limit"),
    Provocation { guest: "c-grows", ..hostile(("table limit", "table"), "", "table limit") },
    hostile(("stack limit", "stack"), "recurse", "stack limit"),
    hostile(("question quota", "questions"), "ask-forever", "question: more questions than"),
    Provocation {
        limits: "time_ms = 1000, answer_bytes = 50",
        ..hostile(("answer quota", "answers"), "read-on", "question: more bytes of answers than")
    },
    hostile(("nonsense question", "question"), "bad-header", "question: reply-headers.set"),
    hostile(("nonsense verdict", "verdict"), "bad-status", "verdict: expected"),
];

/// Causes that lie with the host, not with a guest: each is provoked, in both hooks and in every
/// class, where a plugin can be made to fail by them (`host/chain/src/fault/tests.rs`).
pub(super) const OF_THE_HOST: [&str; 4] =
    ["no free instance", "no start", "contradiction", "engine fault"];

/// A cell of a run: a policy that fails by a cause in a hook.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) subject: Subject,
    pub(super) provocation: Provocation,
    pub(super) hook: &'static str,
}

impl Cell {
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for hook in ["on-request", "on-response"] {
            for subject in SUBJECTS {
                let cells = PROVOCATIONS.map(|provocation| Self { subject, provocation, hook });
                all.extend(cells);
            }
        }
        all
    }

    /// The name of the cell's policy, chain and route.
    pub(super) fn name(&self) -> String {
        format!("{}.{}.{}", self.subject.name, self.provocation.word, self.hook)
    }

    pub(super) fn path(&self) -> String {
        format!("/cells/{}", self.name())
    }

    /// In a request the guest stands where its policy does, in a response beside it: a request
    /// without the policy would never be forwarded.
    fn toml(&self) -> String {
        let (name, Subject { class, place, .. }) = (self.name(), self.subject);
        let late = self.hook == "on-response";
        let Provocation { guest, act, limits, .. } = self.provocation;

        let settings = match (guest, late) {
            ("c-grows", false) => "{ in = \"request\" }".to_owned(),
            ("c-grows", true) => "{ in = \"response\" }".to_owned(),
            (_, false) => format!("{{ act = \"{act}\" }}"),
            (_, true) => format!("{{ late = \"{act}\" }}"),
        };

        let mut chain: Vec<&str> = SUBJECTS[..6].iter().map(|subject| subject.name).collect();
        let end = if late { place } else { (place + 1).min(chain.len()) };
        chain.splice(place..end, [&*name]);

        format!(
            "[policies.\"{name}\"]\nplugin = \"{guest}\"\nclass = \"{class}\"\n\
             grants = [\"request\", \"reply-headers\", \"log\"]\n\
             attributes = {{ service = \"text\", scope = \"text\" }}\n\
             limits = {{ {limits} }}\nsettings = {settings}\n\
             [chains.\"{name}\"]\npolicies = {chain:?}\n\
             [routes.\"{name}\"]\nmatch = \"GET {}\"\nchain = \"{name}\"\n\
             attributes = {{ service = \"echo\", scope = \"things:read\" }}\n",
            self.path()
        )
    }
}

/// The six policies before an echo, and a route for every cell.
pub(super) fn folder(echo: &Echo, key: &Key) -> Result<Folder> {
    let mut folder = six(echo, &[(key, &["things:read"])])?;
    for guest in ["hostile", "c-grows"] {
        folder.toml += &format!("[plugins.{guest}]\nfile = \"{guest}.wasm\"\n");
        folder.files.push((format!("{guest}.wasm"), component(guest)?));
    }
    folder.toml.extend(Cell::all().iter().map(Cell::toml));
    Ok(folder)
}
