use super::*;
use crate::testing::ManualClock;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, UnparsedPublicKey};

fn pkcs8() -> Vec<u8> {
    Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness").as_ref().to_vec()
}

fn signer() -> (Arc<ManualClock>, PrincipalSigner) {
    let clock = Arc::new(ManualClock::new());
    let signer = PrincipalSigner::new(&pkcs8(), "gate-1", "tollgate", Arc::clone(&clock) as _);
    (clock, signer.expect("a key"))
}

fn principal(tenant: &str) -> Arc<Principal> {
    Arc::new(Principal {
        tenant: tenant.into(),
        environment: Environment::Sandbox,
        key_id: "key-1".into(),
        scopes: ["deposits:write".into(), "deposits:read".into()].into(),
        access: Access::ReadOnly,
    })
}

fn audience(service: &str, environment: Environment) -> Audience {
    Audience { service: service.into(), environment }
}

/// Decodes a token after checking its signature, as a service does.
fn believed(signer: &PrincipalSigner, token: &SignedToken) -> wire::Principal {
    let line = signer.public_line();
    let (key_id, public) = line.split_once(' ').expect("two words");
    let public = STANDARD.decode(public).expect("base64");
    let signed = wire::SignedPrincipal::decode(token.bytes.clone()).expect("a message");
    assert_eq!(signed.signing_key_id, key_id);
    let message = [b"tollgate-principal-v1\0".as_slice(), &signed.principal].concat();
    UnparsedPublicKey::new(&ED25519, public).verify(&message, &signed.signature).expect("signed");
    wire::Principal::decode(signed.principal.as_slice()).expect("a message")
}

#[test]
fn a_service_reads_the_principal_the_audience_and_a_short_life() {
    let (clock, signer) = signer();
    let token = signer.tenant(&principal("acme"), &audience("deposits", Environment::Sandbox));
    let statement = believed(&signer, &token);
    assert_eq!(statement.tenant_id, "acme");
    assert_eq!(statement.environment(), wire::Environment::Sandbox);
    assert_eq!(statement.scopes, ["deposits:read", "deposits:write"]);
    assert_eq!(statement.key_id, "key-1");
    assert_eq!(statement.access(), wire::Access::ReadOnly);
    assert_eq!(statement.audience_service, "deposits");
    assert_eq!(statement.audience_environment(), wire::Environment::Sandbox);
    assert_eq!((statement.issuer.as_str(), statement.role()), ("tollgate", wire::Role::Tenant));
    let (issued, expires) = (statement.issued_at.expect("set"), statement.expires_at.expect("set"));
    let now = i64::try_from(clock.unix().as_secs()).expect("in range");
    assert!(issued.seconds <= now && now < expires.seconds);
    assert!(expires.seconds - issued.seconds <= 30);
}

#[test]
fn the_gateways_own_statement_names_no_tenant() {
    let (_, signer) = signer();
    let statement = believed(&signer, &signer.gateway(&audience("identity", Environment::Live)));
    assert_eq!(statement.role(), wire::Role::Gateway);
    assert_eq!((statement.tenant_id.as_str(), statement.scopes.len()), ("", 0));
    assert_eq!(statement.environment(), wire::Environment::Unspecified);
}

#[test]
fn a_statement_is_reused_for_ten_seconds_and_only_for_the_same_subject() {
    let (clock, signer) = signer();
    let to = audience("deposits", Environment::Live);
    let first = signer.tenant(&principal("acme"), &to);
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(signer.tenant(&principal("acme"), &to).bytes, first.bytes);
    for (who, whom) in [
        (principal("other"), to.clone()),
        (principal("acme"), audience("sweeps", Environment::Live)),
        (principal("acme"), audience("deposits", Environment::Sandbox)),
        (Arc::new(Principal { access: Access::Full, ..(*principal("acme")).clone() }), to.clone()),
        (
            Arc::new(Principal { scopes: ["a:b".into()].into(), ..(*principal("acme")).clone() }),
            to.clone(),
        ),
    ] {
        assert_ne!(signer.tenant(&who, &whom).bytes, first.bytes, "{who:?} {whom:?}");
    }
    clock.advance(Duration::from_millis(1));
    assert_ne!(signer.tenant(&principal("acme"), &to).bytes, first.bytes);
}

#[test]
fn the_header_is_the_bytes_in_base64_and_sensitive() {
    let (_, signer) = signer();
    let token = signer.gateway(&audience("identity", Environment::Live));
    let decoded = STANDARD_NO_PAD.decode(token.header.as_bytes()).expect("base64");
    assert_eq!(decoded, token.bytes);
    assert!(token.header.is_sensitive());
    assert_eq!(format!("{token:?}"), "SignedToken(..)");
}

#[test]
fn a_key_comes_as_der_or_pem_and_nothing_else() {
    let der = pkcs8();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let line = |bytes: &[u8]| {
        PrincipalSigner::new(bytes, "k", "i", Arc::clone(&clock)).map(|signer| signer.public_line())
    };
    let body = STANDARD.encode(&der);
    let (first, second) = body.split_at(40);
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{first}\r\n{second}\n-----END PRIVATE KEY-----\n");
    assert_eq!(line(pem.as_bytes()).expect("PEM"), line(&der).expect("DER"));
    for wrong in [b"".as_slice(), b"garbage", b"-----BEGIN PRIVATE KEY-----\n!", &der[1..]] {
        assert!(matches!(line(wrong), Err(SignerError::Key)));
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pem).expect("written");
    let opened = PrincipalSigner::open(file.path(), "k", "i", Arc::clone(&clock));
    assert_eq!(opened.expect("a key").public_line(), line(&der).expect("DER"));
}
