//! Where a running gateway is, and how it is asked.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use tollgate_admin::AdminClient;

/// Where the gateway is, and how it is spoken to.
#[derive(Debug, Args)]
pub(super) struct GatewayArguments {
    /// The policies folder; of a running gateway, its admin address and token are found in it.
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(super) policies: Option<PathBuf>,
    /// The admin address of the running gateway, `http://host:port`.
    #[arg(long, value_name = "URL", global = true)]
    admin: Option<String>,
    /// The file that holds its admin token.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

impl GatewayArguments {
    /// Finds out where the gateway is. To be called within the runtime.
    pub(super) fn client(&self) -> Result<AdminClient> {
        let config = match &self.policies {
            Some(folder) => Some(tollgate_config::load(folder).map_err(|problems| {
                anyhow::anyhow!("the policies folder was refused\n{problems}")
            })?),
            None => None,
        };
        let known = config.as_ref().and_then(tollgate_config::Config::admin);

        let address = match (&self.admin, known) {
            (Some(url), _) => url.clone(),
            (None, Some(address)) => format!("http://{address}"),
            (None, None) => bail!("where is the gateway? say --admin URL, or --policies FOLDER"),
        };

        let file = match (&self.token_file, &config) {
            (Some(file), _) => file.clone(),
            (None, Some(config)) => tollgate_admin::place(config),
            (None, None) => {
                bail!("where is its token? say --token-file FILE, or --policies FOLDER")
            }
        };

        let token = tollgate_admin::read(&file)?;
        AdminClient::open(&address, &token).context("the gateway's admin API")
    }
}
