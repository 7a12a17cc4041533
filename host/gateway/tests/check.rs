//! `check` and `serve` refuse the same folders with the same file, line and key: the real binary on
//! folders that are wrong in one thing each.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// A certificate and its key, in PEM.
fn certificate() -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// A folder of a listener with TLS that is in order, and `more`.
fn folder(more: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let (certificate, key) = certificate()?;
    fs::write(folder.path().join("server.pem"), certificate)?;
    fs::write(folder.path().join("server.key"), key)?;
    let toml = format!(
        "[chains.open]\npolicies = []\n\n[listeners.main]\naddress = \"127.0.0.1:0\"\n\
         chain = \"open\"\ntls.certificate = \"server.pem\"\ntls.key = \"server.key\"\n\n{more}"
    );
    fs::write(folder.path().join("gateway.toml"), toml)?;
    Ok(folder)
}

/// Runs a command on the folder; gives whether it was content, and what it wrote on both outputs.
fn tollgate(command: &str, folder: &Path) -> Result<(bool, String)> {
    tollgate_in("", command, folder)
}

/// Runs a command on the folder in a process of this stage.
fn tollgate_in(stage: &str, command: &str, folder: &Path) -> Result<(bool, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args([command, "--policies"])
        .arg(folder)
        .env("STAGE", stage)
        .output()
        .context("run the binary")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// Both commands refuse the folder, and name the place and what was expected there.
fn both_refuse(folder: &TempDir, place: &str, expected: &str) -> Result<()> {
    let place = format!("{}: {place}: ", folder.path().join("gateway.toml").display());
    let (file, key) = place.split_once(".toml").context("a place")?;
    for command in ["check", "serve"] {
        let (is_content, text) = tollgate(command, folder.path())?;
        ensure!(!is_content, "{command} accepts {place}{expected}");
        // Between file and key stands the line.
        let line = text.lines().find(|line| {
            line.contains(&format!("{file}.toml:")) && line.contains(key) && line.contains(expected)
        });
        ensure!(line.is_some(), "{command} says nothing of {place}{expected}:\n{text}");
    }
    Ok(())
}

#[test]
fn a_folder_in_order_is_accepted() -> Result<()> {
    let (is_content, text) = tollgate("check", folder("")?.path())?;
    ensure!(is_content && text.contains("all good"), "{text}");
    Ok(())
}

#[test]
fn a_key_of_another_certificate_is_refused() -> Result<()> {
    let folder = folder("")?;
    fs::write(folder.path().join("server.key"), certificate()?.1)?;
    both_refuse(&folder, "listeners.main.tls.key", "expected the key of")
}

#[test]
fn an_absent_certificate_or_key_is_refused() -> Result<()> {
    for (name, key) in [("server.pem", "certificate"), ("server.key", "key")] {
        let folder = folder("")?;
        fs::remove_file(folder.path().join(name))?;
        both_refuse(&folder, &format!("listeners.main.tls.{key}"), "expected a")?;
    }
    Ok(())
}

#[test]
fn an_empty_certificate_or_key_is_refused() -> Result<()> {
    for (name, key) in [("server.pem", "certificate"), ("server.key", "key")] {
        let folder = folder("")?;
        fs::write(folder.path().join(name), "")?;
        both_refuse(&folder, &format!("listeners.main.tls.{key}"), "expected a")?;
    }
    Ok(())
}

#[test]
fn an_encrypted_key_is_refused_as_such() -> Result<()> {
    let folder = folder("")?;
    let label = "ENCRYPTED PRIVATE KEY";
    let pem = format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    fs::write(folder.path().join("server.key"), pem)?;
    both_refuse(&folder, "listeners.main.tls.key", "it is encrypted")
}

#[test]
fn a_damaged_ca_bundle_is_refused() -> Result<()> {
    let folder = folder(
        "[upstreams.things]\nprotocol = \"http\"\nendpoints = [\"https://127.0.0.1:9\"]\n\
         tls.ca_bundle = \"ca.pem\"\n",
    )?;
    let pem = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("ca.pem"), pem)?;
    both_refuse(&folder, "upstreams.things.tls.ca_bundle", "CA bundle")
}

#[test]
fn a_missing_or_damaged_file_of_credentials_is_refused() -> Result<()> {
    let folder = folder("[stores.credentials]\nkind = \"file\"\npath = \"credentials.keys\"\n")?;
    both_refuse(&folder, "stores.credentials.path", "expected a file of credentials")?;
    fs::write(folder.path().join("credentials.keys"), "neither\n")?;
    both_refuse(&folder, "stores.credentials.path", "")
}

#[test]
fn an_unreadable_signing_key_is_refused() -> Result<()> {
    let folder = folder(
        "[principal]\nissuer = \"gate\"\nkey_id = \"gate-1\"\nkey_file = \"principal.pem\"\n",
    )?;
    fs::write(folder.path().join("principal.pem"), "no key")?;
    both_refuse(&folder, "principal.key_file", "")
}

#[test]
fn a_missing_or_short_admin_token_is_refused() -> Result<()> {
    let folder = folder("[admin]\naddress = \"127.0.0.1:0\"\ntoken_file = \"admin.key\"\n")?;
    both_refuse(&folder, "admin.token_file", "expected a token")?;
    fs::write(folder.path().join("admin.key"), "short\n")?;
    both_refuse(&folder, "admin.token_file", "fewer than 16 characters")
}

