//! A single Kafka node in KRaft mode, started from its jars without an installation.

use crate::daemon::Daemon;
use crate::wait;
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the jars are, and where one node keeps its state.
#[derive(Debug)]
pub struct Node {
    jars: PathBuf,
    home: PathBuf,
    port: u16,
    controller: u16,
    daemon: Daemon,
}

/// Copies the jars named by `pom` to `jars` with Maven, unless they are there.
///
/// # Errors
/// When Maven is missing or cannot fetch them.
pub fn fetch(pom: &Path, jars: &Path) -> Result<()> {
    if jars.is_dir() {
        return Ok(());
    }
    let fresh = jars.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    let status = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", fresh.display()))
        .stdin(Stdio::null())
        .status()
        .context("run mvn: is it installed? `cargo xtask setup` installs it")?;
    if !status.success() {
        bail!("mvn could not copy Kafka's jars ({status})");
    }
    // The folder appears whole or not at all, so that its presence means it is complete.
    fs::rename(&fresh, jars).with_context(|| format!("put {} in place", jars.display()))
}

/// The policy of a node for topics that a client names and that do not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topics {
    /// Refuses: topics are created by [`Node::create_topic`] or by a service.
    Explicit,
    /// Makes it with one partition: for tests, each of which has its own names.
    Automatic,
}

impl Node {
    /// Describes the node with state under `home`, for clients on `port`, raft on `controller`.
    #[must_use]
    pub fn new(jars: &Path, home: &Path, port: u16, controller: u16, daemon: Daemon) -> Self {
        Self { jars: jars.to_path_buf(), home: home.to_path_buf(), port, controller, daemon }
    }

    /// Returns the process behind it.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Returns the address that clients are given.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it unless it runs, formatting its storage first if need be, and waits until it
    /// serves metadata.
    ///
    /// # Errors
    /// When Java or the jars are missing, or it does not serve within 180 s.
    pub fn start(&self, topics: Topics) -> Result<()> {
        if self.daemon.pid().is_some() && wait::listens(self.port) {
            return Ok(());
        }
        fs::create_dir_all(&self.home)?;
        fs::write(self.home.join("log4j2.yaml"), LOG4J)?;
        let settings = self.home.join("server.properties");
        fs::write(&settings, self.settings(topics))?;
        if !self.home.join("data/meta.properties").exists() {
            self.format(&settings)?;
        }
        let mut command = self.java("kafka.Kafka", "256m");
        command.arg(&settings);
        self.daemon.start(&mut command)?;
        self.daemon.ready(Duration::from_secs(180), || self.serves())
    }

    /// Stops it in an orderly way.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&self) -> Result<bool> {
        self.daemon.stop(Signal::SIGTERM, Duration::from_secs(20))
    }

    /// Makes a topic unless it is there.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn create_topic(&self, name: &str, partitions: u16) -> Result<()> {
        let output = self
            .java("org.apache.kafka.tools.TopicCommand", "128m")
            .args(["--bootstrap-server", &self.bootstrap(), "--create", "--if-not-exists"])
            .args(["--topic", name, "--partitions", &partitions.to_string()])
            .args(["--replication-factor", "1"])
            .stdin(Stdio::null())
            .output()
            .context("run the topic command")?;
        if !output.status.success() {
            bail!("create topic {name}: {}", String::from_utf8_lossy(&output.stdout).trim());
        }
        Ok(())
    }

    /// Returns the names of the topics that are there.
    ///
    /// # Errors
    /// When kcat is missing or the node does not answer.
    pub fn topics(&self) -> Result<Vec<String>> {
        let output = Command::new("kcat")
            .args(["-L", "-b", &self.bootstrap(), "-m", "5"])
            .stdin(Stdio::null())
            .output()
            .context("run kcat")?;
        if !output.status.success() {
            bail!("kcat: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let quoted =
            |line: &str| Some(line.trim().strip_prefix("topic \"")?.split('"').next()?.to_owned());
        Ok(text.lines().filter_map(quoted).collect())
    }

    fn serves(&self) -> bool {
        wait::listens(self.port) && self.topics().is_ok()
    }

    fn format(&self, settings: &Path) -> Result<()> {
        let id = "tollgate-local-node-00";
        let output = self
            .java("kafka.tools.StorageTool", "128m")
            .args(["format", "--ignore-formatted", "--cluster-id", id, "--config"])
            .arg(settings)
            .stdin(Stdio::null())
            .output()
            .context("run java: is it installed? `cargo xtask setup` installs it")?;
        if !output.status.success() {
            bail!("format Kafka's storage: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn java(&self, class: &str, heap: &str) -> Command {
        let mut command = Command::new("java");
        command
            .arg(format!("-Xmx{heap}"))
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"])
            .arg(format!("-Dlog4j2.configurationFile={}", self.home.join("log4j2.yaml").display()))
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg(class);
        command
    }

    fn settings(&self, topics: Topics) -> String {
        let (port, controller) = (self.port, self.controller);
        let automatic = topics == Topics::Automatic;
        let data = self.home.join("data");

        format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             log.dirs={data}\n\
             auto.create.topics.enable={automatic}\n\
             num.partitions=1\n\
             offsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.num.partitions=1\n\
             transaction.state.log.min.isr=1\n\
             share.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             num.network.threads=2\n\
             num.io.threads=2\n\
             log.retention.ms=-1\n\
             log.segment.bytes=67108864\n",
            data = data.display()
        )
    }
}

/// Warnings only: a broker that runs well says nothing.
const LOG4J: &str = "\
Configuration:
  status: error
  Appenders:
    Console:
      name: out
      PatternLayout: { pattern: '%d %p %c{1}: %m%n' }
  Loggers:
    Root:
      level: warn
      AppenderRef: { ref: out }
";
