//! `response`: the head of the response, for `on-response` alone.

use http::HeaderMap;
use tollgate_chain::{Answer, Presence, ResponseRead};

use crate::request;

/// The head that is about to be written.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
}

/// Answers a read about the response.
pub(crate) fn answer(head: Option<&ResponseHead>, read: &ResponseRead) -> Answer {
    match read {
        ResponseRead::Status => status(head),
        ResponseRead::HeaderPresence(name) => header_presence(head, name),
        ResponseRead::HeaderIs(name, value) => header_is(head, name, value),
    }
}

/// Zero, which is no status, before there is a response.
fn status(head: Option<&ResponseHead>) -> Answer {
    Answer::Status(head.map_or(0, |head| head.status))
}

fn header_presence(head: Option<&ResponseHead>, name: &str) -> Answer {
    Answer::Presence(head.map_or(Presence::Absent, |head| request::presence(&head.headers, name)))
}

fn header_is(head: Option<&ResponseHead>, name: &str, value: &str) -> Answer {
    let only = head.and_then(|head| request::only(&head.headers, name));
    Answer::Bool(only.is_some_and(|found| found.as_bytes() == value.as_bytes()))
}
