//! The receipt of an exchange that is over, if it is one to keep.

use std::sync::Arc;
use std::time::SystemTime;

use http::Response;
use tollgate_chain::Receipt;
use tollgate_edge::ResponseBody;
use tollgate_edge::respond::Ended;
use tollgate_terms::api_key::without_keys;

use super::Flow;
use crate::receipts::{ExchangeEnding, ReceiptRecord, RetentionClass};

/// Longest path that is kept, in bytes.
const PATH_BYTES_MAX: usize = 512;

impl Flow {
    /// Keeps the receipt if it is to be kept. Decided first: what is not kept costs nothing more.
    pub(super) fn keep(&self, receipt: Receipt<'_>, answer: &Response<ResponseBody>) {
        let (by_policy, by_upstream) =
            (self.facts.policy.is_some(), self.facts.grpc_status.is_some());
        let ending = ExchangeEnding { by_policy, by_upstream };
        if let Some(retention) = self.snapshot.receipts.wants(&receipt, answer, ending)
            && let Some(record) = self.record(receipt, retention, answer)
        {
            self.snapshot.receipts.keep(record);
        }
    }

    /// Makes the record of this exchange; none where its chain is unknown.
    pub(super) fn record(
        &self,
        receipt: Receipt<'_>,
        retention: RetentionClass,
        answer: &Response<ResponseBody>,
    ) -> Option<ReceiptRecord> {
        let path = without_keys(&self.head.path);
        let path = path.get(..PATH_BYTES_MAX).unwrap_or(&path);
        Some(ReceiptRecord {
            sequence: 0,
            retention,
            request_id: self.head.request_id.clone(),
            time: SystemTime::now(),
            method: self.head.method.clone(),
            path: path.into(),
            listener: Arc::clone(&self.listener),
            route: self.deciding.clone(),
            principal: self.host.principal().map(Arc::clone),
            chain_info: Arc::clone(self.snapshot.chain_infos.get(self.chain)?),
            policies: ReceiptRecord::policies_of(receipt),
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
