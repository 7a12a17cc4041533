//! Asks the admin API of a running gateway.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tollgate_config::with_causes;
use tollgate_control::RolloutForm;
use tollgate_upstream::{Safety, SendBounds, Upstream, UpstreamSettings, WireProtocol};

use crate::api::{FoundReceipt, ReceiptList, RolloutList};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// The reason why the admin API gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address of the gateway is no usable URL.
    #[error("admin address {address}: {expected}")]
    Address {
        /// The address.
        address: String,
        /// The reason why it cannot be used.
        expected: String,
    },
    /// The token cannot stand in a header.
    #[error("the admin token holds characters that no header may")]
    Token,
    /// An argument cannot be asked about.
    #[error("{0}")]
    Argument(String),
    /// The gateway cannot be reached, or does not answer.
    #[error("ask the gateway's admin API: {0}")]
    Unreachable(String),
    /// The answer broke off or is too long.
    #[error("read the answer: {0}")]
    Answer(String),
    /// The answer is of no known form: the gateway is of another version, or something else.
    #[error("the answer is of no known form")]
    Form(#[source] serde_json::Error),
    /// The gateway refused.
    #[error("the gateway's admin API answered {status}: {detail}")]
    Refused {
        /// The status.
        status: u16,
        /// The detail of its problem.
        detail: String,
    },
    /// The recording cannot be written.
    #[error(transparent)]
    Recording(#[from] tollgate_insight::Error),
}

/// A connection to the admin API of a running gateway.
#[derive(Debug)]
pub struct AdminClient {
    upstream: Upstream,
    token: HeaderValue,
}

impl AdminClient {
    /// Prepares to ask the gateway at `address` (`http://host:port`) with its admin token. Connects
    /// at the first question. To be called within the runtime.
    ///
    /// # Errors
    /// The address or the token cannot be used.
    pub fn open(address: &str, token: &str) -> Result<Self, ClientError> {
        let wrong =
            |expected: String| ClientError::Address { address: address.to_owned(), expected };
        let token = HeaderValue::try_from(format!("Bearer {token}"));
        let endpoint = address.parse::<Uri>().map_err(|error| wrong(error.to_string()))?;
        let upstream = Upstream::new(UpstreamSettings {
            name: "admin".into(),
            protocol: WireProtocol::Http,
            endpoints: vec![endpoint],
            tls: None,
            connect_timeout: PATIENCE,
            idle_timeout: PATIENCE,
            connections_max: 1,
            websockets_max: 1,
        });
        let upstream = upstream.map_err(|error| wrong(with_causes(&error)))?;
        Ok(Self { upstream, token: token.map_err(|_| ClientError::Token)? })
    }

    /// The newest receipt of a request.
    pub async fn find(&self, request_id: &str) -> Result<FoundReceipt, ClientError> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if request_id.is_empty() || !request_id.bytes().all(sound) {
            let expected = "is no request id: expected letters, digits, `-` and `_`";
            return Err(ClientError::Argument(format!("{request_id:?} {expected}")));
        }
        self.get(&format!("/v1/receipts/{request_id}")).await
    }

    /// The receipts numbered above `after`, at most `limit`, while one pass in `every` is kept.
    pub async fn since(
        &self,
        after: u64,
        limit: usize,
        every: u64,
    ) -> Result<ReceiptList, ClientError> {
        self.get(&format!("/v1/receipts?after={after}&limit={limit}&sample_every={every}")).await
    }

    /// The candidates that serve.
    pub async fn rollouts(&self) -> Result<Vec<RolloutForm>, ClientError> {
        let rolling: RolloutList = self.get("/v1/rollouts").await?;
        Ok(rolling.rollouts)
    }

    /// Moves the candidate of a policy.
    pub async fn advance(&self, policy: &str, wish: &str) -> Result<RolloutForm, ClientError> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if policy.is_empty() || !policy.bytes().all(sound) {
            return Err(ClientError::Argument(format!("{policy:?} is no policy's name")));
        }
        self.ask(Method::POST, &format!("/v1/rollouts/{policy}?{wish}")).await
    }

    /// The number of the newest receipt; 0 where there is none.
    pub async fn newest(&self) -> Result<u64, ClientError> {
        let listed: ReceiptList = self.get("/v1/receipts?limit=1").await?;
        Ok(listed.receipts.first().map_or(0, |form| form.sequence))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, ClientError> {
        let path = path.parse::<Uri>();
        let path = path.map_err(|error| ClientError::Argument(error.to_string()))?;
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = path;
        request.headers_mut().insert(header::AUTHORIZATION, self.token.clone());

        let deadline = Instant::now() + PATIENCE;
        let make = || Ok(request.clone());
        let bounds = SendBounds::new(deadline, Safety::Repeatable);
        let answer = self.upstream.send_whole(make, bounds).await;
        let answer = answer.map_err(|error| {
            ClientError::Unreachable(error.internal().unwrap_or_else(|| error.to_string()))
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| ClientError::Answer(error.to_string()))?.to_bytes();

        if status.is_success() {
            return serde_json::from_slice(&body).map_err(ClientError::Form);
        }
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = problem.get("detail").and_then(|own| own.as_str()).unwrap_or_default();
        Err(ClientError::Refused { status: status.as_u16(), detail: detail.to_owned() })
    }
}
