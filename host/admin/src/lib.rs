//! The operators' port: health, metrics, and the API for receipts and rollouts, on a listener of
//! their own; and the client that the command line asks that API with.
//!
//! Health and metrics need no token, the API does. What is counted is `proxy`'s and `control`'s,
//! what is told of a receipt is `insight`'s.
//!
//! Read next: `server.rs`, then `api.rs`.

mod api;
mod client;
mod hosts;
mod metrics;
mod query;
mod record;
mod server;
mod token;

pub use api::{FoundReceipt, ReceiptList, RolloutList};
pub use metrics_exporter_prometheus::PrometheusHandle;

pub use client::{AdminClient, ClientError};
pub use hosts::AdminHosts;
pub use metrics::{MetricsError, start_metrics};
pub use record::{Recorded, RecordingPlan, record};
pub use server::{Admin, AdminState};
pub use token::{Error as TokenError, PreparedToken, Token, place, read};
