//! `tollgate rollout`: shows and moves the candidates of a running gateway.
#![allow(clippy::print_stdout, reason = "it answers whoever calls it")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use tollgate_control::RolloutForm;

use super::gateway::GatewayArguments;

/// What is to be done with a candidate.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    step: Step,
    #[command(flatten)]
    admin: GatewayArguments,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Shows every policy that has a candidate, and how both fare.
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
    /// Takes the candidate back: the policy decides for all.
    Return { policy: String },
}

/// Does it, and shows how things stand.
pub(super) fn rollout(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let remote = arguments.admin.client()?;
        let told: Vec<RolloutForm> = match &arguments.step {
            Step::Status => remote.rollouts().await?,
            Step::Shadow { policy } => vec![remote.advance(policy, "stage=shadow").await?],
            Step::Canary { policy, share } => {
                let wish = format!("stage=canary&share_percent={share}");
                vec![remote.advance(policy, &wish).await?]
            }
            Step::Promote { policy } => vec![remote.advance(policy, "stage=full").await?],
            Step::Return { policy } => vec![remote.advance(policy, "stage=off").await?],
        };
        if arguments.json {
            println!("{}", serde_json::to_string_pretty(&told)?);
        } else if told.is_empty() {
            println!("no policy has a candidate: declare [rollouts.<policy>]");
        } else {
            told.iter().for_each(show);
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn show(own: &RolloutForm) {
    let share = match own.stage.as_str() {
        "canary" => format!(", for {} % of tenants", own.share_percent),
        _ => String::new(),
    };
    println!("{} → {}: {}{share}", own.policy, own.candidate, own.stage);
    if let Some(why) = &own.returned {
        println!("  taken back: {why}");
    }
    for (name, fared) in [(&own.policy, &own.current), (&own.candidate, &own.candidate_fared)] {
        println!(
            "  {name}: {} decisions, {} refusals, {} failures, {} µs each",
            fared.decisions, fared.refusals, fared.failures, fared.mean_us
        );
    }
    let shadow = &own.shadow;
    if shadow.same + shadow.differs + shadow.undecidable + shadow.failed > 0 {
        println!(
            "  in shadow: {} the same, {} differ, {} undecidable, {} failed",
            shadow.same, shadow.differs, shadow.undecidable, shadow.failed
        );
    }
    if !own.differences.is_empty() {
        println!("  of the newest differences:");
    }
    for one in &own.differences {
        println!("    {} × {} → {} ({})", one.count, one.current, one.candidate, one.hook);
    }
}
