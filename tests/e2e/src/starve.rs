//! The starvation table: what a tenant sees while another caller takes what both need.
//!
//! `cargo xtask starve` prints it, `tests/e2e/starve.rs` runs it in short. Each row has a gateway of
//! its own with the six policies, at which the tenant sends at a steady rate: first alone, then
//! beside the attack.

mod attack;

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::{Request, StatusCode};
use tollgate_harness::{Client, Load, Plan, Report};

use crate::calls::framed;
use crate::gate::six;
use crate::{Calls, Echo, Gate, Key};

pub use attack::{Attack, Held};

/// Length and force of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct Starvation {
    /// The time of each half of a row.
    pub lasts: Duration,
    /// The tenant's requests per second.
    pub rate: u32,
}

/// The tenant's replies without an attack and beside it.
#[derive(Debug)]
pub struct Row {
    /// The attack.
    pub attack: Attack,
    /// Without it.
    pub before: Report,
    /// While it lasted.
    pub during: Report,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Starvation {
    /// Measures one row.
    ///
    /// # Errors
    /// The gateway does not start, or refuses the attack as a whole.
    pub async fn row(&self, attack: Attack) -> Result<Row> {
        let (echo, calls) = (Echo::start().await?, Calls::start().await?);
        let (tenant, other) = (Key::new("sandbox", 1), Key::new("sandbox", 2));
        let gate = gate(attack, (&echo, &calls), (&tenant, &other)).await?;

        self.traffic(&gate, &tenant, attack).await?;
        let before = self.traffic(&gate, &tenant, attack).await?;
        let held = attack.begin(&gate, &other).await.context(attack.name())?;
        let during = self.traffic(&gate, &tenant, attack).await?;
        drop(held);
        Ok(Row { attack, before, during })
    }

    async fn traffic(&self, gate: &Gate, key: &Key, attack: Attack) -> Result<Report> {
        let load = if attack.is_grpc() {
            calls_of(gate, key, self.rate)
        } else {
            gate.traffic(key, 8, self.rate)
        };
        let seconds = self.lasts.as_secs().max(1);
        load.flow(seconds * u64::from(self.rate), self.lasts * 4 + PATIENCE).await?;
        load.stop().await
    }
}

impl Row {
    /// Judges that the tenant lost nothing.
    ///
    /// # Errors
    /// It lost something; the message says what.
    pub fn judge(&self) -> Result<()> {
        let Report { wrong, first_wrong, first_broken, .. } = &self.during;
        ensure!(
            self.during.failed() == 0,
            "{}: {} of {} requests failed: {wrong:?} {first_wrong:?} {first_broken:?}",
            self.attack.name(),
            self.during.failed(),
            self.during.sent
        );
        Ok(())
    }

    /// The heads of the columns that [`Row`] is displayed in.
    #[must_use]
    pub fn heads() -> String {
        format!(
            "{:<28} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9}",
            "while there are", "p50 alone", "p50", "p99 alone", "p99", "ratio", "failed"
        )
    }
}

impl fmt::Display for Row {
    /// Milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |report: &Report, share| report.percentile(share).as_secs_f64() * 1e3;
        let (alone, beside) = (at(&self.before, 99), at(&self.during, 99));
        write!(
            f,
            "{:<28} {:>9.2} {:>9.2} {alone:>9.2} {beside:>9.2} {:>7.1} {:>9}",
            self.attack.name(),
            at(&self.before, 50),
            at(&self.during, 50),
            beside / alone.max(0.001),
            format!("{}/{}", self.during.failed(), self.during.sent)
        )
    }
}

/// Calls of one message, all good where the service's message comes back.
fn calls_of(gate: &Gate, key: &Key, rate: u32) -> Load {
    let (url, key) = (gate.url("/demo.Calls/Unary"), key.bearer());
    Load::start(Plan {
        client: Client::h2(),
        request: Box::new(move |_| {
            let request = Request::post(&url).header("authorization", &key);
            let request = request.header("content-type", "application/grpc");
            request.header("te", "trailers").body(framed(b"hi")).unwrap_or_default()
        }),
        good: Box::new(|reply| reply.status == StatusCode::OK && reply.body == framed(b"hi")),
        connections: 8,
        rate: Some(rate),
    })
}

async fn gate(
    attack: Attack,
    (echo, calls): (&Echo, &Calls),
    (tenant, other): (&Key, &Key),
) -> Result<Gate> {
    let scopes = ["things:read", "things:write"];
    let mut folder = six(echo, &[])?;

    folder.credentials = [tenant.entry("acme", &scopes), other.entry("other", &scopes)].join("\n");
    folder.toml =
        folder.toml.replace("{ echo = {", "{ calls = { sandbox = \"calls-sandbox\" }, echo = {");
    folder.toml.push_str(&format!(
        "[upstreams.calls-sandbox]\nprotocol = \"grpc\"\nendpoints = [\"{}\"]\n\
         environment = \"sandbox\"\n\
         [routes.calls]\nmatch = \"POST /demo.Calls/{{method}}\"\nchain = \"tenant\"\n\
         attributes = {{ service = \"calls\", scope = \"things:read\" }}\n",
        calls.url()
    ));
    if attack == Attack::FullDisk {
        let records = "[stores.idempotency]\nkind = \"file\"\npath = \"records.redb\"\n";
        folder.toml.push_str(records);
    }
    if attack == Attack::Descriptors {
        folder.listener = "connections_per_address_max = 100".to_owned();
    }

    folder.first = attack.first();
    Gate::start(&folder).await
}
