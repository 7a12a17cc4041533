//! Connections and streams that stay open while others work and the rules change.
//!
//! `cargo xtask soak connections` holds ten thousand for ten minutes, `cargo xtask soak streams` one
//! of each kind for an hour through a change a second; `tests/e2e/hold.rs` does both in short.

mod events;
mod stream;

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tollgate_harness::{Ca, Client, Connection, Report, free_port};

use crate::gate::{SOON, six};
use crate::{Calls, Echo, Gate, Key, SocketService, VariedGate};

use events::Events;

/// Everything that is held, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// Connections over TLS without a request.
    pub idle: usize,
    /// Calls of gRPC in which both sides speak, each now and then.
    pub calls: usize,
    /// Streams of server-sent events.
    pub events: usize,
    /// WebSockets in which each message comes back.
    pub sockets: usize,
    /// Requests per second beside them.
    pub rate: u32,
    /// From one change of the rules to the next; none where they stay.
    pub every: Option<Duration>,
    /// The time for which all of it goes on.
    pub lasts: Duration,
}

/// The result of a hold.
#[derive(Debug)]
pub struct HoldOutcome {
    hold: Hold,
    /// The requests beside.
    pub report: Report,
    /// The ends of connections and streams that should have stayed open, each in words.
    pub lost: Vec<String>,
    /// Changes of the rules that took effect.
    pub changes: u64,
    /// Resident bytes before anything was held, with idle connections, and with streams.
    memory: [u64; 3],
    /// Resident bytes while it went on, at equal intervals.
    course: Vec<u64>,
}

/// Tenants whose streams share the upstream, so that none needs more than its share of it.
const TENANTS: u32 = 20;
/// Streams on one connection of a caller.
const STREAMS: usize = 50;
/// Readings of the memory while it goes on.
const READINGS: u32 = 10;

impl Hold {
    /// Ten thousand idle connections, a thousand streams, and traffic.
    #[must_use]
    pub fn many(lasts: Duration) -> Self {
        Self { idle: 10_000, calls: 980, events: 10, sockets: 10, rate: 500, every: None, lasts }
    }

    /// A few streams of each kind through a change of the rules each second.
    #[must_use]
    pub fn long(lasts: Duration) -> Self {
        let every = Some(Duration::from_secs(1));
        Self { idle: 0, calls: 4, events: 4, sockets: 4, rate: 50, every, lasts }
    }

    /// Opens everything, holds it, and closes it.
    ///
    /// # Errors
    /// Something cannot be opened; later losses are part of the outcome.
    pub async fn run(self) -> Result<HoldOutcome> {
        let upstreams = Upstreams {
            echo: Echo::start().await?,
            calls: Calls::start().await?,
            events: Events::start().await?,
            sockets: SocketService::start().await?,
        };
        let keys: Vec<Key> = (0..TENANTS).map(|number| Key::new("sandbox", number)).collect();
        let ca = Ca::new()?;
        let (gate, tls) = gate(&upstreams, &keys, &ca).await?;
        let mut gate = VariedGate::new(gate)?;

        let memory = |gate: &VariedGate| gate.gate.process.resident();
        let key = keys.first().context("a key")?;
        let warm = gate.gate.traffic(key, 8, 200);
        warm.flow(400, SOON).await?;
        warm.stop().await?;
        let bare = memory(&gate)?;

        let client = Client::h1().tls(ca.pem())?.to(([127, 0, 0, 1], tls).into());
        let mut idle = Vec::with_capacity(self.idle);
        let to = format!("https://gate.test:{tls}/").parse()?;
        for _ in 0..self.idle {
            let mut connection = client.connect(&to).await.context("open an idle connection")?;
            // A connection without any request is given up sooner than one that rests.
            let lost = asked(std::slice::from_mut(&mut connection), tls).await;
            ensure!(lost.is_empty(), "{lost:?}");
            idle.push(connection);
        }
        let with_idle = memory(&gate)?;

        let mut streams = JoinSet::new();
        let until = Instant::now() + self.lasts;
        stream::calls(&mut streams, &gate.gate, &keys, (self.calls, STREAMS), until).await?;
        stream::events(&mut streams, &gate.gate, key, self.events, until).await?;
        let _wide = stream::sockets(&mut streams, &gate.gate, key, self.sockets, until).await?;
        let with_streams = memory(&gate)?;

        let load = gate.gate.traffic(key, 8, self.rate);
        let (changes, course) = self.wait(&mut gate, until).await?;
        let report = load.stop().await?;

        let mut lost = stream::ends(streams).await;
        lost.extend(asked(&mut idle, tls).await);
        Ok(HoldOutcome {
            hold: self,
            report,
            lost,
            changes,
            memory: [bare, with_idle, with_streams],
            course,
        })
    }

