//! `reply-headers`: the policies' changes to the header of the reply, whatever the reply is.

use std::sync::Arc;
use std::time::Duration;

use http::header::VARY;
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use tollgate_chain::{Head, Matched, ReplyHeadersCommand, Source, Text};

use crate::request::HiddenFields;
use crate::{quota, route};

/// The commands of all runs so far. Names and values were checked when they were asked.
#[derive(Debug, Default)]
pub(crate) struct ReplyHeaders {
    /// Unparsed names: an answer has few fields, and most of these are not among them, so that
    /// comparing is cheaper than parsing each name.
    dropped: SmallVec<[Arc<[Text]>; 1]>,
    /// A dozen at most in practice, so that looking through them beats a map.
    set: Vec<(HeaderName, HeaderValue)>,
    vary: Vec<HeaderName>,
}

/// The values that a field of the reply can be set from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueSources<'a> {
    pub(crate) head: &'a Head,
    pub(crate) hidden: &'a HiddenFields,
    pub(crate) matched: &'a Matched,
    /// The wait that the last refusing answer asks for.
    pub(crate) retry_after: Option<Duration>,
}

impl ReplyHeaders {
    /// Applies a command of a run that reached its verdict.
    pub(crate) fn apply(&mut self, command: &ReplyHeadersCommand, sources: ValueSources<'_>) {
        match command {
            ReplyHeadersCommand::Set(name, value) => self.set_text(name, value),
            ReplyHeadersCommand::SetFrom(name, source) => self.set_from(name, source, sources),
            ReplyHeadersCommand::AddVary(names) => self.add_vary(names),
            ReplyHeadersCommand::DropUpstream(names) => self.drop_upstream(names),
        }
    }

    fn set_from(&mut self, name: &str, source: &Source, sources: ValueSources<'_>) {
        match source {
            Source::RequestHeader(field) => {
                if let Some(value) = sources.hidden.readable(sources.head, field) {
                    self.set(name, value.clone());
                }
            }
            Source::RouteMethods => {
                if let Some(methods) = route::methods(sources.matched) {
                    self.set_text(name, methods);
                }
            }
            Source::RetryAfter => {
                if let Some(wait) = sources.retry_after {
                    // A caller who is asked to wait 0 seconds comes back at once.
                    self.set_text(name, &quota::seconds(wait).max(1).to_string());
                }
            }
        }
    }

    fn set(&mut self, name: &str, value: HeaderValue) {
        let Ok(name) = HeaderName::try_from(name) else { return };
        match self.set.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.set.push((name, value)),
        }
    }

    fn set_text(&mut self, name: &str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.set(name, value);
        }
    }

    fn add_vary(&mut self, names: &[Text]) {
        for name in parsed(names) {
            if !self.vary.contains(&name) {
                self.vary.push(name);
            }
        }
    }

    fn drop_upstream(&mut self, names: &Arc<[Text]>) {
        self.dropped.push(Arc::clone(names));
    }

    /// Writes the collected changes: drops, then sets, then merges `Vary`.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let dropped = |name: &&HeaderName| {
            let mut names = self.dropped.iter().flat_map(|names| names.iter());
            names.any(|dropped| dropped.eq_ignore_ascii_case(name.as_str()))
        };
        let present: SmallVec<[HeaderName; 4]> = headers.keys().filter(dropped).cloned().collect();
        for name in present {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
        if !self.vary.is_empty() {
            self.merge_vary(headers);
        }
    }

    /// Merges `Vary` into one line, without regard to case. `*` already covers everything.
    fn merge_vary(&self, headers: &mut HeaderMap) {
        let lines = headers.get_all(VARY).iter().filter_map(|line| line.to_str().ok());
        let mut names: Vec<&str> = Vec::new();
        let wanted = self.vary.iter().map(HeaderName::as_str);
        for name in lines.flat_map(|line| line.split(',')).map(str::trim).chain(wanted) {
            if !name.is_empty() && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        let text = if names.contains(&"*") { "*".to_owned() } else { names.join(", ") };
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(VARY, value);
        }
    }
}

fn parsed(names: &[Text]) -> impl Iterator<Item = HeaderName> {
    names.iter().filter_map(|name| HeaderName::try_from(&**name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn upstreams_fields_are_dropped_before_ours_are_set() {
        let mut reply = ReplyHeaders::default();
        reply.set_text("Access-Control-Allow-Origin", "https://a");
        reply.set_text("access-control-allow-origin", "https://b");
        reply.drop_upstream(&["Access-Control-Allow-Origin".into(), "server".into()].into());
        let mut written = headers(&[
            ("access-control-allow-origin", "*"),
            ("access-control-allow-origin", "https://evil"),
            ("server", "upstream/1.0"),
            ("etag", "x"),
        ]);
        reply.write(&mut written);
        assert_eq!(
            written,
            headers(&[("access-control-allow-origin", "https://b"), ("etag", "x")])
        );
    }

    #[test]
    fn vary_is_the_union_without_regard_to_case() {
        let mut reply = ReplyHeaders::default();
        reply.add_vary(&["Origin".into(), "accept-encoding".into()]);
        reply.add_vary(&["ORIGIN".into()]);
        for (upstream, expected) in [
            (vec![], "origin, accept-encoding"),
            (vec![("vary", "Accept-Encoding")], "Accept-Encoding, origin"),
            (vec![("vary", "a,, b"), ("vary", "ORIGIN")], "a, b, ORIGIN, accept-encoding"),
            (vec![("vary", "*")], "*"),
        ] {
            let mut written = headers(&upstream);
            reply.write(&mut written);
            assert_eq!(written.get_all(VARY).iter().collect::<Vec<_>>(), [expected]);
        }
    }

    #[test]
    fn an_upstreams_vary_is_untouched_when_nobody_adds_to_it() {
        let mut written = headers(&[("vary", "a"), ("vary", "b")]);
        ReplyHeaders::default().write(&mut written);
        assert_eq!(written, headers(&[("vary", "a"), ("vary", "b")]));
    }
}
