//! The platform that `up` runs: its parts, their ports, and their files under `.tollgate`.

mod secrets;
mod services;
mod stores;

pub(crate) use secrets::Secrets;
pub(crate) use services::services;
pub(crate) use stores::Stores;

/// PostgreSQL.
pub(crate) const POSTGRES_PORT: u16 = 15432;
/// Redis.
pub(crate) const REDIS_PORT: u16 = 16379;
/// Kafka, for clients.
pub(crate) const KAFKA_PORT: u16 = 19092;
/// Kafka, among its own.
pub(crate) const KAFKA_CONTROLLER_PORT: u16 = 19093;
/// The databases, one for each service and environment.
pub(crate) const DATABASES: [&str; 3] = ["identity", "deposits_sandbox", "deposits_live"];
/// The topics: one for each environment and service.
pub(crate) const TOPICS: [&str; 4] = [
    "sandbox.identity.events",
    "live.identity.events",
    "sandbox.deposits.events",
    "live.deposits.events",
];
/// For ever: a stream's events are in order within a partition, which a change would break.
pub(crate) const PARTITIONS: u16 = 3;
