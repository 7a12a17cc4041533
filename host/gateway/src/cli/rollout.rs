//! `tollgate rollout`: shows and moves the candidates of a running gateway.
#![allow(clippy::print_stdout, reason = "it answers whoever calls it")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use tollgate_control::RolloutForm;

use super::gateway::GatewayArguments;

/// The step that a candidate is to take.
#[derive(Debug, Args)]
pub(super) struct RolloutArguments {
    #[command(subcommand)]
    step: RolloutStep,
    #[command(flatten)]
    admin: GatewayArguments,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum RolloutStep {
    /// Shows every policy that has a candidate, and what both did.
    Status,
    /// Runs the candidate beside the policy, and only counts what it decides.
    Shadow { policy: String },
    /// Lets the candidate decide for a share of tenants, always the same ones.
    Canary {
        policy: String,
        /// Percent of tenants, 0.01 to 99.99.
        #[arg(long, value_name = "PERCENT")]
        share: f64,
    },
    /// Lets the candidate decide for all. Make it the policy in the files to keep it so.
    Promote { policy: String },
    /// Rolls the candidate back: the policy decides for all.
    Rollback { policy: String },
}

/// Takes the step and shows the rollouts as they then are.
pub(super) fn rollout(arguments: &RolloutArguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = arguments.admin.client()?;

        let rollouts: Vec<RolloutForm> = match &arguments.step {
            RolloutStep::Status => client.rollouts().await?,
            RolloutStep::Shadow { policy } => vec![client.advance(policy, "stage=shadow").await?],
            RolloutStep::Canary { policy, share } => {
                let stage = format!("stage=canary&share_percent={share}");
                vec![client.advance(policy, &stage).await?]
            }
            RolloutStep::Promote { policy } => vec![client.advance(policy, "stage=full").await?],
            RolloutStep::Rollback { policy } => vec![client.advance(policy, "stage=off").await?],
        };

        if arguments.json {
            println!("{}", serde_json::to_string_pretty(&rollouts)?);
        } else if rollouts.is_empty() {
            println!("no policy has a candidate: declare [rollouts.<policy>]");
        } else {
            rollouts.iter().for_each(show);
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn show(rollout: &RolloutForm) {
    let share = match rollout.stage.as_str() {
        "canary" => format!(", for {} % of tenants", rollout.share_percent),
        _ => String::new(),
    };
    println!("{} → {}: {}{share}", rollout.policy, rollout.candidate, rollout.stage);
    if let Some(why) = &rollout.returned {
        println!("  rolled back: {why}");
    }

    for (name, figures) in
        [(&rollout.policy, &rollout.current), (&rollout.candidate, &rollout.candidate_fared)]
    {
        println!(
            "  {name}: {} decisions, {} refusals, {} failures, {} µs each",
            figures.decisions, figures.refusals, figures.failures, figures.mean_us
        );
    }

    let shadow = &rollout.shadow;
    if shadow.same + shadow.differs + shadow.undecidable + shadow.failed > 0 {
        println!(
            "  in shadow: {} the same, {} differ, {} undecidable, {} failed",
            shadow.same, shadow.differs, shadow.undecidable, shadow.failed
        );
    }
    if !rollout.differences.is_empty() {
        println!("  of the newest differences:");
    }
    for one in &rollout.differences {
        println!("    {} × {} → {} ({})", one.count, one.current, one.candidate, one.hook);
    }
}
