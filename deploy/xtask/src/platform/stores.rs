//! PostgreSQL, Redis and Kafka of the local platform.

use super::{
    DATABASES, KAFKA_CONTROLLER_PORT, KAFKA_PORT, PARTITIONS, POSTGRES_PORT, REDIS_PORT, Secrets,
    TOPICS,
};
use crate::place::Place;
use crate::say;
use anyhow::{Context, Result, anyhow};
use tollgate_parts::account::{Account, reachable};
use tollgate_parts::daemon::Daemon;
use tollgate_parts::kafka::{Node, Topics};
use tollgate_parts::keys::write_private;
use tollgate_parts::postgres::{Cluster, Durability};
use tollgate_parts::{redis, wait};

/// The three stores.
#[derive(Debug)]
pub(crate) struct Stores<'a> {
    place: &'a Place,
}

impl<'a> Stores<'a> {
    /// Describes them.
    pub(crate) fn new(place: &'a Place) -> Self {
        Self { place }
    }

    /// Their processes, in the order in which they are started.
    pub(crate) fn daemons(&self) -> [(Daemon, u16); 3] {
        [("postgres", POSTGRES_PORT), ("redis", REDIS_PORT), ("kafka", KAFKA_PORT)]
            .map(|(name, port)| (self.place.daemon(name), port))
    }

    /// Starts what does not run, and makes databases and topics that are missing.
    ///
    /// # Errors
    /// When one does not start; the message names its log.
    pub(crate) fn start(&self, secrets: &Secrets) -> Result<()> {
        for (daemon, port) in self.daemons() {
            not_a_strangers(&daemon, port)?;
        }
        say::step("PostgreSQL");
        self.postgres(secrets)?;
        say::step("Redis");
        redis::start(&self.place.daemon("redis"), &self.place.state("redis"), REDIS_PORT)?;
        say::step("Kafka");
        let kafka = self.kafka();
        kafka.start(Topics::Explicit)?;
        topics(&kafka)
    }

    /// Stops them, the last first.
    ///
    /// # Errors
    /// When one does not end.
    pub(crate) fn stop(&self) -> Result<Vec<String>> {
        let mut stopped = Vec::new();
        let mut note = |name: &str, was: bool| was.then(|| stopped.push(name.to_owned()));
        note("kafka", self.kafka().stop()?);
        note("redis", redis::stop(&self.place.daemon("redis"))?);
        let daemon = self.place.daemon("postgres");
        // SIGINT is PostgreSQL's fast shutdown.
        let was =
            daemon.stop(nix::sys::signal::Signal::SIGINT, std::time::Duration::from_secs(20))?;
        note("postgres", was);
        Ok(stopped)
    }

    fn postgres(&self, secrets: &Secrets) -> Result<()> {
        let data = reachable(&self.place.state("postgres"), Account::for_postgres()?);
        let daemon = self.place.daemon("postgres");
        let keys = self.place.state("keys");
        let cluster = Cluster::open(&data, POSTGRES_PORT, &keys, daemon)?;
        cluster.start(Durability::Kept)?;
        for name in DATABASES {
            let file = secrets.database_url_file(name);
            if file.exists() && cluster.sql(name, "SELECT 1").is_ok() {
                continue;
            }
            let url = cluster.database(name, &secrets.database_password(name)?)?;
            write_private(&file, url.as_bytes())?;
            say::note(&format!("database {name}"));
        }
        Ok(())
    }

    fn kafka(&self) -> Node {
        Node::new(
            &self.place.jars(),
            &self.place.state("kafka"),
            KAFKA_PORT,
            KAFKA_CONTROLLER_PORT,
            self.place.daemon("kafka"),
        )
    }
}

/// Refuses to go on where a port is held by a program that `up` did not start.
///
/// # Errors
/// When it is.
pub(super) fn not_a_strangers(daemon: &Daemon, port: u16) -> Result<()> {
    if daemon.pid().is_none() && wait::listens(port) {
        return Err(anyhow!(
            "port {port}, which {} needs, is used by another program (see it with `ss -ltnp`)",
            daemon.name()
        ));
    }
    Ok(())
}

fn topics(kafka: &Node) -> Result<()> {
    let there = kafka.topics().context("list the topics")?;
    let missing: Vec<&str> =
        TOPICS.into_iter().filter(|name| !there.iter().any(|topic| topic == name)).collect();
    // Each creation starts a Java machine; side by side they take as long as one.
    std::thread::scope(|scope| {
        let create = |name| scope.spawn(move || kafka.create_topic(name, PARTITIONS));
        let running: Vec<_> = missing.iter().copied().map(create).collect();
        running
            .into_iter()
            .try_for_each(|made| made.join().map_err(|_| anyhow!("creating a topic panicked"))?)
    })?;
    if !missing.is_empty() {
        say::note(&format!("topics {}", missing.join(", ")));
    }
    Ok(())
}
