use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::*;

fn authority(name: &str) -> rcgen::Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap()
}

fn refused(bundle: &[u8]) -> Error {
    roots(Some(bundle), Vec::new()).unwrap_err()
}

#[test]
fn every_certificate_of_a_bundle_becomes_an_anchor() {
    let bundle = [authority("one").pem(), authority("two").pem()].concat();
    assert_eq!(roots(Some(bundle.as_bytes()), Vec::new()).unwrap().len(), 2);
}

#[test]
fn a_bundle_is_layered_over_the_native_roots() {
    let native = vec![authority("native").der().clone()];
    let bundle = authority("pinned").pem();
    assert_eq!(roots(Some(bundle.as_bytes()), native.clone()).unwrap().len(), 2);
    assert_eq!(roots(None, native).unwrap().len(), 1);
}

#[test]
fn oddities_among_the_native_roots_are_passed_over() {
    let native = vec![CertificateDer::from(vec![1, 2, 3]), authority("native").der().clone()];
    assert_eq!(roots(None, native).unwrap().len(), 1);
}

#[test]
fn a_bundle_without_a_certificate_is_refused() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    for bundle in ["", "no PEM at all\n", key.as_str()] {
        assert!(matches!(refused(bundle.as_bytes()), Error::EmptyBundle), "{bundle:?}");
    }
}

#[test]
fn a_bundle_that_is_cut_off_within_a_certificate_is_refused() {
    let whole = [authority("one").pem(), authority("two").pem()].concat();
    let cut = &whole.as_bytes()[..whole.len() - 60];
    assert!(matches!(refused(cut), Error::Pem { read: 1, .. }));
}

#[test]
fn a_bundle_whose_second_certificate_is_corrupt_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bundle = [authority("one").pem().as_str(), broken].concat();
    assert!(matches!(refused(bundle.as_bytes()), Error::Certificate { number: 2, .. }));
    let not_base64 = broken.replace("AAAA", "!!!!");
    let bundle = [authority("one").pem(), not_base64].concat();
    assert!(matches!(refused(bundle.as_bytes()), Error::Pem { read: 1, .. }));
}

#[test]
fn trusting_nobody_is_refused() {
    assert!(matches!(roots(None, Vec::new()), Err(Error::NoAnchors)));
}
