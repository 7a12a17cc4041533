use super::*;
use crate::config::{Invalid, Variables};
use crate::testing::Signer;

fn read(pairs: &[(&str, &str)]) -> Result<Common, Invalid> {
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), Signer::generate("k").unwrap().public_line()).unwrap();
    let keys = keys.path().to_str().unwrap();
    let all: Vec<_> = [("PRINCIPAL_PUBLIC_KEYS", keys)].iter().chain(pairs).copied().collect();
    let variables = Variables::of(&all);
    let mut reader = Reader::new(&variables);
    let common = Common::read(&mut reader, "deposits");
    reader.finish(common)
}

fn names(invalid: &Invalid) -> Vec<&str> {
    invalid.0.iter().map(|problem| problem.name.as_str()).collect()
}

#[test]
fn the_local_stage_needs_a_database_and_nothing_more() {
    let common = read(&[("STAGE", "local"), ("DATABASE_URL", "postgres://a")]).unwrap();
    assert!(common.broker.is_none());
    assert!(common.tls.is_none());
    assert_eq!(common.drain.as_secs(), 10);
}

#[test]
fn every_problem_is_named_at_once() {
    let invalid = read(&[
        ("STAGE", "production"),
        ("DATABASE_URL", "postgres://user:hush@host/db"),
        ("GRPC_ADDRESS", "nowhere"),
        ("DRAIN_SECONDS", "301"),
        ("TLS_KEY", "/key"),
    ])
    .unwrap_err();
    let expected =
        ["GRPC_ADDRESS", "DATABASE_URL", "TLS_CERTIFICATE", "KAFKA_BROKERS", "DRAIN_SECONDS"];
    assert_eq!(names(&invalid), expected);
    assert!(!invalid.to_string().contains("hush"));
}

#[test]
fn only_the_local_stage_may_reach_a_broker_in_clear() {
    let kafka = ("KAFKA_BROKERS", "127.0.0.1:9092");
    let local = read(&[("STAGE", "local"), ("DATABASE_URL", "x"), kafka]).unwrap();
    assert_eq!(local.broker.unwrap().transport, Transport::Plain);
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "postgres://a\n").unwrap();
    let file = ("DATABASE_URL_FILE", secret.path().to_str().unwrap());
    let invalid = read(&[("STAGE", "staging"), file, kafka]).unwrap_err();
    assert_eq!(names(&invalid), ["KAFKA_CA", "KAFKA_CERTIFICATE", "KAFKA_KEY"]);
}

#[test]
fn a_dotenv_file_of_the_local_stage_gives_what_the_environment_does_not() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "# a comment\nLOG=\"debug\"\nDRAIN_SECONDS=1\nDATABASE_URL=postgres://u:p@h/d?a=b\n";
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    let merged = |stage| {
        Variables::of(&[("STAGE", stage), ("DOTENV", path), ("DRAIN_SECONDS", "2")]).with_dotenv()
    };

    let variables = merged("local").unwrap();
    let mut reader = Reader::new(&variables);
    assert_eq!(reader.optional("LOG"), Some("debug"));
    assert_eq!(reader.optional("DATABASE_URL"), Some("postgres://u:p@h/d?a=b"));
    assert_eq!(reader.required::<u32>("DRAIN_SECONDS"), Some(2), "real variables win");
    assert_eq!(names(&merged("staging").unwrap_err()), ["DOTENV"]);

    std::fs::write(file.path(), "LOG=debug\nPASSWORD=hush hush\n").unwrap();
    let invalid = merged("local").unwrap_err().to_string();
    assert!(invalid.ends_with("has a malformed line after LOG"), "{invalid}");
}

#[test]
fn secrets_are_absent_from_debug_text() {
    let common = read(&[("STAGE", "local"), ("DATABASE_URL", "postgres://u:hush@h/d")]).unwrap();
    assert!(!format!("{common:?}").contains("hush"));
}
