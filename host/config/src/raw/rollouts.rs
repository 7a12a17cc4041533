//! Shapes of rollouts.

use serde::Deserialize;
use serde_spanned::Spanned;

/// `[rollouts.<policy>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRollout {
    pub(crate) candidate: Spanned<String>,
    pub(crate) stage: Spanned<String>,
    pub(crate) share_percent: Option<Spanned<f64>>,
    #[serde(default)]
    pub(crate) tolerance: RawTolerance,
}

/// `tolerance = { … }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTolerance {
    pub(crate) decisions_min: Option<Spanned<u64>>,
    pub(crate) failures_percent: Option<Spanned<f64>>,
    pub(crate) refusals_percent: Option<Spanned<f64>>,
    pub(crate) latency_us: Option<Spanned<u64>>,
}
