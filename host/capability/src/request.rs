//! `request`: reads of the head. Hidden fields never give their values.

pub(crate) mod origin;

use std::sync::Arc;

use http::header::{AUTHORIZATION, AsHeaderName, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_chain::{Answer, CertificateIdentity, Head, Presence, RequestRead, ServerName, Text};
use tollgate_terms::headers::{API_KEY, IDEMPOTENCY_KEY};

/// Header fields whose values no policy reads: credentials, cookies, and those that the operator
/// adds.
#[derive(Debug, Clone)]
pub(crate) struct HiddenFields(Arc<[HeaderName]>);

impl HiddenFields {
    pub(crate) fn new(configured: Arc<[HeaderName]>) -> Self {
        Self(configured)
    }

    pub(crate) fn covers(&self, name: &HeaderName) -> bool {
        [AUTHORIZATION, API_KEY, IDEMPOTENCY_KEY, COOKIE, PROXY_AUTHORIZATION].contains(name)
            || self.0.contains(name)
    }

    /// Returns the value of a field that a policy may read and that occurs exactly once.
    pub(crate) fn readable<'a>(&self, head: &'a Head, name: &str) -> Option<&'a HeaderValue> {
        let name = HeaderName::try_from(name).ok()?;
        if self.covers(&name) { None } else { only(&head.headers, name) }
    }
}

/// Answers a read.
pub(crate) fn ask(read: &RequestRead, head: &Head, hidden: &HiddenFields) -> Answer {
    match read {
        RequestRead::MethodIs(method) => method_is(head, method),
        RequestRead::SchemeIs(scheme) => Answer::Bool(head.scheme() == &**scheme),
        RequestRead::HeaderPresence(name) => Answer::Presence(presence(&head.headers, name)),
        RequestRead::HeaderIs(name, value) => header_is(head, hidden, name, value),
        RequestRead::Header(name) => header(head, hidden, name),
        RequestRead::AuthorityIn(hosts) => authority_in(head, hosts),
        RequestRead::ServerNameIn(hosts) => server_name_in(head, hosts),
        RequestRead::Origin => Answer::Origin(origin::kind(head)),
        RequestRead::OriginIn(origins) => Answer::Bool(origin::is_in(head, origins)),
        RequestRead::ClientCertificate => Answer::ClientCertificate(identity(head).map(Arc::clone)),
        RequestRead::ClientCertificateIn(names) => client_certificate_in(head, names),
    }
}

pub(crate) fn presence(headers: &HeaderMap, name: &str) -> Presence {
    match headers.get_all(name).iter().take(2).count() {
        0 => Presence::Absent,
        1 => Presence::Once,
        _ => Presence::Repeated,
    }
}

/// Returns the value of a field that occurs exactly once.
pub(crate) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn method_is(head: &Head, method: &str) -> Answer {
    Answer::Bool(head.method.as_str() == method)
}

fn header_is(head: &Head, hidden: &HiddenFields, name: &str, value: &str) -> Answer {
    let readable = hidden.readable(head, name);
    Answer::Bool(readable.is_some_and(|readable| readable.as_bytes() == value.as_bytes()))
}

fn header(head: &Head, hidden: &HiddenFields, name: &str) -> Answer {
    let text = hidden.readable(head, name).and_then(|value| value.to_str().ok());
    Answer::Text(text.map(Into::into))
}

fn authority_in(head: &Head, hosts: &[Text]) -> Answer {
    let index = hosts.iter().position(|host| **host == *head.authority.as_str());
    Answer::Index(index.and_then(|index| u32::try_from(index).ok()))
}

fn server_name_in(head: &Head, hosts: &[Text]) -> Answer {
    let Some(server_name) = head.server_name.as_deref().filter(|_| head.secure) else {
        return Answer::ServerName(ServerName::Absent);
    };
    let served = hosts.iter().any(|host| without_port(host) == server_name);
    Answer::ServerName(if served { ServerName::Served } else { ServerName::Other })
}

fn identity(head: &Head) -> Option<&Arc<CertificateIdentity>> {
    head.client_certificate.as_ref().map(|certificate| &certificate.identity)
}

fn client_certificate_in(head: &Head, names: &[Text]) -> Answer {
    let index = identity(head)
        .and_then(|identity| names.iter().position(|name| identity.is_known_as(name)));
    Answer::Index(index.and_then(|index| u32::try_from(index).ok()))
}

/// Strips the port from `host:port`; an IPv6 literal keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
pub(crate) mod tests;
