//! `response`: reads of the response's head, for `on-response` alone.

use http::HeaderMap;
use tollgate_chain::{Answer, Presence, ResponseRead};

use crate::request;

/// The response that is about to be written, once there is one.
#[derive(Debug, Default)]
pub(crate) struct ResponseState(Option<ResponseHead>);

#[derive(Debug)]
struct ResponseHead {
    status: u16,
    headers: HeaderMap,
}

impl ResponseState {
    pub(crate) fn set(&mut self, status: u16, headers: HeaderMap) {
        self.0 = Some(ResponseHead { status, headers });
    }

    /// Answers a read. Before there is a response, its status is 0 and its header is empty.
    pub(crate) fn ask(&self, read: &ResponseRead) -> Answer {
        let head = self.0.as_ref();
        match read {
            ResponseRead::Status => Answer::Status(head.map_or(0, |head| head.status)),
            ResponseRead::HeaderPresence(name) => {
                let presence = head.map(|head| request::presence(&head.headers, name));
                Answer::Presence(presence.unwrap_or(Presence::Absent))
            }
            ResponseRead::HeaderIs(name, value) => {
                let only = head.and_then(|head| request::only(&head.headers, &**name));
                Answer::Bool(only.is_some_and(|only| only.as_bytes() == value.as_bytes()))
            }
        }
    }
}
