//! The ends of certificates are told at their marks, once each, by the clock that is passed in.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tempfile::TempDir;
use time::OffsetDateTime;
use tollgate_capability::Clock as _;
use tollgate_capability::testing::ManualClock;
use tollgate_control::{CertificateUse, CertificateWatch};

const DAY: Duration = Duration::from_secs(86_400);

/// Writes a certificate that ends so many days after the clock's present.
fn write(path: &Path, clock: &ManualClock, days: u32) -> Result<i64> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let seconds = i64::try_from((clock.unix() + DAY * days).as_secs())?;
    params.not_after = OffsetDateTime::from_unix_timestamp(seconds)?;
    fs::write(path, params.self_signed(&KeyPair::generate()?)?.pem())?;
    Ok(seconds)
}

fn folder() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let toml = "[chains.open]\npolicies = []\n[listeners.main]\naddress = \"127.0.0.1:0\"\n\
                chain = \"open\"\ntls = { certificate = \"server.pem\", key = \"server.key\", \
                client_ca = \"clients.pem\" }\n[upstreams.u]\nprotocol = \"http\"\n\
                endpoints = [\"https://localhost:9\"]\ntls = { ca_bundle = \"ca.pem\" }\n";
    fs::write(folder.path().join("gateway.toml"), toml)?;
    Ok(folder)
}

/// The files that a look tells of, by name.
fn told(watch: &CertificateWatch) -> Vec<(String, CertificateUse)> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let notices = watch.look();
    notices.iter().filter_map(|one| Some((name(&one.path)?, one.used_as))).collect()
}

#[test]
fn each_mark_is_told_once_for_each_file_and_again_after_a_renewal() -> Result<()> {
    let (folder, clock) = (folder()?, Arc::new(ManualClock::new()));
    let file = |name: &str| folder.path().join(name);
    write(&file("server.pem"), &clock, 40)?;
    write(&file("clients.pem"), &clock, 400)?;
    write(&file("ca.pem"), &clock, 10)?;
    let config = tollgate_config::load(folder.path())?;
    let watch = CertificateWatch::new(&config, Arc::clone(&clock) as _);
    let server = || vec![("server.pem".to_owned(), CertificateUse::Server)];

    let upstream = ("ca.pem".to_owned(), CertificateUse::UpstreamAuthority);
    assert_eq!(told(&watch), [upstream], "ten days are left");
    assert_eq!(told(&watch), [], "told once");

    write(&file("ca.pem"), &clock, 400)?;
    for (days, expected) in
        [(9, vec![]), (2, server()), (20, vec![]), (3, server()), (5, server()), (1, server())]
    {
        clock.advance(DAY * days);
        assert_eq!(told(&watch), expected, "{days} days later");
        clock.advance(Duration::from_secs(1));
        assert_eq!(told(&watch), [], "and a second later");
    }

    write(&file("server.pem"), &clock, 5)?;
    assert_eq!(told(&watch), server(), "the new one ends within seven days too");
    write(&file("server.pem"), &clock, 90)?;
    assert_eq!(told(&watch), []);
    Ok(())
}

#[test]
fn an_expired_certificate_is_told_as_such_and_a_damaged_file_changes_nothing() -> Result<()> {
    let (folder, clock) = (folder()?, Arc::new(ManualClock::new()));
    let server = folder.path().join("server.pem");
    let not_after = write(&server, &clock, 1)?;
    let config = tollgate_config::load(folder.path())?;
    let watch = CertificateWatch::new(&config, Arc::clone(&clock) as _);
    clock.advance(DAY * 2);

    let notices = watch.look();
    let ends: Vec<_> = notices.iter().map(|one| (one.not_after, one.left)).collect();
    assert_eq!(ends, [(not_after, -86_400)]);
    fs::write(&server, "-----BEGIN CERTIFICATE-----\nhalf")?;
    assert_eq!(told(&watch), []);
    write(&server, &clock, 3)?;
    assert_eq!(told(&watch).len(), 1);
    Ok(())
}

#[test]
fn a_reload_watches_the_files_that_are_named_from_then_on() -> Result<()> {
    let (folder, clock) = (folder()?, Arc::new(ManualClock::new()));
    write(&folder.path().join("new.pem"), &clock, 2)?;
    let config = tollgate_config::load(folder.path())?;
    let watch = CertificateWatch::new(&config, Arc::clone(&clock) as _);
    assert_eq!(told(&watch), []);

    let toml = fs::read_to_string(folder.path().join("gateway.toml"))?;
    let toml = toml.replace("\"server.pem\"", "\"new.pem\"");
    fs::write(folder.path().join("gateway.toml"), toml)?;
    watch.apply(&tollgate_config::load(folder.path())?);
    assert_eq!(told(&watch), [], "the reload itself told of it");
    clock.advance(DAY + Duration::from_secs(1));
    assert_eq!(told(&watch), [("new.pem".to_owned(), CertificateUse::Server)]);
    Ok(())
}