    /// Waits for the end, changes the rules and reads the memory meanwhile.
    async fn wait(self, gate: &mut VariedGate, until: Instant) -> Result<(u64, Vec<u64>)> {
        let mut tick = interval(self.every.unwrap_or(self.lasts / READINGS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut changes, mut course) = (0, Vec::new());
        let mut reading = Instant::now();

        while Instant::now() < until {
            tick.tick().await;
            if self.every.is_some() {
                changes += 1;
                gate.vary_rules(changes);
                let rules = gate.rules.clone();
                gate.gate.rewrite("rules.toml", rules.as_bytes(), "swapped").await?;
            }
            if Instant::now() >= reading {
                course.push(gate.gate.process.resident()?);
                reading += self.lasts / READINGS;
            }
        }
        Ok((changes, course))
    }
}

/// Sends a request over each idle connection. Returns the losses.
async fn asked(idle: &mut [Connection], port: u16) -> Vec<String> {
    let mut lost = Vec::new();
    for (number, connection) in idle.iter_mut().enumerate() {
        let request = Request::get(format!("https://gate.test:{port}/nowhere"));
        let request = request.body(Bytes::new()).unwrap_or_default();
        match connection.send(request).await {
            Ok(reply) if reply.status == StatusCode::MISDIRECTED_REQUEST => {}
            Ok(reply) => lost.push(format!("idle connection {number}: {}", reply.status)),
            Err(error) => lost.push(format!("idle connection {number}: {error:#}")),
        }
    }
    lost
}

/// The services behind the gateway.
struct Upstreams {
    echo: Echo,
    calls: Calls,
    events: Events,
    sockets: SocketService,
}

async fn gate(upstreams: &Upstreams, keys: &[Key], ca: &Ca) -> Result<(Gate, u16)> {
    let mut folder = six(&upstreams.echo, &[])?;
    let entry = |(number, key): (usize, &Key)| key.entry(&format!("t{number}"), &["things:read"]);
    folder.credentials = keys.iter().enumerate().map(entry).collect();
    folder.listener = "connections_max = 500".to_owned();
    let names = ["calls", "events", "sockets"];
    let services = names.map(|name| format!("{name} = {{ sandbox = \"{name}\" }}")).join(", ");
    folder.toml = folder.toml.replace("{ echo = {", &format!("{{ {services}, echo = {{"));

    let port = free_port()?;
    let certificates = tempfile::tempdir()?;
    ca.server(&["gate.test"])?.write(certificates.path(), "server")?;
    for name in ["server.pem", "server.key"] {
        folder.files.push((name.to_owned(), std::fs::read(certificates.path().join(name))?));
    }

    folder.toml.push_str(&format!(
        "[listeners.https]\naddress = \"127.0.0.1:{port}\"\nchain = \"edge\"\n\
         tls = {{ certificate = \"server.pem\", key = \"server.key\" }}\n\
         connections_max = 20000\nconnections_per_address_max = 20000\n\
         idle_timeout_ms = 3600000\n\
         [upstreams.calls]\nprotocol = \"grpc\"\nendpoints = [\"{}\"]\n\
         environment = \"sandbox\"\n\
         [upstreams.events]\nprotocol = \"http\"\nendpoints = [\"{}\"]\n\
         environment = \"sandbox\"\n\
         [routes.calls]\nmatch = \"POST /demo.Calls/{{method}}\"\nchain = \"tenant\"\n\
         timeout_ms = 86400000\n\
         attributes = {{ service = \"calls\", scope = \"things:read\" }}\n\
         [routes.events]\nmatch = \"GET /v1/events\"\nchain = \"tenant\"\n\
         timeout_ms = 86400000\n\
         attributes = {{ service = \"events\", scope = \"things:read\" }}\n\
         [upstreams.sockets]\nprotocol = \"http\"\nendpoints = [\"{}\"]\n\
         environment = \"sandbox\"\n\
         [routes.sockets]\nmatch = \"GET /v1/sockets\"\nchain = \"tenant\"\n\
         websocket = {{}}\ntimeout_ms = 86400000\n\
         attributes = {{ service = \"sockets\", scope = \"things:read\" }}\n",
        upstreams.calls.url(),
        upstreams.events.url(),
        upstreams.sockets.url()
    ));
    Ok((Gate::start(&folder).await?, port))
}

impl HoldOutcome {
    /// Judges that nothing was lost and that memory stayed flat.
    ///
    /// # Errors
    /// Something was lost, or memory grew by more than a tenth in the second half.
    pub fn judge(&self) -> Result<()> {
        ensure!(self.lost.is_empty(), "{} lost: {:?}", self.lost.len(), self.lost.first());
        let Report { wrong, first_wrong, first_broken, .. } = &self.report;
        ensure!(
            self.report.failed() == 0,
            "{} requests failed: {wrong:?} {first_wrong:?} {first_broken:?}",
            self.report.failed()
        );

        let (first, second) = self.course.split_at(self.course.len() / 2);
        if let (Some(first), Some(second)) = (first.iter().max(), second.iter().max()) {
            ensure!(*second <= first + first / 10, "memory grew from {first} to {second} bytes");
        }
        Ok(())
    }

    /// Bytes for each of so many, from one reading to the next.
    fn each(&self, at: usize, count: usize) -> u64 {
        let read = |at: usize| self.memory.get(at).copied().unwrap_or_default();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        read(at + 1).saturating_sub(read(at)).checked_div(count).unwrap_or_default()
    }
}

impl fmt::Display for HoldOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hold { idle, calls, events, sockets, .. } = self.hold;
        let kib = |bytes: u64| bytes / 1024;
        writeln!(f, "{idle} idle connections over TLS: {} KiB each", kib(self.each(0, idle)))?;
        writeln!(f, "{calls} calls, {events} streams of events, {sockets} WebSockets")?;
        writeln!(f, "  memory of each: {} KiB", kib(self.each(1, calls + events + sockets)))?;
        writeln!(f, "{} changes of the rules", self.changes)?;
        let Report { sent, .. } = &self.report;
        let (p50, p99) = (self.report.percentile(50), self.report.percentile(99));
        writeln!(f, "{sent} requests, {} failed; p50 {p50:?}, p99 {p99:?}", self.report.failed())?;
        let course: Vec<u64> = self.course.iter().map(|bytes| kib(*bytes)).collect();
        writeln!(f, "KiB in its course: {course:?}")?;
        write!(f, "lost: {}", self.lost.len())
    }
}
