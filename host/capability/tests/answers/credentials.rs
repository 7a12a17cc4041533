//! `credentials` and `principal`: what a request presents, resolves to and is established as.

use std::sync::Arc;
use std::time::Duration;

use tollgate_capability::credentials::{Lookup, Unreachable};
use tollgate_chain::{
    Access, Answer, Command, CredentialHandle, CredentialsRead, Environment, Host, Identity,
    Presented, PrincipalCommand, PrincipalRead, Read, Resolution, Settlement,
};

use crate::scripted::{ONLY, World, ask, head, principal};

async fn resolve(world: World) -> Answer {
    ask(&mut world.host(), Read::Credentials(CredentialsRead::Resolve(ONLY))).await
}

fn establish(handle: CredentialHandle) -> Command {
    Command::Principal(PrincipalCommand::Establish(handle))
}

#[tokio::test]
async fn each_way_to_present_a_credential_has_its_answer() {
    let mut in_query = head(&[]);
    in_query.query = Some("api_key=tg_live_x".into());
    for (head, expected) in [
        (head(&[]), Presented::None),
        (head(&[("authorization", "Bearer x")]), Presented::One(ONLY)),
        (head(&[("x-api-key", "x")]), Presented::One(ONLY)),
        (head(&[("authorization", "Bearer x"), ("x-api-key", "x")]), Presented::Several),
        (in_query, Presented::InQuery),
    ] {
        let mut host = World { head, ..World::new() }.host();
        let answer = ask(&mut host, Read::Credentials(CredentialsRead::Presented)).await;
        assert_eq!(answer, Answer::Presented(expected));
    }
}

#[tokio::test]
async fn each_outcome_of_a_look_up_has_its_answer() {
    let identity = Identity { environment: Environment::Live, access: Access::NoMoneyOut };
    let sandbox = tollgate_chain::Principal { environment: Environment::Sandbox, ..principal() };
    let wait = Duration::from_secs(7);

    for (world, expected) in [
        (World::new(), Resolution::Resolved(identity)),
        (World { lookup: Ok(Lookup::NotFound), ..World::new() }, Resolution::Invalid),
        // The environment in the key's prefix is another than the store's.
        (
            World { lookup: Ok(Lookup::Found(Arc::new(sandbox))), ..World::new() },
            Resolution::Invalid,
        ),
        (World { head: head(&[]), ..World::new() }, Resolution::Invalid),
        (World { failures: Err(wait), ..World::new() }, Resolution::Throttled),
        (
            World { lookup: Err(Unreachable("down".into())), ..World::new() },
            Resolution::Unavailable,
        ),
    ] {
        assert_eq!(resolve(world).await, Answer::Resolution(expected));
    }
}

#[tokio::test]
async fn a_principal_is_established_by_its_command_and_stays() {
    let mut host = World::new().host();
    let reads = || {
        [
            PrincipalRead::Environment,
            PrincipalRead::HasScope("deposits:write".into()),
            PrincipalRead::HasScope("deposits:approve".into()),
            PrincipalRead::Tenant,
        ]
    };
    ask(&mut host, Read::Credentials(CredentialsRead::Resolve(ONLY))).await;
    let nobody =
        [Answer::Environment(None), Answer::Bool(false), Answer::Bool(false), Answer::Text(None)];
    for (read, expected) in reads().into_iter().zip(nobody) {
        assert_eq!(ask(&mut host, Read::Principal(read)).await, expected);
    }
    assert_eq!(host.tenant(), None);

    host.apply(&establish(ONLY));
    host.settle(Settlement::Commit);
    let acme = [
        Answer::Environment(Some(Environment::Live)),
        Answer::Bool(true),
        Answer::Bool(false),
        Answer::Text(Some("acme".into())),
    ];
    for (read, expected) in reads().into_iter().zip(acme) {
        assert_eq!(ask(&mut host, Read::Principal(read)).await, expected);
    }
    assert_eq!(host.tenant(), Some((Environment::Live, "acme")));
    assert_eq!(host.principal().map(|known| &**known), Some(&principal()));
}

#[tokio::test]
async fn a_credential_counts_in_the_run_that_resolved_it_and_under_its_own_handle() {
    let mut host = World::new().host();
    let permits =
        |handle| Read::Credentials(CredentialsRead::Permits(handle, "deposits:write".into()));
    assert_eq!(ask(&mut host, permits(ONLY)).await, Answer::Bool(false));
    ask(&mut host, Read::Credentials(CredentialsRead::Resolve(ONLY))).await;
    assert_eq!(ask(&mut host, permits(ONLY)).await, Answer::Bool(true));
    assert_eq!(ask(&mut host, permits(CredentialHandle(1))).await, Answer::Bool(false));

    host.settle(Settlement::Release);
    assert_eq!(ask(&mut host, permits(ONLY)).await, Answer::Bool(false));
    host.apply(&establish(ONLY));
    assert_eq!(host.principal(), None);
}