#[test]
fn a_missing_folder_of_the_access_log_is_refused() -> Result<()> {
    let folder = folder("[access_log]\nto = \"missing/access.jsonl\"\n")?;
    both_refuse(&folder, "access_log.to", "expected a file for access records")
}

#[test]
fn one_address_for_two_sockets_is_refused() -> Result<()> {
    let folder = folder(
        "[listeners.second]\naddress = \"127.0.0.1:4711\"\nchain = \"open\"\n\n\
         [admin]\naddress = \"0.0.0.0:4711\"\n",
    )?;
    both_refuse(&folder, "admin.address", "is the address of listeners.second already")
}

#[test]
fn all_mistakes_are_told_at_once() -> Result<()> {
    let folder = folder(
        "[admin]\naddress = \"127.0.0.1:0\"\ntoken_file = \"admin.key\"\n\n\
         [stores.credentials]\nkind = \"file\"\npath = \"credentials.keys\"\n",
    )?;
    fs::write(folder.path().join("server.key"), certificate()?.1)?;
    let (_, text) = tollgate("check", folder.path())?;
    for key in ["listeners.main.tls.key", "admin.token_file", "stores.credentials.path"] {
        ensure!(text.contains(key), "nothing of {key}:\n{text}");
    }
    Ok(())
}

#[test]
fn a_check_leaves_nothing_behind() -> Result<()> {
    let folder = folder(
        "[admin]\naddress = \"127.0.0.1:0\"\n\n[access_log]\nto = \"access.jsonl\"\n\n\
         [stores.idempotency]\nkind = \"file\"\npath = \"operations.redb\"\n",
    )?;
    let files = || -> Result<Vec<_>> {
        let entries = fs::read_dir(folder.path())?;
        let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    };
    let before = files()?;
    let (is_content, text) = tollgate("check", folder.path())?;
    ensure!(is_content, "{text}");
    ensure!(files()? == before, "{:?} after {before:?}", files()?);
    Ok(())
}

/// An authority, its certificate in PEM, and a revocation list of its own.
fn authority(name: &str, not_after: OffsetDateTime) -> Result<(String, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_after = not_after;
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let list = CertificateRevocationListParams {
        this_update: OffsetDateTime::now_utc() - Duration::days(1),
        next_update: OffsetDateTime::now_utc() + Duration::days(1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok((authority.pem(), list.signed_by(&authority)?.pem()?))
}

#[test]
fn authorities_and_lists_that_cannot_be_used_for_callers_are_refused_at_their_keys() -> Result<()> {
    let later = OffsetDateTime::now_utc() + Duration::days(9);
    let (good, list) = authority("Good", later)?;
    let (ended, _) = authority("Ended", OffsetDateTime::now_utc() - Duration::days(1))?;
    let (_, strange) = authority("Strange", later)?;
    let (leaf, _) = certificate()?;

    for (authorities, revoked, key, expected) in [
        ("", list.as_str(), "client_ca", "holds no certificate"),
        (&leaf, &list, "client_ca", "not the certificate of an authority"),
        (&ended, &list, "client_ca", "it expired"),
        (&good, "", "client_crl", "holds no revocation list"),
        (&good, &strange, "client_crl", "has the name of its issuer"),
    ] {
        let folder = folder("tls.client_ca = \"clients.pem\"\ntls.client_crl = [\"clients.crl\"]")?;
        fs::write(folder.path().join("clients.pem"), authorities)?;
        fs::write(folder.path().join("clients.crl"), revoked)?;
        both_refuse(&folder, &format!("listeners.main.tls.{key}"), expected)?;
    }

    let folder = folder("tls.client_ca = \"clients.pem\"\ntls.client_crl = [\"clients.crl\"]")?;
    fs::write(folder.path().join("clients.pem"), &good)?;
    fs::write(folder.path().join("clients.crl"), &list)?;
    let (is_content, text) = tollgate("check", folder.path())?;
    ensure!(is_content, "{text}");

    fs::remove_file(folder.path().join("clients.crl"))?;
    both_refuse(&folder, "listeners.main.tls.client_crl", "expected a revocation list at")
}

/// An upstream that live tenants reach in clear.
const LIVE: &str = "[upstreams.live]\nprotocol = \"grpc\"\nenvironment = \"live\"\n\
                    endpoints = [\"http://127.0.0.1:9\"]\n";

#[test]
fn live_upstreams_in_clear_are_refused_outside_of_the_local_stage() -> Result<()> {
    let place = "upstreams.live.endpoints";
    both_refuse(&folder(LIVE)?, place, "expected https in the stage production")?;
    let staging = folder(&format!("[deployment]\nstage = \"staging\"\n{LIVE}"))?;
    both_refuse(&staging, place, "expected https in the stage staging")?;

    let local = folder(&format!("[deployment]\nstage = \"local\"\n{LIVE}"))?;
    for stage in ["", "local"] {
        let (is_content, text) = tollgate_in(stage, "check", local.path())?;
        ensure!(is_content, "STAGE={stage}: {text}");
    }
    for command in ["check", "serve"] {
        let (is_content, text) = tollgate_in("production", command, local.path())?;
        ensure!(!is_content, "a folder for a desk is accepted in production");
        ensure!(text.contains("deployment.stage: expected production"), "{text}");
    }
    Ok(())
}
