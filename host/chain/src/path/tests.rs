use proptest::prelude::*;

use super::*;

fn detail(path: &str) -> &'static str {
    match check_path(path) {
        Err(Error::PathNotCanonical { detail }) => detail,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_path_with_two_readings_is_refused() {
    for path in [
        "/a//b",
        "//",
        "/a/./b",
        "/a/../b",
        "/..",
        "/.",
        "/a/.",
        "/%2e/a",
        "/a/%2E%2e",
        "/.%2e/a",
        "/a%2Fb",
        "/a%5cb",
        "/a%00b",
        "/a%0ab",
        "/a%7Fb",
        "/a%1fb",
        "/a%zz",
        "/a%",
        "/a%2",
        "/%252e",
        "/a%252Fb",
        "/a%25%32%46b",
        "/a%255c",
        "/a%2500",
        "/a;v=1",
        "/a%3Bv=1",
        "/a%253bv=1",
        "/a\\b",
        "/\u{e9}",
        "",
        "a",
    ] {
        assert!(matches!(check_path(path), Err(Error::PathNotCanonical { .. })), "{path}");
    }

    for path in [
        "/",
        "/a",
        "/a/",
        "/a.b/..c/.d",
        "/a/...",
        "/a%20b",
        "/%C3%A9",
        "/%c3%a9",
        "/a%25b",
        "/a%2520b",
        "/urn%3Aa%40b",
        "/~!$&'()*+,=:@-_",
        "/v1/deposits/1:cancel",
    ] {
        assert_eq!(check_path(path), Ok(()), "{path}");
    }
}

#[test]
fn an_encoded_character_that_need_not_be_encoded_is_refused_in_either_case_and_twice_encoded() {
    for byte in (0x21..0x7f).map(char::from) {
        let is_unreserved = byte.is_ascii_alphanumeric() || "-._~".contains(byte);
        for text in [format!("/v1/%{:02x}", byte as u32), format!("/v1/%{:02X}", byte as u32)] {
            let is_refused = is_unreserved || "/\\;".contains(byte);
            assert_eq!(check_path(&text).is_err(), is_refused, "{text}");
        }
        if is_unreserved {
            let expected = "letters, digits and `-._~` must not be percent-encoded";
            assert_eq!(detail(&format!("/%{:02x}ecret", byte as u32)), expected);
            let twice = format!("/%25{:02x}ecret", byte as u32);
            assert_eq!(detail(&twice), "doubly encoded characters are not accepted");
        }
    }
}

proptest! {
    #[test]
    fn an_accepted_path_decodes_to_segments_without_tricks(path in "/[a-z./%2eE5cCfF03bB;]{0,24}") {
        if check_path(&path).is_ok() {
            let once: Vec<u8> = percent_decode_str(&path).collect();
            let twice: Vec<u8> = percent_encoding::percent_decode(&once).collect();
            for bytes in [once, twice] {
                prop_assert_eq!(
                    bytes.iter().filter(|byte| **byte == b'/').count(),
                    path.matches('/').count()
                );
                prop_assert!(!bytes.contains(&b';'));
                let mut segments = bytes.split(|byte| *byte == b'/');
                prop_assert!(!segments.any(|segment| matches!(segment, b"." | b"..")));
            }
        }
    }

    #[test]
    fn an_accepted_path_has_no_second_spelling_in_letters_and_digits(path in "/[a-c%2-6]{0,12}") {
        let unreserved = |text: &str| text.bytes().filter(u8::is_ascii_alphanumeric).count();
        if check_path(&path).is_ok() && decoded(&path).is_some() {
            let escapes = path.matches('%').count();
            prop_assert_eq!(unreserved(&decoded(&path).unwrap()) + 2 * escapes, unreserved(&path));
        }
    }
}
