use super::*;
use crate::Access;
use crate::principal::Effect;
use crate::testing::{self, Signer};
use tonic::Code;

const SANDBOX: Audience =
    Audience { service: "deposits", environments: ServedEnvironments::One(Environment::Sandbox) };
const BOTH: Audience = Audience { service: "deposits", environments: ServedEnvironments::Both };

struct Bench {
    signer: Signer,
    keys: PublicKeys,
}

fn bench() -> Bench {
    let signer = Signer::generate("test-1").unwrap();
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), format!("# keys\n\n{}", signer.public_line())).unwrap();
    let keys = PublicKeys::read(path.path()).unwrap();
    Bench { signer, keys }
}

impl Bench {
    fn judge(&self, audience: Audience, principal: &proto::Principal) -> Result<Caller, Code> {
        let mut metadata = MetadataMap::new();
        self.signer.attach(principal, &mut metadata);
        self.judge_metadata(audience, &metadata)
    }

    fn judge_metadata(&self, audience: Audience, metadata: &MetadataMap) -> Result<Caller, Code> {
        Verifier::new(self.keys.clone(), audience, system_clock)
            .verify(metadata)
            .map_err(|error| Status::from(error).code())
    }
}

fn genuine() -> proto::Principal {
    testing::tenant("deposits", "tenant-a", Environment::Sandbox, &["deposits:read"])
}

#[test]
fn a_genuine_principal_is_believed_and_typed() {
    let Ok(Caller::Tenant(principal)) = bench().judge(SANDBOX, &genuine()) else {
        panic!("not accepted")
    };
    assert_eq!(principal.tenant_id(), "tenant-a");
    assert_eq!(principal.environment(), Environment::Sandbox);
    assert_eq!(principal.access(), Access::Full);
    assert!(principal.require("deposits:read", Effect::Read).is_ok());
    assert!(principal.require("deposits:write", Effect::Read).is_err());
}

#[test]
fn a_missing_doubled_or_garbled_principal_is_unauthenticated() {
    let bench = bench();
    let mut metadata = MetadataMap::new();
    assert_eq!(bench.judge_metadata(SANDBOX, &metadata), Err(Code::Unauthenticated));
    bench.signer.attach(&genuine(), &mut metadata);
    let again = metadata.get_bin(names::PRINCIPAL).unwrap().clone();
    metadata.append_bin(names::PRINCIPAL, again);
    assert_eq!(bench.judge_metadata(SANDBOX, &metadata), Err(Code::Unauthenticated));
    let mut metadata = MetadataMap::new();
    metadata.insert_bin(names::PRINCIPAL, tonic::metadata::MetadataValue::from_bytes(b"\xff\xff"));
    assert_eq!(bench.judge_metadata(SANDBOX, &metadata), Err(Code::Unauthenticated));
}

#[test]
fn a_changed_byte_or_a_strange_key_is_unauthenticated() {
    let bench = bench();
    let mut forged = bench.signer.sign(&genuine());
    forged.principal =
        proto::Principal { tenant_id: "tenant-b".into(), ..genuine() }.encode_to_vec();
    let stranger = Signer::generate("test-1").unwrap().sign(&genuine());
    let mut unknown = bench.signer.sign(&genuine());
    unknown.signing_key_id = "test-2".into();
    for signed in [forged, stranger, unknown] {
        let mut metadata = MetadataMap::new();
        let value = tonic::metadata::MetadataValue::from_bytes(&signed.encode_to_vec());
        metadata.insert_bin(names::PRINCIPAL, value);
        assert_eq!(bench.judge_metadata(SANDBOX, &metadata), Err(Code::Unauthenticated));
    }
}

#[test]
fn another_service_a_stale_a_future_or_a_long_lived_principal_is_unauthenticated() {
    let bench = bench();
    let now = OffsetDateTime::now_utc();
    let at = |from: i64, to: i64| proto::Principal {
        issued_at: Some(crate::events::timestamp(now + Duration::seconds(from))),
        expires_at: Some(crate::events::timestamp(now + Duration::seconds(to))),
        ..genuine()
    };

    let cases = [
        proto::Principal { audience_service: "identity".into(), ..genuine() },
        at(-60, -30),
        at(30, 60),
        at(-1, 31),
        at(5, 5),
        proto::Principal { expires_at: None, ..genuine() },
        proto::Principal { role: 0, ..genuine() },
        proto::Principal { access: 0, ..genuine() },
        proto::Principal { environment: 0, ..genuine() },
        proto::Principal { tenant_id: String::new(), ..genuine() },
    ];

    for case in cases {
        assert_eq!(bench.judge(SANDBOX, &case), Err(Code::Unauthenticated), "{case:?}");
    }
    assert!(bench.judge(SANDBOX, &at(-24, -3)).is_ok(), "within the leeway");
}

#[test]
fn a_principal_of_the_other_environment_is_permission_denied() {
    let bench = bench();
    let live = testing::tenant("deposits", "tenant-a", Environment::Live, &[]);
    assert_eq!(bench.judge(SANDBOX, &live), Err(Code::PermissionDenied));
    let readdressed = proto::Principal {
        audience_environment: proto::Environment::Sandbox.into(),
        ..live.clone()
    };
    assert_eq!(bench.judge(SANDBOX, &readdressed), Err(Code::PermissionDenied));
    assert_eq!(bench.judge(BOTH, &readdressed), Err(Code::PermissionDenied));
    assert!(bench.judge(BOTH, &live).is_ok());
}

#[test]
fn the_gateway_itself_has_no_tenant() {
    let bench = bench();
    let own = testing::gateway("deposits", Environment::Sandbox);
    assert_eq!(bench.judge(BOTH, &own), Ok(Caller::Gateway));
    let with_tenant = proto::Principal { tenant_id: "tenant-a".into(), ..own };
    assert_eq!(bench.judge(BOTH, &with_tenant), Err(Code::Unauthenticated));
}

#[test]
fn every_access_permits_exactly_its_effects() {
    let effects = [Effect::Read, Effect::MoneyIn, Effect::MoneyOut];
    let table = [
        (Access::Full, [true, true, true]),
        (Access::NoMoneyOut, [true, true, false]),
        (Access::ReadOnly, [true, false, false]),
        (Access::None, [false, false, false]),
    ];
    for (access, permitted) in table {
        assert_eq!(effects.map(|effect| effect.is_permitted_by(access)), permitted, "{access:?}");
    }
}

#[test]
fn a_file_of_keys_is_refused_when_empty_or_malformed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for text in ["", "# none\n", "one\n", "one AAAA\n", "one two three\n"] {
        std::fs::write(file.path(), text).unwrap();
        assert!(PublicKeys::read(file.path()).is_err(), "{text:?}");
    }
}
