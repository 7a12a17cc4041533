//! Where callers read about the header.

use tollgate_sdk::Section;

/// Where callers read about the header.
#[derive(Debug)]
pub struct Settings {
    /// The value of `Link` on the reply to a request whose key is missing.
    pub(crate) link: String,
}

impl tollgate_sdk::Settings for Settings {
    fn read(section: &mut Section<'_>) -> Self {
        let docs = section.optional_text("docs").unwrap_or_else(|| DOCS.to_owned());
        let plain = |b: u8| matches!(b, b'!'..=b'~') && !b"<>\"\\".contains(&b);
        let absolute = docs.starts_with("https://") || docs.starts_with("http://");
        if !absolute || docs.len() > 512 || !docs.bytes().all(plain) {
            section.problem("docs", "expected an absolute http or https address");
        }
        Self { link: format!("<{docs}>; rel=\"describedby\"") }
    }
}

/// The header's own specification.
const DOCS: &str = "https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/";
