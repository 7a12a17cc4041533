//! JSON to gRPC and back, through the six policies, beside the bare HTTP/1.1 proxy.

use anyhow::Result;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::sides::{self, Setup};

/// Most that a translated request may cost, as a ratio to the floor.
const MOST: f64 = 1.8;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let (_origin, address) = sides::origin(true, &ground.processors).await?;
    let none = Setup { grpc: Some(address), ..Setup::of(&[]) }.start(ground).await?;
    let six = Setup { grpc: Some(address), ..Setup::six() }.start(ground).await?;
    let traffic = Traffic::over(Protocol::H1);
    let sides = [
        ground.floor(Protocol::H1),
        Side::new("translated, no policies", &none, traffic).over(0),
        Side::new("translated, six policies, warm", &six, traffic).over(1),
    ];
    let rows = measure::rounds(&sides, ground).await?;
    measure::print("JSON → gRPC → JSON", &rows);
    let six = rows.last().map(|row| row.ratio).unwrap_or(f64::NAN);
    Ok(vec![Judged::most("JSON → gRPC → JSON, six policies, warm: ratio", six, 2, MOST)])
}
