//! What is kept of an exchange when it is over: its receipt, if it is one to keep.

use std::sync::Arc;
use std::time::SystemTime;

use http::Response;
use tollgate_chain::Receipt;
use tollgate_edge::ResponseBody;
use tollgate_edge::respond::Ended;

use super::Flow;
use crate::receipts::{Ending, Kept, Lane};

/// Longest path that is kept, in bytes.
const PATH_BYTES_MAX: usize = 512;

impl Flow {
    /// Keeps the receipt if it is to be kept. Decided first: what is not kept costs nothing more.
    pub(super) fn keep(&self, receipt: Receipt<'_>, answer: &Response<ResponseBody>) {
        let (by_policy, by_upstream) =
            (self.facts.policy.is_some(), self.facts.grpc_status.is_some());
        let ending = Ending { by_policy, by_upstream };
        if let Some(lane) = self.snapshot.receipts.wants(&receipt, answer, ending)
            && let Some(kept) = self.kept(receipt, lane, answer)
        {
            self.snapshot.receipts.keep(kept);
        }
    }

    /// The record of this exchange.
    pub(super) fn kept(
        &self,
        receipt: Receipt<'_>,
        lane: Lane,
        answer: &Response<ResponseBody>,
    ) -> Option<Kept> {
        let path = self.head.path.get(..PATH_BYTES_MAX).unwrap_or(&self.head.path);
        Some(Kept {
            sequence: 0,
            lane,
            request_id: self.head.request_id.clone(),
            time: SystemTime::now(),
            method: self.head.method.clone(),
            path: path.into(),
            listener: Arc::clone(&self.listener),
            route: self.route.clone(),
            principal: self.asker.principal().map(Arc::clone),
            cast: Arc::clone(self.snapshot.casts.get(self.chain)?),
            parts: Kept::parts(receipt),
            status: answer.status().as_u16(),
            code: answer.extensions().get::<Ended>().map(|ended| ended.code.clone()),
            policy: self.facts.policy.clone(),
            upstream: self.facts.upstream.clone(),
            upstream_us: self.facts.upstream_us,
            grpc_status: self.facts.grpc_status,
            generation: self.snapshot.generation(),
            took: self.began.elapsed(),
        })
    }
}
