//! The command line: `serve`, and what an operator does by hand.
//!
//! Operators' commands go to the database directly, under its own account, and leave the same events
//! as calls do. A key is printed once, by the command that mints it.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use ring::rand::SystemRandom;
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use tollgate_commons::config::Variables;
use tollgate_commons::operation::{Begun, Scope, Unit};
use tollgate_commons::{Environment, Stage, store as database};

use crate::config::OperatorConfig;
use crate::domain::tenant::TenantState;
use crate::domain::{key as keys, scope};
use crate::store;
use crate::store::keys::NewKey;

/// Tenants and API keys.
#[derive(Debug, Parser)]
#[command(name = "identity", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve gRPC until SIGTERM.
    Serve,
    /// Make tenants and take them through their states.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Mint and revoke keys.
    #[command(subcommand)]
    Key(KeyCommand),
}

/// Commands about tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant and print its id.
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
    /// Take a tenant one step on.
    Step {
        /// The tenant.
        tenant: String,
        /// Where to.
        #[arg(long)]
        to: TenantState,
        /// Why; stored and published.
        #[arg(long)]
        reason: String,
    },
}

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Mint a key and print it, this once.
    Mint(MintArgs),
    /// Revoke a key.
    Revoke {
        /// The key's id.
        key_id: String,
    },
}

/// What a key is to be.
#[derive(Debug, Args)]
pub struct MintArgs {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// `sandbox` or `live`.
    #[arg(long)]
    environment: Environment,
    /// What it may do: `deposits:read,deposits:write`.
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// For people.
    #[arg(long, default_value = "")]
    label: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does an operator's command about tenants.
///
/// # Errors
/// With a line for the operator.
pub async fn tenant(command: TenantCommand) -> anyhow::Result<()> {
    let (config, pool) = open().await?;
    match command {
        TenantCommand::Create { name, state, json } => {
            let early = matches!(state, TenantState::Applied | TenantState::SandboxActive);
            if !early && config.stage != Stage::Local {
                bail!("a tenant begins as applied or sandbox_active");
            }
            let tenant_id = store::tenants::create(&pool, &name, state).await?;
            let object = serde_json::json!({ "tenant_id": tenant_id, "state": state.as_str() });
            print(&if json { object.to_string() } else { tenant_id })
        }
        TenantCommand::Step { tenant, to, reason } => {
            // Approval takes two people who are not the requester; a command line cannot tell.
            if to == TenantState::LiveApproved && config.stage != Stage::Local {
                bail!("live access is not approved from a command line");
            }
            store::tenants::step(&pool, &tenant, to, &reason).await?;
            print(to.as_str())
        }
    }
}

/// Does an operator's command about keys.
///
/// # Errors
/// With a line for the operator.
pub async fn key(command: KeyCommand) -> anyhow::Result<()> {
    let (config, pool) = open().await?;
    match command {
        KeyCommand::Mint(args) => mint(&config, &pool, args).await,
        KeyCommand::Revoke { key_id } => revoke(&pool, &key_id).await,
    }
}

/// Says on the standard error why the process ends, in one line.
pub fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "identity: {error:#}");
}

async fn mint(config: &OperatorConfig, pool: &PgPool, args: MintArgs) -> anyhow::Result<()> {
    let scopes = scope::check(args.scopes.iter().map(String::as_str))?;
    let minted = keys::mint(args.environment, &SystemRandom::new())?;
    let mut unit = unit(pool, &args.tenant, args.environment).await?;
    let new = NewKey {
        peppered: config.peppers.newest(&minted.sha256).context("find a pepper")?,
        last_four: minted.last_four,
        scopes: scopes.into_iter().collect(),
        label: args.label,
        lifetime: None,
        succeeds: None,
    };
    let key = store::keys::insert(&mut unit, new).await?;
    unit.commit(&()).await?;
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
    let mut unit = unit(pool, &tenant_id, environment).await?;
    let (key, _) = store::keys::lock(&mut unit, key_id).await?;
    store::keys::revoke(&mut unit, key).await?;
    unit.commit(&()).await?;
    print(key_id)
}

async fn unit(pool: &PgPool, tenant: &str, environment: Environment) -> anyhow::Result<Unit> {
    let scope = Scope::of_operator(tenant, Some(environment));
    match Unit::begin(pool, scope, "operator").await? {
        Begun::Fresh(unit) => Ok(unit),
        Begun::Earlier(_) => bail!("an operator's command has no operation key"),
    }
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
