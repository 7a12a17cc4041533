//! HTTP/1.1, h2c and TLS: no policies, six by their trees, six in a fresh instance each; and the
//! messages of WebSockets.

use anyhow::{Context, Result};
use bench::rules::SIX;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::metrics::Metrics;
use crate::sides::{Server, Setup};
use crate::table::{self, figure, maybe};

/// Most that six policies may cost by their trees, as a ratio to the floor.
const WARM_MOST: f64 = 1.25;
/// Most that they may cost without.
const OFF_MOST: f64 = 3.5;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let none = Setup::of(&[]).start(ground).await?;
    let six = Setup::six().start(ground).await?;
    let off = Setup { trees: false, ..Setup::six() }.start(ground).await?;

    let mut judged = Vec::new();
    for (protocol, name) in
        [(Protocol::H1, "HTTP/1.1"), (Protocol::H2c, "h2c"), (Protocol::Tls, "TLS (h2 by ALPN)")]
    {
        let traffic = Traffic::over(protocol);
        let sides = [
            ground.floor(protocol),
            Side::new("gateway, no policies", &none, traffic).over(0),
            Side::new("gateway, six policies, warm", &six, traffic).over(1),
            Side::new("gateway, six policies, trees off", &off, traffic).over(1),
        ];

        let rows = measure::rounds(&sides, ground).await?;
        measure::print(name, &rows);

        for (row, what, most) in [(2, "warm", WARM_MOST), (3, "trees off", OFF_MOST)] {
            if let Some(row) = rows.get(row) {
                let what = format!("six policies, {what}, {name}: ratio");
                judged.push(Judged::most(&what, row.ratio, 2, most));
            }
        }
    }

    let traffic = Traffic { websocket: true, ..Traffic::over(Protocol::H1) };
    let sides = [
        Side::new("bare hyper upgrade, copied", &ground.bare, traffic),
        Side::new("gateway, WebSocket echo", &none, traffic).over(0),
    ];
    measure::print(
        "WebSocket echo: a message and its echo",
        &measure::rounds(&sides, ground).await?,
    );

    let (tree, wasm) = (parts(&six).await?, parts(&off).await?);
    let cells: Vec<_> = SIX.iter().map(|policy| part(policy, &tree, &wasm)).collect();
    let columns = ["policy", "ns by tree", "verified %", "nodes", "bytes", "ns in Wasm, trees off"];
    table::print(
        "Each policy's part, by the gateway's own account, waits included",
        &columns,
        &cells,
    );
    Ok(judged)
}

async fn parts(server: &Server) -> Result<Metrics> {
    Metrics::read(server.admin.context("a gateway")?).await
}

fn part(policy: &str, tree: &Metrics, wasm: &Metrics) -> Vec<String> {
    let label = format!("policy=\"{policy}\",hook=\"on-request\"");
    let sum = |metrics: &Metrics, name: &str, way: &str| -> f64 {
        metrics.values(name, &format!("{label}{way}")).sum()
    };
    let each = |metrics: &Metrics, way: &str| {
        let count = sum(metrics, "tollgate_policy_decisions_total", way);
        (count > 0.0).then(|| 1e9 * sum(metrics, "tollgate_policy_seconds_total", way) / count)
    };
    let (walked, ran) = (",way=\"tree\"", ",way=\"wasm\"");
    let walks = sum(tree, "tollgate_policy_decisions_total", walked);
    let verified = sum(tree, "tollgate_tree_verifications_total", "");
    vec![
        policy.to_owned(),
        maybe(each(tree, walked), 0),
        figure(100.0 * verified / walks.max(1.0), 2),
        figure(sum(tree, "tollgate_tree_nodes", ""), 0),
        figure(sum(tree, "tollgate_tree_bytes", ""), 0),
        maybe(each(wasm, ran), 0),
    ]
}
