//! The status of a call, as a service says it: `grpc::status` and `grpc::Outcome`.
//!
//! Both read the same code. A caller over JSON gets no control character, no more than 1 KiB of one
//! text, and nothing at all of what UNKNOWN, INTERNAL, DATA_LOSS and UNAUTHENTICATED say; no
//! `DebugInfo`. The HTTP status is that of an error. Lists are bounded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_chain::{GrpcCode, Member};
use tollgate_transcode::grpc::{Outcome, status};

use crate::lines::Lines;

const TEXT_BYTES_MAX: usize = 1024;
const ENTRIES_MAX: usize = 64;

/// Checks one answer: its status, its message, and its details as bytes.
pub(super) fn run(data: &[u8]) {
    let mut lines = Lines::of(data);
    let (Some(code), Some(message)) = (lines.next(), lines.next()) else { return };
    let details = STANDARD_NO_PAD.encode(lines.rest());
    let mut trailers = HeaderMap::new();
    for (name, value) in [
        ("grpc-status", code),
        ("grpc-message", message),
        ("grpc-status-details-bin", details.as_bytes()),
    ] {
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        trailers.insert(name, value);
    }

    let outcome = Outcome::read(&HeaderMap::new(), Some(&trailers), StatusCode::OK);
    assert!(outcome.details.len() <= ENTRIES_MAX);
    let Err(failure) = status(&HeaderMap::new(), Some(&trailers), StatusCode::OK) else {
        assert_eq!(outcome.code, GrpcCode::Ok);
        return;
    };

    assert_eq!(failure.code, outcome.code);
    assert!((400..=599).contains(&failure.status));
    let problem = &failure.problem;
    text(&problem.detail);
    if is_opaque(failure.code) {
        trailers.insert("grpc-message", HeaderValue::from_static("another"));
        let other = status(&HeaderMap::new(), Some(&trailers), StatusCode::OK).unwrap_err();
        assert_eq!(problem.detail, other.problem.detail, "an inner text is shown");
        assert!(problem.members.is_empty() && failure.violations.is_empty());
    }
    for violation in &failure.violations {
        text(&violation.field);
        text(&violation.description);
    }
    assert!(failure.violations.len() <= ENTRIES_MAX);

    for (name, member) in &problem.members {
        assert_ne!(&**name, "stackEntries");
        match member {
            Member::Text(member) => text(member),
            Member::Texts(texts) => assert!(texts.len() <= ENTRIES_MAX),
            Member::Number(_) => {}
        }
    }
}

fn text(text: &str) {
    assert!(!text.chars().any(char::is_control), "a control character is shown: {text:?}");
    assert!(text.len() <= 3 * TEXT_BYTES_MAX + 2, "{} bytes of one text", text.len());
}

fn is_opaque(code: GrpcCode) -> bool {
    matches!(
        code,
        GrpcCode::Unknown
            | GrpcCode::Internal
            | GrpcCode::DataLoss
            | GrpcCode::Unauthenticated
            | GrpcCode::Unlisted(_)
    )
}
