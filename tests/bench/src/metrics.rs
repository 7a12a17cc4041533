//! Figures from the gateway's admin port.

use anyhow::Result;
use std::net::SocketAddr;
use std::ops::{AddAssign, Sub};
use tollgate_harness::Client;

/// A page of metrics.
#[derive(Debug)]
pub(crate) struct Metrics(String);

/// Counts of verdicts, by the way in which policies reached them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Decisions {
    /// By walking a tree.
    pub(crate) tree: f64,
    /// In an instance of the component.
    pub(crate) wasm: f64,
}

impl Metrics {
    pub(crate) async fn read(admin: SocketAddr) -> Result<Self> {
        Ok(Self(Client::h1().get(&format!("http://{admin}/metrics")).await?.text()))
    }

    pub(crate) fn decisions(&self) -> Decisions {
        let of = |way| self.values("tollgate_policy_decisions_total", way).sum();
        Decisions { tree: of("way=\"tree\""), wasm: of("way=\"wasm\"") }
    }

    /// Values of a metric's lines that have this label.
    pub(crate) fn values(&self, name: &str, label: &str) -> impl Iterator<Item = f64> {
        self.0.lines().filter_map(move |line| {
            let (labels, value) = line.strip_prefix(name)?.strip_prefix('{')?.split_once("} ")?;
            labels.contains(label).then(|| value.trim().parse().ok())?
        })
    }
}

impl Decisions {
    /// Percent of decisions that were walks; nothing when nothing was decided.
    pub(crate) fn hit(self) -> Option<f64> {
        let all = self.tree + self.wasm;
        (all > 0.0).then(|| 100.0 * self.tree / all)
    }
}

impl Sub for Decisions {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { tree: self.tree - before.tree, wasm: self.wasm - before.wasm }
    }
}

impl AddAssign for Decisions {
    fn add_assign(&mut self, more: Self) {
        self.tree += more.tree;
        self.wasm += more.wasm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_summed_over_policies_by_their_way() {
        let page = "# TYPE tollgate_policy_decisions_total counter\n\
            tollgate_policy_decisions_total{policy=\"a\",hook=\"on-request\",way=\"tree\"} 3\n\
            tollgate_policy_decisions_total{policy=\"b\",hook=\"on-request\",way=\"tree\"} 6\n\
            tollgate_policy_decisions_total{policy=\"b\",hook=\"on-request\",way=\"wasm\"} 1\n\
            tollgate_policy_decisions_total{policy=\"b\",hook=\"on-request\",way=\"skipped\"} 7\n";
        let decisions = Metrics(page.to_owned()).decisions();
        assert_eq!(decisions, Decisions { tree: 9.0, wasm: 1.0 });
        assert_eq!(decisions.hit(), Some(90.0));
        assert_eq!(Decisions::default().hit(), None);
    }
}
