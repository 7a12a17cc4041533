//! HTTP/1.1, h2c and TLS: no policies, six by their trees, six in a fresh instance each.

use anyhow::Result;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::sides::Setup;

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
    Ok(judged)
}
