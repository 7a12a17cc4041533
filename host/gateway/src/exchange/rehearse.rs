//! An exchange that is decided and goes nowhere: for `tollgate explain` without a server.

use std::sync::Arc;

use http::Response;
use tollgate_chain::{Error, Head, Receipt, request};
use tollgate_edge::{RequestBody, ResponseBody};

use super::Flow;
use crate::forward;
use crate::receipts::{Kept, Lane};
use crate::snapshot::{Asker, Snapshot};

/// What would have come of a request.
pub(crate) struct Rehearsal {
    /// Its receipt; status 0 where only the upstream could say.
    pub(crate) kept: Kept,
    /// What it reserved stays reserved for as long as this is held, as by a request in flight.
    pub(crate) held: Asker,
}

/// Lets the chain decide about a request and stops before anything is sent.
///
/// # Errors
/// The Snapshot has no chain for it: a defect of ours.
pub(crate) async fn rehearse(
    snapshot: Arc<Snapshot>,
    listener: Arc<str>,
    head: Head,
    body: RequestBody,
) -> Result<Rehearsal, Error> {
    let no_chain = || Error::Internal { internal: "no such chain".to_owned() };
    let mut flow = Flow::open(Arc::clone(&snapshot), listener, head, body);
    let chain = snapshot.chain(flow.chain).ok_or_else(no_chain)?;
    let mut receipt = Receipt::of(chain.policies.len());
    let (head, route) = (Arc::clone(&flow.head), flow.route.clone());
    let (asker, decided) =
        request::walk(chain, &head, route.as_deref(), flow.asker, &mut receipt).await;
    flow.asker = asker;
    let (lane, answer) = match decided {
        request::Outcome::Failed(error) => (Lane::Failures, Some(flow.refuse(&error))),
        request::Outcome::Replied { policy, reply } => {
            flow.facts.policy = Some(policy.into());
            (Lane::Refusals, Some(flow.reply(&reply)))
        }
        request::Outcome::Passed { upstream } => flow.passed(upstream.as_deref()).await,
    };
    let is_open = answer.is_none();
    let answer = answer.unwrap_or_default();
    let mut kept = flow.kept(receipt, lane, &answer).ok_or_else(no_chain)?;
    if is_open {
        kept.status = 0;
    }
    Ok(Rehearsal { kept, held: flow.asker })
}

impl Flow {
    /// What is known of the answer once every policy has let the request pass.
    async fn passed(&mut self, chosen: Option<&str>) -> (Lane, Option<Response<ResponseBody>>) {
        let Some(route) = self.route.clone() else {
            return (Lane::Refusals, Some(self.unrouted()));
        };
        match forward::judge(self, chosen.or(route.upstream.as_deref())).await {
            Ok(()) => (Lane::Passes, None),
            Err(error) => (Lane::Refusals, Some(self.refuse(&error))),
        }
    }
}
