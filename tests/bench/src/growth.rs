//! Many routes and many keys: what a request costs must not hang on their number.

use anyhow::Result;
use bench::world::{KEYS, ROUTES};

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::sides::Setup;
use crate::table::{self, figure};

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    // A quick look reads no file of 200 MB.
    let (most_routes, most_keys) =
        if ground.pace.quick { (1_000, 20_000) } else { (10_000, 1_000_000) };
    let sizes =
        [(10, KEYS), (ROUTES, KEYS), (most_routes, KEYS), (ROUTES, 100), (ROUTES, most_keys)];

    let mut servers = Vec::new();
    for (routes, keys) in sizes {
        let server = Setup { routes, keys, ..Setup::six() }.start(ground).await?;
        servers.push((format!("{routes} routes, {keys} keys"), server));
    }

    let mut sides = vec![ground.floor(Protocol::H1)];
    for ((routes, keys), (name, server)) in sizes.into_iter().zip(&servers) {
        let traffic = Traffic { routes, keys, ..Traffic::over(Protocol::H1) };
        sides.push(Side::new(name, server, traffic));
    }

    let rows = measure::rounds(&sides, ground).await?;
    measure::print("Growth: six policies, warm, HTTP/1.1", &rows);

    let mut cells = Vec::new();
    for (name, server) in &servers {
        let (start, resident) = (server.started.as_secs_f64(), server.process.resident()?);
        cells.push(vec![name.clone(), figure(start, 2), megabytes(resident)]);
    }
    table::print("Growth: start and memory", &["side", "ready after s", "RSS MB"], &cells);
    Ok(Vec::new())
}

/// Bytes in megabytes.
pub(crate) fn megabytes(bytes: u64) -> String {
    (bytes / 1_000_000).to_string()
}
