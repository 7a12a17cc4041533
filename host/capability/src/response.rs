//! `response`: the head of the response, for `on-response` alone.

use http::HeaderMap;
use tollgate_chain::{Answer, Presence};

use crate::request;

/// The head that is about to be written.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
}

/// Zero, which is no status, before there is a response.
pub(crate) fn status(head: Option<&ResponseHead>) -> Answer {
    Answer::Status(head.map_or(0, |head| head.status))
}

pub(crate) fn header_presence(head: Option<&ResponseHead>, name: &str) -> Answer {
    Answer::Presence(head.map_or(Presence::Absent, |head| request::presence(&head.headers, name)))
}

pub(crate) fn header_is(head: Option<&ResponseHead>, name: &str, value: &str) -> Answer {
    let only = head.and_then(|head| request::only(&head.headers, name));
    Answer::Bool(only.is_some_and(|found| found.as_bytes() == value.as_bytes()))
}
