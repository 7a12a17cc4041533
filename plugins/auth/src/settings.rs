//! Settings of the challenge.

use tollgate_sdk::Section;

/// The parameters of the challenge in `www-authenticate`.
#[derive(Debug)]
pub struct Settings {
    pub(crate) realm: String,
}

impl tollgate_sdk::Settings for Settings {
    fn read(section: &mut Section<'_>) -> Self {
        let realm = section.optional_text("realm").unwrap_or_else(|| "tollgate".to_owned());
        let plain = |b: u8| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\';
        if realm.len() > 64 || !realm.bytes().all(plain) {
            let expected = "expected at most 64 visible ASCII characters, no quotes or backslashes";
            section.problem("realm", expected);
        }
        Self { realm }
    }
}
