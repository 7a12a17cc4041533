//! A receipt for the tests of this crate and of those above it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use tollgate_chain::{Acting, Class, Hook, Interests, Trace, Verdict};

use crate::{
    ChainInfo, ComponentIdentity, DecisionRecord, PolicyInfo, PolicyRecord, ReceiptRecord,
    RetentionClass,
};

/// Makes the receipt of `GET /v1/things`, answered with 200, in a chain of two policies of which
/// the component of the first decided by this trace. Its time is the epoch.
#[must_use]
pub fn receipt(trace: Trace, verdict: Verdict) -> ReceiptRecord {
    let policies = vec![policy("first", Class::Security), policy("second", Class::Traffic)];
    let decision = DecisionRecord::Ran { trace, outcome: Ok(verdict), contradicts: false };

    ReceiptRecord {
        sequence: 0,
        retention: RetentionClass::Passes,
        request_id: "request-1".into(),
        time: SystemTime::UNIX_EPOCH,
        method: Method::GET,
        path: "/v1/things".into(),
        listener: "main".into(),
        route: None,
        principal: None,
        chain_info: Arc::new(ChainInfo { chain: "open".into(), policies, hidden: Arc::new([]) }),
        policies: vec![PolicyRecord {
            index: 0,
            acting: Acting::Current,
            hook: Hook::Request,
            took: Duration::from_micros(3),
            decision,
        }],
        status: 200,
        code: None,
        policy: None,
        upstream: None,
        upstream_us: None,
        grpc_status: None,
        generation: 1,
        took: Duration::from_micros(10),
    }
}

fn policy(name: &str, class: Class) -> PolicyInfo {
    PolicyInfo {
        name: name.into(),
        plugin: "plugin".into(),
        identity: ComponentIdentity { sha256: [7; 32], version: Some("1.2.3".into()) },
        class,
        interests: Interests::default(),
        branches: Vec::new(),
        candidate: None,
    }
}
