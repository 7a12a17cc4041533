//! Kafka for tests: a shared broker, or one of one's own.

use crate::children::{self, Entry};
use crate::shared::Shared;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use tollgate_parts::daemon::Daemon;
use tollgate_parts::kafka::{Node, Topics, fetch};
use tollgate_parts::keys::random_hex;
use tollgate_parts::wait::free_port;

/// A broker's address. Topics appear when they are first named, with one partition.
#[derive(Debug, Clone)]
pub struct Broker {
    bootstrap: String,
}

/// One record as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The partition it was in.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// Its key; empty where it has none.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers as kcat prints them: `name=value,name=value`.
    pub headers: String,
}

impl Broker {
    /// Returns the address for `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Returns a topic name that no other test uses.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn topic(&self, prefix: &str) -> Result<String> {
        Ok(format!("{prefix}-{}", random_hex(6)?))
    }

    /// Makes sure that a topic is there, as a deployment does before its services start.
    ///
    /// # Errors
    /// When it is not there within `limit`, or kcat is not installed.
    pub async fn create(&self, topic: &str, limit: Duration) -> Result<()> {
        let named = format!("topic \"{topic}\" with 1 partitions:");
        crate::process::eventually(&format!("topic {topic}"), limit, async || {
            // Asking for a topic by name makes this broker create it.
            let output = tokio::process::Command::new("kcat")
                .args(["-L", "-b", &self.bootstrap, "-t", topic])
                .args(["-X", "allow.auto.create.topics=true"])
                .stdin(Stdio::null())
                .output()
                .await
                .ok()?;
            String::from_utf8_lossy(&output.stdout).contains(&named).then_some(())
        })
        .await
    }

    /// Reads a topic from its beginning until it has given `count` records.
    ///
    /// # Errors
    /// When they are not there within `limit`, or kcat is not installed.
    pub async fn read(&self, topic: &str, count: usize, limit: Duration) -> Result<Vec<Record>> {
        let end = Instant::now() + limit;
        loop {
            let records = self.read_now(topic).await.unwrap_or_default();
            if records.len() >= count {
                return Ok(records);
            }
            if Instant::now() > end {
                bail!("{topic} held {} of {count} records after {limit:?}", records.len());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Reads what a topic holds now.
    ///
    /// # Errors
    /// When the broker or the topic is not there, or kcat is not installed.
    pub async fn read_now(&self, topic: &str) -> Result<Vec<Record>> {
        let output = tokio::process::Command::new("kcat")
            .args(["-C", "-q", "-e", "-b", &self.bootstrap, "-t", topic, "-o", "beginning"])
            .args(["-f", "%p %o %K %S %h\n%k%s"])
            .stdin(Stdio::null())
            .output()
            .await
            .context("run kcat: `cargo xtask setup` installs it")?;
        if !output.status.success() {
            bail!("kcat: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        parse(&output.stdout)
    }
}

/// Returns the shared broker, starting it if need be.
///
/// # Errors
/// When Java, Maven or kcat are missing, or it does not serve.
pub async fn kafka() -> Result<Broker> {
    tokio::task::spawn_blocking(|| Ok(Broker { bootstrap: shared_node()?.bootstrap() }))
        .await
        .context("the thread that starts Kafka")?
}

/// A broker of one test, which it may stop, kill and start again. Gone with this value.
#[derive(Debug)]
pub struct OwnBroker {
    node: Node,
    home: PathBuf,
    entry: Option<Entry>,
}

impl OwnBroker {
    /// Returns it as a client sees it.
    #[must_use]
    pub fn broker(&self) -> Broker {
        Broker { bootstrap: self.node.bootstrap() }
    }

    /// Starts it again, with what it stored.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start(&mut self) -> Result<()> {
        self.node.start(Topics::Automatic)?;
        let pid = self.node.daemon().pid();
        self.entry = pid.map(|pid| Entry::write(pid, &[self.home.as_path()])).transpose()?;
        Ok(())
    }

    /// Ends it at once, as a power failure would.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&self) -> Result<bool> {
        self.node.daemon().stop(nix::sys::signal::Signal::SIGKILL, Duration::from_secs(10))
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        let _ = self.kill();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Returns a running broker that belongs to one test alone.
///
/// # Errors
/// When Java, Maven or kcat are missing, or it does not serve.
pub async fn own_kafka() -> Result<OwnBroker> {
    children::reap_orphans();
    tokio::task::spawn_blocking(|| {
        let home = crate::dirs::state_dir()?.join(format!("own-kafka-{}", random_hex(6)?));
        let node = node(&home, free_port()?, Daemon::new("kafka", &home, &home))?;
        let mut broker = OwnBroker { node, home, entry: None };
        broker.start()?;
        Ok(broker)
    })
    .await
    .context("the thread that starts Kafka")?
}

fn shared_node() -> Result<&'static Node> {
    static NODE: OnceLock<(Shared, Node)> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    let _turn = MAKING.lock();
    if NODE.get().is_none() {
        let made = enter_node().context("the shared Kafka node")?;
        let _ = NODE.set(made);
    }
    NODE.get().map(|(_, node)| node).context("the node was just made")
}

fn enter_node() -> Result<(Shared, Node)> {
    let mut shared = Shared::enter("kafka")?;
    let port_file = shared.home().join("port");
    let known = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse().ok());
    let runs = shared.daemon("kafka").pid().is_some();
    let port = match known {
        Some(port) if runs => port,
        _ => {
            let _ = std::fs::remove_dir_all(shared.home().join("data"));
            free_port()?
        }
    };
    let node = node(shared.home(), port, shared.daemon("kafka"))?;
    std::fs::write(&port_file, port.to_string())?;
    node.start(Topics::Automatic)?;
    if !runs {
        shared.watch(node.daemon(), "TERM")?;
    }
    shared.started();
    Ok((shared, node))
}

fn node(home: &Path, port: u16, daemon: Daemon) -> Result<Node> {
    let jars = crate::dirs::target_dir()?.join("kafka");
    fetch(&crate::dirs::workspace().join("deploy/kafka/pom.xml"), &jars)?;
    Ok(Node::new(&jars, home, port, free_port()?, daemon))
}

/// Reads lines of `partition offset key-length value-length headers`, each followed by the bytes.
fn parse(mut rest: &[u8]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        let line = String::from_utf8_lossy(line);
        let mut fields = line.splitn(5, ' ');
        let mut number =
            || -> Result<i64> { Ok(fields.next().context("kcat left a field out")?.parse()?) };
        let (partition, offset, key, value) = (number()?, number()?, number()?, number()?);
        let headers = fields.next().unwrap_or_default().to_owned();

        // A missing key has length -1.
        let (key, value) = (usize::try_from(key).unwrap_or(0), usize::try_from(value).unwrap_or(0));
        let bytes = after.get(1..=key + value).context("kcat cut a record short")?;
        let (key, value) = bytes.split_at(key);

        records.push(Record {
            partition: i32::try_from(partition)?,
            offset,
            key: key.to_vec(),
            value: value.to_vec(),
            headers,
        });
        rest = after.get(1 + bytes.len()..).unwrap_or_default();
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_with_line_feeds_and_without_keys_are_read_whole() {
        let records = parse(b"0 7 1 3 a=b\nk1\n20 8 -1 2 \nxy").unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(
            (records[0].key.as_slice(), records[0].value.as_slice()),
            (&b"k"[..], &b"1\n2"[..])
        );
        assert_eq!((records[0].headers.as_str(), records[1].offset), ("a=b", 8));
        assert_eq!(records[1].value, b"xy");
    }
}
