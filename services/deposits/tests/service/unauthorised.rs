//! Every RPC, by the descriptor set, refuses whoever may not call it. A new one is here by itself.

use tollgate_commons::Environment;
use tollgate_commons::testing::{self, Signer, call_empty};
use tollgate_proto::principal::Principal;
use tonic::Code;
use tonic::metadata::MetadataMap;

use crate::support::{Bench, SCOPES, bench, tenant};

async fn codes(bench: &Bench, signer: &Signer, principal: Option<&Principal>) -> Vec<Code> {
    let mut codes = Vec::new();
    for path in testing::rpcs("tollgate.deposits.v1").unwrap() {
        let mut metadata = MetadataMap::new();
        if let Some(principal) = principal {
            signer.attach(principal, &mut metadata);
        }
        let refused = call_empty(&bench.channel, &path, metadata).await.unwrap_err();
        codes.push(refused.code());
    }
    assert_eq!(codes.len(), 6, "the service has six RPCs");
    codes
}

fn all(codes: &[Code], expected: Code) -> bool {
    codes.iter().all(|code| *code == expected)
}

#[tokio::test]
async fn no_rpc_answers_without_a_genuine_principal() {
    let bench = bench().await;
    let stranger = Signer::generate("test-1").unwrap();
    let genuine = tenant("tenant-a");
    let elsewhere = testing::tenant("identity", "tenant-a", Environment::Sandbox, SCOPES);
    let nobody = codes(&bench, &bench.signer, None).await;
    assert!(all(&nobody, Code::Unauthenticated), "{nobody:?}");
    let forged = codes(&bench, &stranger, Some(&genuine)).await;
    assert!(all(&forged, Code::Unauthenticated), "{forged:?}");
    let misaddressed = codes(&bench, &bench.signer, Some(&elsewhere)).await;
    assert!(all(&misaddressed, Code::Unauthenticated), "{misaddressed:?}");
    let gateway = testing::gateway("deposits", Environment::Sandbox);
    let without_tenant = codes(&bench, &bench.signer, Some(&gateway)).await;
    assert!(all(&without_tenant, Code::Unauthenticated), "{without_tenant:?}");
    assert_eq!(bench.count("events"), 0);
}

#[tokio::test]
async fn no_rpc_answers_the_other_world_or_a_key_without_the_scope() {
    let bench = bench().await;
    let live = testing::tenant("deposits", "tenant-a", Environment::Live, SCOPES);
    let other_world = codes(&bench, &bench.signer, Some(&live)).await;
    assert!(all(&other_world, Code::PermissionDenied), "{other_world:?}");
    let unrelated = ["api-keys:read", "api-keys:write"];
    let scopeless = testing::tenant("deposits", "tenant-a", Environment::Sandbox, &unrelated);
    let denied = codes(&bench, &bench.signer, Some(&scopeless)).await;
    assert!(all(&denied, Code::PermissionDenied), "{denied:?}");
}
