//! The floor: the bare proxy, on all three protocols.

use anyhow::{Result, bail};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use super::{Server, part, told};

pub(super) async fn start(
    upstream: SocketAddr,
    certificates: &Path,
    workers: usize,
) -> Result<Server> {
    let since = Instant::now();
    let (to, folder) = (upstream.to_string(), certificates.display().to_string());
    let workers = format!("--workers={workers}");
    let mut process = part(&["proxy", "--to", &to, "--certificates", &folder, &workers])?;
    let addresses = told(&mut process).await?;
    let [h1, h2c, tls] = addresses[..] else { bail!("the proxy told of {addresses:?}") };
    let started = since.elapsed();
    Ok(Server { process, h1, h2c, tls, admin: None, started, _folder: None })
}
