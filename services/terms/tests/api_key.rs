//! The published form of API keys, by keys whose checksums were computed by another implementation.

use std::convert::Infallible;

use tollgate_terms::{Environment, api_key};

const SANDBOX: &str = "tg_sandbox_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3xdjtX";
const LIVE: &str = "tg_live_0123456789abcdefghijklmnopqrstuv1VR2iQ";

/// Writes 0, 1, 2, … into the buffer.
fn count(buffer: &mut [u8]) -> Result<(), Infallible> {
    for (byte, number) in buffer.iter_mut().zip(0..) {
        *byte = number;
    }
    Ok(())
}

#[test]
fn a_published_key_parses_to_its_environment() {
    assert_eq!(api_key::parse(SANDBOX), Some(Environment::Sandbox));
    assert_eq!(api_key::parse(LIVE), Some(Environment::Live));
}

#[test]
fn a_checksum_is_six_base62_digits_of_crc32_padded_with_zeros() {
    // CRC-32 of "123456789" is 0xCBF43926, the check value of the algorithm.
    assert_eq!(api_key::checksum("123456789"), *b"3jZRME");
    assert_eq!(api_key::checksum(""), *b"000000");
}

#[test]
fn a_generated_key_takes_its_digits_from_the_random_bytes() {
    let key = api_key::generate(Environment::Live, count);
    assert_eq!(key.unwrap().as_str(), "tg_live_0123456789ABCDEFGHIJKLMNOPQRSTUV2ALRRa");
}

#[test]
fn random_bytes_that_would_favour_some_digits_are_skipped() {
    let fill = |buffer: &mut [u8]| -> Result<(), Infallible> {
        count(buffer)?;
        // 248 to 255 in front of the bytes that count.
        buffer.rotate_right(8);
        for (byte, number) in buffer.iter_mut().zip(248..=255) {
            *byte = number;
        }
        Ok(())
    };
    let key = api_key::generate(Environment::Live, fill).unwrap();
    assert_eq!(key.as_str(), "tg_live_0123456789ABCDEFGHIJKLMNOPQRSTUV2ALRRa");
}

#[test]
fn a_source_of_randomness_that_fails_ends_the_generation() {
    let fails = |_: &mut [u8]| Err("no randomness");
    assert_eq!(api_key::generate(Environment::Live, fails).unwrap_err(), "no randomness");
}

#[test]
fn one_changed_character_anywhere_is_noticed() {
    for index in 0..LIVE.len() {
        let mut bytes = LIVE.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(api_key::parse(&changed), None, "character {index}");
    }
}

#[test]
fn the_environment_of_a_key_cannot_be_swapped() {
    assert_eq!(api_key::parse(&LIVE.replacen("live", "sandbox", 1)), None);
    assert_eq!(api_key::parse(&SANDBOX.replacen("sandbox", "live", 1)), None);
}

#[test]
fn other_forms_are_no_keys() {
    for text in [
        "",
        "tg_",
        "tg_live_",
        "sk_live_x",
        "tg_sandbox_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA000000",
        &LIVE[1..],
        &LIVE[..LIVE.len() - 1],
        &format!("{LIVE}0"),
        &format!(" {LIVE}"),
        &format!("{LIVE} "),
        &LIVE.to_uppercase(),
        &format!("tg_test_{}", &LIVE[8..]),
        &format!("tg_live_é{}", &LIVE[10..]),
    ] {
        assert_eq!(api_key::parse(text), None, "{text}");
    }
}
