//! A dry run of an exchange: it is decided and goes nowhere.

use std::sync::Arc;

use http::Response;
use tollgate_chain::{Error, Head, Receipt, request};
use tollgate_edge::{RequestBody, ResponseBody};

use super::Flow;
use crate::forward::{self, ForwardReport};
use crate::receipts::{ReceiptRecord, RetentionClass};
use crate::snapshot::{BoxedHost, Snapshot};

/// The outcome of a dry run.
#[derive(Debug)]
pub struct Rehearsal {
    /// The receipt; status 0 where only the upstream could say.
    pub record: ReceiptRecord,
    /// The request's reservations (quotas, operations), which last for as long as this is kept, as
    /// those of a request in flight do.
    pub reservations: BoxedHost,
}

/// Lets the chain decide about a request and stops before anything is sent.
///
/// # Errors
/// The path has two readings; or the Snapshot has no chain for it, a defect of the Snapshot.
pub async fn rehearse(
    snapshot: Arc<Snapshot>,
    listener: Arc<str>,
    head: Head,
    body: RequestBody,
) -> Result<Rehearsal, Error> {
    let no_chain = || Error::Internal { internal: "no such chain".to_owned() };
    let mut flow = Flow::open(Arc::clone(&snapshot), listener, head, body);
    flow.check_reading()?;
    let chain = snapshot.chain(flow.chain).ok_or_else(no_chain)?;

    let mut receipt = Receipt::of(chain.policies.len());
    let (head, route) = (Arc::clone(&flow.head), flow.deciding.clone());
    let (host, decided) =
        request::walk(chain, &head, route.as_deref(), flow.host, &mut receipt).await;
    flow.host = host;

    let (retention, answer) = match decided {
        request::RequestOutcome::Failed(error) => {
            (RetentionClass::Failures, Some(flow.refuse(&error)))
        }
        request::RequestOutcome::Replied { policy, reply } => {
            flow.facts.policy = Some(policy.into());
            (RetentionClass::Refusals, Some(flow.reply(&reply)))
        }
        request::RequestOutcome::Passed { upstream } => flow.passed(upstream.as_deref()).await,
    };

    let is_open = answer.is_none();
    let answer = answer.unwrap_or_default();
    let mut record = flow.record(receipt, retention, &answer).ok_or_else(no_chain)?;
    if is_open {
        record.status = 0;
    }
    Ok(Rehearsal { record, reservations: flow.host })
}

impl Flow {
    /// Finds what is known of the answer once every policy has let the request pass.
    async fn passed(
        &mut self,
        chosen: Option<&str>,
    ) -> (RetentionClass, Option<Response<ResponseBody>>) {
        let Some(route) = self.route.clone() else {
            return (RetentionClass::Refusals, Some(self.unrouted()));
        };
        let chosen = chosen.or(route.upstream.as_deref());
        let request = self.forward_request(&route, chosen, None);
        let ForwardReport { outcome, facts } = forward::preflight(&request).await;
        self.note(facts);

        match outcome {
            Ok(()) => (RetentionClass::Passes, None),
            Err(error) => (RetentionClass::Refusals, Some(self.refuse(&error))),
        }
    }
}
