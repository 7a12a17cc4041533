//! `tollgate explain`: why a request got its answer, in words. Of a past request a running gateway
//! is asked; of a request that is described here a Snapshot is made of the policies folder and the
//! chain decides, with stores in memory, and nothing is sent anywhere.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use tollgate_config::Config;
use tollgate_control::{AssumedCaller, BuildMode, SnapshotBuilder};
use tollgate_insight::{DescribedRequest, ReceiptForm, explain as tell, rehearse};
use tollgate_proxy::Ledger;

use super::gateway::GatewayArguments;
use super::runtime;
use crate::telemetry::say;

/// The command line of `tollgate explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The id of a past request, as in `x-request-id`; or a method and a URL to try out.
    #[arg(required = true, num_args = 1..=2, value_names = ["REQUEST-ID | METHOD", "URL"])]
    what: Vec<String>,
    #[command(flatten)]
    admin: GatewayArguments,
    #[command(flatten)]
    request: Described,
    /// Print the receipt as JSON.
    #[arg(long)]
    json: bool,
}

/// A request that is described on the command line.
#[derive(Debug, Args)]
struct Described {
    /// A header field of the request, `name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// The body of the request; `@FILE` reads it from a file.
    #[arg(short = 'd', long, value_name = "TEXT")]
    data: Option<String>,
    /// So many such requests, one after the other and none of them answered yet; the last one is
    /// explained. What they reserve (quotas, operations) they hold.
    #[arg(long, value_name = "NUMBER", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
    /// The address that the request comes from.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    from: std::net::IpAddr,
    /// Take the caller for this one, `tenant/environment` or `tenant/environment/scope,scope`:
    /// any key will do, and a request without a key is given one. No store of keys is asked.
    #[arg(long = "as", value_name = "CALLER")]
    caller: Option<AssumedCaller>,
    /// The listener that accepts it; the first one if not said.
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
}

/// Explains.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<ExitCode> {
    let (form, found) = match arguments.what.as_slice() {
        [request_id] => past(request_id, &arguments.admin)?,
        [method, url] => {
            let folder = &arguments.admin.policies;
            let folder = folder.as_ref().context("a request to try out needs --policies FOLDER")?;
            (offline(folder, method, url, &arguments.request)?, 1)
        }
        _ => bail!("expected a request id, or a method and a URL"),
    };

    if arguments.json {
        say(&serde_json::to_string_pretty(&form).context("write JSON")?)?;
        return Ok(ExitCode::SUCCESS);
    }

    for line in tell(&form) {
        say(&line)?;
    }
    if found > 1 {
        say(&format!("\n{found} receipts have this id; this is the newest."))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn past(request_id: &str, gateway: &GatewayArguments) -> Result<(ReceiptForm, usize)> {
    let runtime = runtime()?;
    let answer = runtime.block_on(async {
        let answer = gateway.client()?.find(request_id).await?;
        anyhow::Ok(answer)
    })?;
    Ok((answer.receipt, answer.found))
}

/// Decides about a described request: the Snapshot is compiled as `check` does it, stores are in
/// memory, and nothing is sent.
fn offline(folder: &Path, method: &str, url: &str, request: &Described) -> Result<ReceiptForm> {
    let config = tollgate_config::load(folder)
        .map_err(|problems| anyhow!("the configuration was refused\n{problems}"))?;
    let listener = listener(&config, request)?;
    let caller = request.caller.as_ref().map(|caller| Arc::clone(&caller.0));
    let described = DescribedRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: request.headers.clone(),
        body: body(request.data.as_deref())?.into(),
        times: request.times,
        from: request.from,
        listener,
        key_environment: caller.as_ref().map(|caller| caller.environment),
    };

    let runtime = runtime()?;
    let _within = runtime.enter();
    let mode = BuildMode::DryRun(caller);
    let (builder, snapshot) = SnapshotBuilder::open(folder, config, Ledger::default(), mode)?;
    let form = runtime.block_on(rehearse(&Arc::new(snapshot), &described))?;
    drop(builder);
    Ok(form)
}

fn listener(config: &Config, request: &Described) -> Result<Arc<str>> {
    let mut listeners = config.listeners().iter();
    let listener = match &request.listener {
        Some(name) => listeners.find(|listener| listener.name == *name),
        None => listeners.next(),
    };
    let listener = listener.context("no listener of this name")?;
    Ok(listener.name.as_str().into())
}

/// The body: what is written, or what is in a file.
fn body(data: Option<&str>) -> Result<Vec<u8>> {
    match data {
        None => Ok(Vec::new()),
        Some(text) => match text.strip_prefix('@') {
            Some(path) => {
                let path = PathBuf::from(path);
                std::fs::read(&path).with_context(|| format!("read {}", path.display()))
            }
            None => Ok(text.as_bytes().to_vec()),
        },
    }
}
