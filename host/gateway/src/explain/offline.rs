//! A described request, decided without a server: the Snapshot is compiled as `check` does it,
//! stores are in memory, every upstream counts as ready, and nothing is sent.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::request::Builder;
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use tollgate_capability::credentials::NewKey;
use tollgate_chain::Head;
use tollgate_config::Config;
use tollgate_edge::head::{self, Checked, Origin, RequestId};
use tollgate_edge::{Limits, RequestBody, TrustedProxies};

use super::{Described, body, runtime};
use crate::compile::{Footing, Workshop};
use crate::exchange::rehearse;
use crate::receipts::Form;
use crate::snapshot::Snapshot;
use crate::telemetry::Ledger;

/// Decides about the described request.
pub(super) fn rehearse(
    folder: &Path,
    method: &str,
    url: &str,
    described: &Described,
) -> Result<Form> {
    let config = tollgate_config::load(folder)
        .map_err(|problems| anyhow!("the configuration was refused\n{problems}"))?;
    let listener = listener(&config, described)?;
    let content = Bytes::from(body(described.data.as_deref())?);
    let runtime = runtime()?;
    let _within = runtime.enter();
    let caller = described.caller.as_ref().map(|caller| Arc::clone(&caller.0));
    let opened = Workshop::open(folder, config, Ledger::default(), Footing::Rehearsal(caller));
    let (workshop, snapshot) = opened?;
    let snapshot = Arc::new(snapshot);
    let form = runtime.block_on(async {
        let mut held = Vec::new();
        for _ in 1..described.times {
            let head = head(method, url, described)?;
            held.push(try_out(&snapshot, &listener, head, &content).await?.held);
        }
        let head = head(method, url, described)?;
        let last = try_out(&snapshot, &listener, head, &content).await?;
        let form = snapshot.receipts.form(&last.kept);
        drop(held);
        Ok(form)
    });
    drop(workshop);
    form
}

async fn try_out(
    snapshot: &Arc<Snapshot>,
    listener: &Arc<str>,
    head: Head,
    content: &Bytes,
) -> Result<rehearse::Rehearsal> {
    let body = RequestBody::from_bytes(content.clone());
    let tried = rehearse::rehearse(Arc::clone(snapshot), Arc::clone(listener), head, body).await;
    tried.map_err(|error| anyhow!("decide: {error}"))
}

fn listener(config: &Config, described: &Described) -> Result<Arc<str>> {
    let mut listeners = config.listeners().iter();
    let found = match &described.listener {
        Some(name) => listeners.find(|own| own.name == *name),
        None => listeners.next(),
    };
    let found = found.context("no listener of this name")?;
    Ok(found.name.as_str().into())
}

/// An assumed caller's request without a key is given a fresh one.
fn with_key(request: Builder, described: &Described) -> Result<Builder> {
    let Some(caller) = &described.caller else { return Ok(request) };
    let headers = request.headers_ref();
    let presents = |name| headers.is_some_and(|headers| headers.contains_key(name));
    if presents("authorization") || presents("x-api-key") {
        return Ok(request);
    }
    let key = NewKey::make(caller.0.environment).context("make a key")?;
    Ok(request.header("authorization", format!("Bearer {}", key.expose())))
}

/// Checks the described head as the gateway checks every head.
fn head(method: &str, url: &str, described: &Described) -> Result<Head> {
    let uri: Uri = url.parse().with_context(|| format!("URL {url}"))?;
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => bail!("expected a URL that begins with https:// or http://, found {url}"),
    };
    let method = Method::from_bytes(method.as_bytes()).context("the method")?;
    let mut request = Request::builder().version(Version::HTTP_2).method(method).uri(&uri);
    for field in &described.headers {
        let (name, value) = field
            .split_once(':')
            .with_context(|| format!("header {field:?}: expected `name: value`"))?;
        let name: HeaderName = name.trim().parse().context("the name of a header")?;
        let value: HeaderValue = value.trim().parse().context("the value of a header")?;
        request = request.header(name, value);
    }
    request = with_key(request, described)?;
    let (mut parts, ()) = request.body(()).context("the request")?.into_parts();
    let told = |error: tollgate_chain::Error| {
        anyhow!("the gateway would refuse the request before any policy sees it: {error}")
    };
    let request_id = RequestId::take(&mut parts.headers).map_err(told)?;
    let origin = Origin {
        peer: described.from,
        trusted: &TrustedProxies::default(),
        secure,
        server_name: uri.host().filter(|_| secure),
    };
    match head::check(&mut parts, origin, &Limits::default(), &request_id).map_err(told)? {
        Checked::Request(head) => Ok(head),
        Checked::ServerOptions => bail!("`OPTIONS *` is about the server: no policy sees it"),
    }
}
