//! A stranger: in each request one thing that nobody sent before, so that whatever remembers
//! requests has something new to remember.

use anyhow::{Result, bail};
use bench::world;
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use std::time::Instant;
use tollgate_harness::{Client, Connection};

use super::recipe::Recipe;
use super::{exchange, histogram, since_then};

/// One connection's worth of unique requests, over HTTP/1.1.
pub(super) struct Stranger {
    client: Client,
    recipe: Recipe,
    number: u64,
}

impl Stranger {
    pub(super) fn new(client: Client, recipe: Recipe, number: usize) -> Result<Self> {
        let recipe = recipe.roll(number)?;
        Ok(Self { client, recipe, number: 0 })
    }

    /// Sends until the end. A connection that was closed after a refusal is opened again.
    pub(super) async fn work(mut self, end: Instant) -> Result<Histogram<u32>> {
        let mut micros = histogram()?;
        let mut open = None;
        while Instant::now() < end {
            let request = self.request()?;
            let mut connection = match open.take() {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let since = Instant::now();
            // A server may close a kept connection in the moment in which it is used.
            let Ok((status, body)) = exchange(&mut connection, request).await else { continue };
            if status.is_server_error() {
                bail!("{status}: {}", String::from_utf8_lossy(&body));
            }
            micros.saturating_record(since_then(since));
            open = (!connection.is_closed()).then_some(connection);
        }
        Ok(micros)
    }

    async fn connect(&self) -> Result<Connection> {
        let uri = Uri::builder().scheme("http").authority(world::HOST).path_and_query("/");
        self.client.connect(&uri.build()?).await
    }

    fn request(&mut self) -> Result<Request<Full<Bytes>>> {
        let mut request = self.recipe.request()?;
        let unique = format!("{:016x}", self.recipe.dice.roll());
        let text = |text: String| HeaderValue::try_from(text);
        let headers = request.headers_mut();

        match self.number % KINDS {
            0 => drop(headers.insert(header::HOST, text(format!("h{unique}.example.com"))?)),
            1 => drop(headers.insert(header::ORIGIN, text(format!("https://{unique}.example"))?)),
            2 => *request.uri_mut() = Uri::try_from(format!("/v1/{unique}/work"))?,
            3 => {
                let strange = world::key(1 << 40 | self.recipe.dice.below(1 << 40));
                headers.insert(header::AUTHORIZATION, text(format!("Bearer {strange}"))?);
            }
            _ => {
                headers.insert(HeaderName::try_from(format!("x-{unique}"))?, text(unique.clone())?);
                headers.insert(header::USER_AGENT, text(unique.clone())?);
                headers.insert(header::ACCEPT_LANGUAGE, text(unique)?);
            }
        }

        self.number += 1;
        Ok(request)
    }
}

/// Host, origin, path, key, headers.
const KINDS: u64 = 5;
