//! Deadlines that callers ask for: `grpc-timeout`, `Connect-Timeout-Ms`, `X-Request-Timeout`.
//!
//! A value is accepted exactly if it has the digits and the unit that its protocol allows. A timeout
//! that is written again is never longer, and by less than one unit shorter.

use std::time::Duration;

use tollgate_transcode::grpc::{parse_timeout, timeout};
use tollgate_transcode::rpc::parse_milliseconds;

/// Checks one value as that of each field.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    grpc(text);
    for digits_max in [8, 10] {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = is_number && (1..=digits_max).contains(&text.len());
        let expected = fits.then(|| Duration::from_millis(text.parse().unwrap()));
        assert_eq!(parse_milliseconds(text, digits_max), expected);
    }
}

fn grpc(text: &str) {
    let Some(parsed) = parse_timeout(text) else {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let is_whole = (1..=8).contains(&digits) && text.len() == digits + 1;
        assert!(!is_whole || !text.ends_with(['H', 'M', 'S', 'm', 'u', 'n']), "{text} is refused");
        return;
    };

    let (digits, unit) = text.split_at(text.len() - 1);
    let number: u64 = digits.parse().unwrap();
    let nanos = [('H', 3_600_000_000_000), ('M', 60_000_000_000), ('S', 1_000_000_000)];
    let small = [('m', 1_000_000), ('u', 1_000), ('n', 1)];
    let units = nanos.into_iter().chain(small);
    let scale: u64 = units.into_iter().find(|(name, _)| unit.starts_with(*name)).unwrap().1;
    assert_eq!(parsed.as_nanos(), u128::from(number) * u128::from(scale));

    let Some(written) = timeout(parsed) else {
        assert!(parsed.is_zero());
        return;
    };
    let again = parse_timeout(written.to_str().unwrap()).unwrap();
    assert!(again <= parsed, "{text} became longer");
    let lost = parsed - again;
    assert!(lost < Duration::from_secs(1) || parsed >= Duration::from_secs(99_999_999));
    assert!(
        lost.as_nanos() * 99_999 <= parsed.as_nanos() || parsed >= Duration::from_secs(99_999_999)
    );
}
