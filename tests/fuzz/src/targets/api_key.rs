//! The form of an API key: `terms::api_key`.
//!
//! A key that is accepted is ASCII of one length, with the checksum of the rest of it; with any one
//! character changed it is refused. A key that is generated from any random bytes is accepted.

use tollgate_terms::Environment;
use tollgate_terms::api_key::{CHECKSUM_CHARS, PREFIX, RANDOM_CHARS, checksum, generate, parse};

/// Checks one text as a key, and as the random bytes of one.
pub(super) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(environment) = parse(text)
    {
        holds(text, environment);
    }

    // Bytes of 248 and more are drawn again, so some must be less.
    if data.iter().any(|byte| *byte < 248) {
        let mut bytes = data.iter().cycle();
        for environment in [Environment::Sandbox, Environment::Live] {
            let key = generate::<()>(environment, |buffer| {
                buffer.iter_mut().zip(&mut bytes).for_each(|(to, from)| *to = *from);
                Ok(())
            });
            holds(&key.unwrap(), environment);
        }
    }
}

fn holds(text: &str, environment: Environment) {
    assert_eq!(parse(text), Some(environment));
    let start = format!("{PREFIX}{}_", environment.as_str());
    assert!(text.is_ascii() && text.starts_with(&start));
    assert_eq!(text.len(), start.len() + RANDOM_CHARS + CHECKSUM_CHARS);
    let (body, sum) = text.split_at(text.len() - CHECKSUM_CHARS);
    assert_eq!(checksum(body), sum.as_bytes());

    for at in 0..text.len() {
        let mut other = text.as_bytes().to_vec();
        let byte = other.get_mut(at).unwrap();
        *byte = if *byte == b'0' { b'1' } else { b'0' };
        assert_eq!(parse(std::str::from_utf8(&other).unwrap()), None, "character {at} changed");
    }
}
