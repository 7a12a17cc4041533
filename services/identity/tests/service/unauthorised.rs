//! Every RPC, by the descriptor set, refuses whoever may not call it. A new one is here by itself.

use tollgate_commons::Environment;
use tollgate_commons::testing::{self, Signer, call_empty};
use tollgate_proto::principal::Principal;
use tonic::Code;
use tonic::metadata::MetadataMap;

use crate::support::{Bench, SCOPES, bench, caller};

const LOOKUP: &str = "/tollgate.identity.v1.IdentityLookupService/ResolveCredential";

async fn codes(
    bench: &Bench,
    signer: &Signer,
    principal: Option<&Principal>,
) -> Vec<(String, Code)> {
    let mut codes = Vec::new();
    for path in testing::rpcs("tollgate.identity.v1").unwrap() {
        let mut metadata = MetadataMap::new();
        if let Some(principal) = principal {
            signer.attach(principal, &mut metadata);
        }
        let refused = call_empty(&bench.channel, &path, metadata).await.unwrap_err();
        codes.push((path, refused.code()));
    }
    assert_eq!(codes.len(), 5, "the package has five RPCs");
    codes
}

#[tokio::test]
async fn no_rpc_answers_without_a_genuine_principal() {
    let bench = bench().await;
    let genuine = caller("tenant-a", Environment::Sandbox);
    let stranger = Signer::generate("test-1").unwrap();
    let elsewhere = testing::tenant("deposits", "tenant-a", Environment::Sandbox, SCOPES);
    for (signer, principal) in
        [(&bench.signer, None), (&stranger, Some(&genuine)), (&bench.signer, Some(&elsewhere))]
    {
        for (path, code) in codes(&bench, signer, principal).await {
            assert_eq!(code, Code::Unauthenticated, "{path}");
        }
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_denied_everywhere_and_tenants_may_not_look_credentials_up() {
    let bench = bench().await;
    let scopeless = testing::tenant("identity", "t", Environment::Sandbox, &["deposits:read"]);
    for (path, code) in codes(&bench, &bench.signer, Some(&scopeless)).await {
        assert_eq!(code, Code::PermissionDenied, "{path}");
    }
    let all_scopes = caller("t", Environment::Live);
    let mut metadata = MetadataMap::new();
    bench.signer.attach(&all_scopes, &mut metadata);
    let refused = call_empty(&bench.channel, LOOKUP, metadata).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn the_gateway_itself_has_no_keys_to_manage() {
    let bench = bench().await;
    let gateway = testing::gateway("identity", Environment::Live);
    for (path, code) in codes(&bench, &bench.signer, Some(&gateway)).await {
        let expected = if path == LOOKUP { Code::InvalidArgument } else { Code::Unauthenticated };
        assert_eq!(code, expected, "{path}");
    }
}
