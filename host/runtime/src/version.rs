//! The version that a component says it has.

use crate::sections;

/// The name of the custom section, as tools that annotate components use it.
const SECTION: &str = "version";
/// Most bytes of a version.
const BYTES_MAX: usize = 64;

/// The version in the component's custom section `version`, its own or that of a core module
/// within it: 1 to 64 visible characters of ASCII. Nothing depends on it, so one that is none of
/// that is as good as absent.
#[must_use]
pub fn version(file: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(sections::custom(file, SECTION)?).ok()?;
    let is_sound = (1..=BYTES_MAX).contains(&text.len());
    (is_sound && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with nothing but this section.
    fn component(version: &[u8]) -> Vec<u8> {
        let name = SECTION.as_bytes();
        let length = |bytes: usize| u8::try_from(bytes).unwrap();
        let head = [length(name.len() + 1 + version.len()), length(name.len())];
        [b"\0asm\x0d\0\x01\0\0", &head[..], name, version].concat()
    }

    #[test]
    fn what_looks_like_a_version_is_told_and_nothing_else() {
        assert_eq!(version(&component(b"0.1.0-rc.1+5")), Some("0.1.0-rc.1+5"));
        let long = [b'1'; BYTES_MAX + 1];
        for none in [&b""[..], b"1 2", b"1\n", b"\xff", &long] {
            assert_eq!(version(&component(none)), None, "{none:?}");
        }
        assert_eq!(version(b"\0asm\x0d\0\x01\0"), None);
    }
}
