//! The JSON form: RFC 9457 problem details.

use std::collections::HashSet;

use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use tollgate_chain::{Member, Violation};

use super::Caller;
use super::view::ProblemView;

/// Writes `application/problem+json`.
pub(super) fn body(view: &ProblemView<'_>, type_base: &str, caller: &Caller<'_>) -> Bytes {
    // Maps of strings, numbers and lists always serialise.
    serde_json::to_vec(&ProblemDetails { view, type_base, caller }).unwrap_or_default().into()
}

struct ProblemDetails<'a> {
    view: &'a ProblemView<'a>,
    type_base: &'a str,
    caller: &'a Caller<'a>,
}

/// Members that a policy's extension must not displace.
const OWN: [&str; 8] =
    ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"];

impl Serialize for ProblemDetails<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = self.view;
        let mut map = serializer.serialize_map(None)?;

        match view.type_uri {
            Some(uri) => map.serialize_entry("type", uri)?,
            None => {
                map.serialize_entry("type", &format_args!("{}{}", self.type_base, view.slug))?
            }
        }

        map.serialize_entry("title", view.title)?;
        map.serialize_entry("status", &view.status)?;
        map.serialize_entry("detail", &view.detail)?;
        map.serialize_entry("instance", self.caller.instance)?;
        map.serialize_entry("code", &view.code())?;
        map.serialize_entry("request_id", self.caller.request_id)?;

        if !view.violations.is_empty() {
            map.serialize_entry("errors", &Violations(view.violations))?;
        }

        let mut written = HashSet::new();
        for (name, member) in view.members {
            let name = &**name;
            // Readers differ in which of two members of one name they take.
            if !written.insert(name) {
                continue;
            }
            if OWN.contains(&name) && !(name == "errors" && view.violations.is_empty()) {
                continue;
            }
            match member {
                Member::Text(text) => map.serialize_entry(name, text)?,
                Member::Texts(texts) => map.serialize_entry(name, texts)?,
                Member::Number(number) => map.serialize_entry(name, number)?,
            }
        }

        map.end()
    }
}

struct Violations<'a>(&'a [Violation]);

impl Serialize for Violations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct ViolationMember<'a> {
            field: &'a str,
            reason: &'a str,
            description: &'a str,
        }
        serializer.collect_seq(self.0.iter().map(|violation| ViolationMember {
            field: &violation.field,
            reason: &violation.reason,
            description: &violation.description,
        }))
    }
}
