//! Real parts for tests: PostgreSQL, Kafka, certificates, processes, HTTP clients and load.
//!
//! Nothing here is faked. Shared parts (one cluster, one broker for a machine and build folder)
//! are started once, under a lock, and end by themselves when no test process is left; each test
//! owns its database and its topics. Everything else dies with the value that stands for it.

mod children;
mod dirs;
mod http;
mod kafka;
mod load;
mod postgres;
mod process;
mod shared;

pub use crate::dirs::{target_bin, target_dir, workspace};
pub use crate::http::{ByteStream, Client, Connection, Reply, raw};
pub use crate::kafka::{Broker, OwnBroker, Record, kafka, own_kafka};
pub use crate::load::{Load, Plan, Report};
pub use crate::postgres::{Database, OwnCluster, own_postgres, postgres};
pub use crate::process::{Process, eventually, free_port};
pub use tollgate_parts::certs::{Ca, Issued};
pub use tollgate_parts::keys::{SigningKey, random_hex};
