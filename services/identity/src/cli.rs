//! The command line: `serve`, and commands for operators.
//!
//! Operators' commands use the database directly, under its own account, and append the same events as
//! calls. A key is printed once, by the command that mints it.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use ring::rand::SystemRandom;
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use tollgate_commons::config::Variables;
use tollgate_commons::{Environment, Stage, operation, store as database};

use crate::config::OperatorConfig;
use crate::domain::tenant::TenantState;
use crate::domain::{key, scope};
use crate::store;
use crate::store::keys::NewApiKey;

/// Tenants and API keys.
#[derive(Debug, Parser)]
#[command(name = "identity", version)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve gRPC until SIGTERM.
    Serve,
    /// Create tenants and move them through their states.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Mint and revoke keys.
    #[command(subcommand)]
    Key(KeyCommand),
}

/// Commands about tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Create a tenant and print its id.
    Create {
        /// Its name.
        #[arg(long)]
        name: String,
        /// Its first state; beyond `sandbox_active` in the local stage alone.
        #[arg(long, default_value = "sandbox_active")]
        state: TenantState,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Move a tenant to its next state.
    Step {
        /// The tenant.
        tenant: String,
        /// The next state.
        #[arg(long)]
        to: TenantState,
        /// The reason, which is stored and published.
        #[arg(long)]
        reason: String,
    },
}

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Mint a key and print it once.
    Mint(MintArgs),
    /// Revoke a key.
    Revoke {
        /// The key's id.
        key_id: String,
    },
}

/// The properties of a new key.
#[derive(Debug, Args)]
pub struct MintArgs {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// `sandbox` or `live`.
    #[arg(long)]
    environment: Environment,
    /// Its scopes, such as `deposits:read,deposits:write`.
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// A label for people.
    #[arg(long, default_value = "")]
    label: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs an operator's command about tenants.
///
/// # Errors
/// A line for the operator.
pub async fn tenant(command: TenantCommand) -> anyhow::Result<()> {
    let (config, pool) = open().await?;
    match command {
        TenantCommand::Create { name, state, json } => {
            let is_initial = matches!(state, TenantState::Applied | TenantState::SandboxActive);
            if !is_initial && config.stage != Stage::Local {
                bail!("a tenant starts as applied or sandbox_active");
            }

            let tenant_id = store::tenants::create(&pool, &name, state).await?;
            let object = serde_json::json!({ "tenant_id": tenant_id, "state": state.as_str() });
            print(&if json { object.to_string() } else { tenant_id })
        }
        TenantCommand::Step { tenant, to, reason } => {
            // Approval takes two people other than the requester, which a command line cannot check.
            if to == TenantState::LiveApproved && config.stage != Stage::Local {
                bail!("live access cannot be approved from a command line");
            }

            store::tenants::step(&pool, &tenant, to, &reason).await?;
            print(to.as_str())
        }
    }
}

/// Runs an operator's command about keys.
///
/// # Errors
/// A line for the operator.
pub async fn key(command: KeyCommand) -> anyhow::Result<()> {
    let (config, pool) = open().await?;
    match command {
        KeyCommand::Mint(args) => mint(&config, &pool, args).await,
        KeyCommand::Revoke { key_id } => revoke(&pool, &key_id).await,
    }
}

/// Writes the error that ends the process to the standard error, in one line.
pub fn report(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "identity: {error:#}");
}

async fn mint(config: &OperatorConfig, pool: &PgPool, args: MintArgs) -> anyhow::Result<()> {
    let scopes = scope::check(args.scopes.iter().map(String::as_str))?;
    let minted = key::mint(args.environment, &SystemRandom::new())?;
    let new = NewApiKey {
        peppered: config.peppers.newest(&minted.sha256).context("find a pepper")?,
        last_four: minted.last_four,
        scopes: scopes.into_iter().collect(),
        label: args.label,
        lifetime: None,
        succeeds: None,
    };

    let environment = Some(args.environment);
    let key = operation::run_as_operator(pool, &args.tenant, environment, async |unit| {
        store::keys::insert(unit, new).await
    })
    .await?;

    let secret = minted.secret.expose_secret();
    if !args.json {
        return print(secret);
    }
    let object = serde_json::json!({
        "key_id": key.key_id,
        "key": secret,
        "tenant_id": key.tenant_id,
        "environment": args.environment.as_str(),
        "scopes": key.scopes,
    });
    print(&object.to_string())
}

async fn revoke(pool: &PgPool, key_id: &str) -> anyhow::Result<()> {
    let (tenant_id, environment) = store::keys::owner_of(pool, key_id).await?;
    operation::run_as_operator(pool, &tenant_id, Some(environment), async |unit| {
        let (key, _) = store::keys::lock(unit, key_id).await?;
        store::keys::revoke(unit, key).await
    })
    .await?;
    print(key_id)
}

async fn open() -> anyhow::Result<(OperatorConfig, PgPool)> {
    let config = OperatorConfig::read(&Variables::read()?).context("read the configuration")?;
    let pool = database::open(&config.database, 2)?;
    database::migrate(&pool, &crate::MIGRATIONS).await?;
    Ok((config, pool))
}

fn print(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("write to the standard output")
}
