//! Asks the admin API of a running gateway.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tollgate_upstream::{Protocol, Safety, Upstream, UpstreamSettings};

use crate::admin::{Found, Listed, Rolling, token};
use crate::rollouts::RolloutForm;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Where the gateway is, and how it is spoken to.
#[derive(Debug, Args)]
pub(crate) struct AdminArguments {
    /// The policies folder; of a running gateway, its admin address and token are found in it.
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(crate) policies: Option<PathBuf>,
    /// The admin address of the running gateway, `http://host:port`.
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) admin: Option<String>,
    /// The file that holds its admin token.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
}

/// A running gateway.
pub(crate) struct Remote {
    upstream: Upstream,
    token: HeaderValue,
}

impl Remote {
    /// Finds out where the gateway is. To be called within the runtime.
    pub(crate) fn open(arguments: &AdminArguments) -> Result<Self> {
        let config = match &arguments.policies {
            Some(folder) => Some(tollgate_config::load(folder).map_err(|problems| {
                anyhow::anyhow!("the policies folder was refused\n{problems}")
            })?),
            None => None,
        };
        let known = config.as_ref().and_then(tollgate_config::Config::admin);
        let address = match (&arguments.admin, known) {
            (Some(url), _) => url.clone(),
            (None, Some(address)) => format!("http://{address}"),
            (None, None) => bail!("where is the gateway? say --admin URL, or --policies FOLDER"),
        };
        let file = match (&arguments.token_file, &config) {
            (Some(file), _) => file.clone(),
            (None, Some(config)) => token::place(config),
            (None, None) => {
                bail!("where is its token? say --token-file FILE, or --policies FOLDER")
            }
        };
        let token = token::read(&file)?;
        let token = HeaderValue::try_from(format!("Bearer {token}")).context("the admin token")?;
        let endpoint: Uri = address.parse().with_context(|| format!("admin address {address}"))?;
        let upstream = Upstream::new(UpstreamSettings {
            name: "admin".into(),
            protocol: Protocol::Http,
            endpoints: vec![endpoint],
            tls: None,
            connect_timeout: PATIENCE,
            idle_timeout: PATIENCE,
            connections_max: 1,
        })
        .with_context(|| format!("admin address {address}"))?;
        Ok(Self { upstream, token })
    }

    /// The newest receipt of a request.
    pub(crate) async fn find(&self, request_id: &str) -> Result<Found> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if request_id.is_empty() || !request_id.bytes().all(sound) {
            bail!("{request_id:?} is no request id: expected letters, digits, `-` and `_`");
        }
        self.get(&format!("/v1/receipts/{request_id}")).await
    }

    /// The receipts numbered above `after`, at most `limit`, while one pass in `every` is kept.
    pub(crate) async fn since(&self, after: u64, limit: usize, every: u64) -> Result<Listed> {
        self.get(&format!("/v1/receipts?after={after}&limit={limit}&sample_every={every}")).await
    }

    /// The candidates that serve.
    pub(crate) async fn rollouts(&self) -> Result<Vec<RolloutForm>> {
        let rolling: Rolling = self.get("/v1/rollouts").await?;
        Ok(rolling.rollouts)
    }

    /// Moves the candidate of a policy.
    pub(crate) async fn advance(&self, policy: &str, wish: &str) -> Result<RolloutForm> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if policy.is_empty() || !policy.bytes().all(sound) {
            bail!("{policy:?} is no policy's name");
        }
        self.ask(Method::POST, &format!("/v1/rollouts/{policy}?{wish}")).await
    }

    /// The number of the newest receipt; 0 where there is none.
    pub(crate) async fn newest(&self) -> Result<u64> {
        let listed: Listed = self.get("/v1/receipts?limit=1").await?;
        Ok(listed.receipts.first().map_or(0, |form| form.sequence))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.ask(Method::GET, path).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().with_context(|| format!("path {path}"))?;
        request.headers_mut().insert(header::AUTHORIZATION, self.token.clone());
        let deadline = Instant::now() + PATIENCE;
        let make = || Ok(request.clone());
        let answer = self.upstream.send_whole(make, deadline, Safety::Repeatable).await;
        let answer = answer.map_err(|error| {
            let internal = error.internal().unwrap_or_else(|| error.to_string());
            anyhow::anyhow!("ask the gateway's admin API: {internal}")
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("read the answer: {error}"))?.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).context("the answer is of no known form");
        }
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = problem.get("detail").and_then(|own| own.as_str()).unwrap_or_default();
        bail!("the gateway's admin API answered {}: {detail}", status.as_u16())
    }
}
