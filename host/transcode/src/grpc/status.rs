//! From the status of a call to what the caller is told (google/rpc/code.proto, and the table
//! for answers that had no `grpc-status`).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use tollgate_chain::{GrpcCode, GrpcFailure, ProblemType};

use super::details::Details;

/// Longest text that is passed on, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Said in place of a text that may hold what callers must not see.
const OPAQUE: &str = "the service behind this route failed; the request id names this occurrence";

/// Reads the outcome of a call from its trailers, or its headers when there was no more.
///
/// # Errors
/// The status that is not OK, in words for the caller. Texts of UNKNOWN, INTERNAL, DATA_LOSS and
/// UNAUTHENTICATED are kept for the operator.
pub fn status(
    headers: &HeaderMap,
    trailers: Option<&HeaderMap>,
    http: StatusCode,
) -> Result<(), Box<GrpcFailure>> {
    let source = match trailers.filter(|map| map.contains_key("grpc-status")) {
        Some(trailers) => trailers,
        None => headers,
    };
    let Some(value) = source.get("grpc-status") else {
        let internal = format!("HTTP {http} without a grpc-status");
        return Err(Box::new(failure(without_status(http), String::new(), internal)));
    };
    let number = value.to_str().ok().and_then(|text| text.trim().parse::<u32>().ok());
    let code = number.map_or(GrpcCode::Unknown, GrpcCode::from);
    if code == GrpcCode::Ok {
        return Ok(());
    }

    let message = source
        .get("grpc-message")
        .map(|value| clean(&percent_decode(value.as_bytes()).decode_utf8_lossy()))
        .unwrap_or_default();
    let internal = format!("grpc-status {code}: {message}");
    let mut failure = failure(code, message, internal);
    let bytes = source.get("grpc-status-details-bin").and_then(|value| unpack(value.as_bytes()));
    if let (Some(bytes), false) = (bytes, is_opaque(code)) {
        // Details that cannot be read are dropped: they never turn a refusal into a fault.
        if let Ok(details) = Details::read(&bytes) {
            details.apply(&mut failure);
        }
    }
    Err(Box::new(failure))
}

fn failure(code: GrpcCode, message: String, internal: String) -> GrpcFailure {
    let problem_type = ProblemType::of_service(code);
    let detail = if is_opaque(code) {
        OPAQUE.to_owned()
    } else if message.is_empty() {
        problem_type.title.to_owned()
    } else {
        message
    };

    GrpcFailure {
        code,
        status: problem_type.status,
        problem: problem_type.problem(detail),
        violations: Vec::new(),
        retry_after: None,
        internal: Some(internal),
    }
}

/// Tells the codes whose texts come from inside: UNKNOWN, INTERNAL, DATA_LOSS, and
/// UNAUTHENTICATED, which is about the gateway, not about the caller.
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

/// The status of an answer that had none, by its HTTP status.
pub(super) fn without_status(http: StatusCode) -> GrpcCode {
    match http.as_u16() {
        400 => GrpcCode::Internal,
        401 => GrpcCode::Unauthenticated,
        403 => GrpcCode::PermissionDenied,
        404 => GrpcCode::Unimplemented,
        429 | 502 | 503 | 504 => GrpcCode::Unavailable,
        _ => GrpcCode::Unknown,
    }
}

/// Without control characters, and cut to its limit.
pub(super) fn clean(text: &str) -> String {
    let mut clean: String = text.chars().filter(|char| !char.is_control()).collect();
    if clean.len() > TEXT_BYTES_MAX {
        clean.truncate(clean.floor_char_boundary(TEXT_BYTES_MAX));
    }
    clean
}

/// Base64, padded or not.
pub(super) fn unpack(value: &[u8]) -> Option<Vec<u8>> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(value).ok()
}
