//! The table of problem types.
//!
//! A new row needs its source: a variant of [`crate::Error`] mapped in `edge/respond`, a gRPC
//! status, a call of the operators' port, or a constant of the SDK. Regenerate
//! `policies/problems.md` after a change: `cargo run -p tollgate-chain --example problems`.

use super::GrpcCode as Code;
use super::ProblemSource::{Admin, Gateway, Policy, Service};
use super::ProblemType;

macro_rules! catalogue {
    ($($name:ident: $slug:literal, $title:literal, $status:literal, $grpc:ident,
        $sources:expr, $(type $type_uri:literal,)? $arises:literal, $remedy:literal;)*) => {
        impl ProblemType {
            $(#[doc = $arises]
            pub const $name: Self = Self {
                slug: $slug,
                type_uri: catalogue!(@uri $($type_uri)?),
                title: $title,
                status: $status,
                grpc: Code::$grpc,
                sources: &$sources,
                arises: $arises,
                remedy: $remedy,
            };)*
        }

        /// Every problem type: by the host, by services, by the operators' port, by policies.
        pub const CATALOGUE: &[ProblemType] = &[$(ProblemType::$name,)*];
    };
    (@uri) => { None };
    (@uri $type_uri:literal) => { Some($type_uri) };
}

catalogue! {
    // Refusals of the head and of the body.
    MALFORMED_REQUEST: "malformed-request", "Malformed request", 400, InvalidArgument,
        [Gateway, Policy("auth"), Policy("cors")],
        "The framing or a header field of the request is wrong, doubled or contradictory. The \
         detail names the field and what was expected.",
        "Correct the request. A retry without a change fails in the same way.";
    PATH_NOT_CANONICAL: "path-not-canonical", "Path not canonical", 400, InvalidArgument,
        [Gateway],
        "The path could be read in more than one way: dot segments, empty segments, or needless or \
         broken percent-encoding. Paths are refused, never repaired.",
        "Send the path in its canonical form.";
    HEAD_TOO_LARGE: "head-too-large", "Header fields too large", 431, ResourceExhausted,
        [Gateway],
        "The header fields are too many or too large.",
        "Send fewer or shorter header fields.";
    TARGET_TOO_LONG: "target-too-long", "Target too long", 414, InvalidArgument,
        [Gateway],
        "Path and query together are longer than the listener accepts.",
        "Shorten the query.";
    EXPECTATION_FAILED: "expectation-failed", "Expectation failed", 417, InvalidArgument,
        [Gateway],
        "The `Expect` field asks for something other than `100-continue`.",
        "Leave the `Expect` field out, or send `100-continue`.";
    METHOD_UNKNOWN: "method-unknown", "Method unknown", 501, Unimplemented,
        [Gateway],
        "The gateway knows no such HTTP method.",
        "Use a method that the documentation of the API names.";
    CODING_UNKNOWN: "coding-unknown", "Transfer coding unknown", 501, Unimplemented,
        [Gateway],
        "`Transfer-Encoding` names a coding other than `chunked`.",
        "Send the body with `Content-Length`, or with `Transfer-Encoding: chunked` alone.";
    ROUTE_NOT_FOUND: "route-not-found", "Route not found", 404, Unimplemented,
        [Gateway, Admin, Policy("cors")],
        "No route has this path on this host.",
        "Check host and path against the documentation of the API.";
    METHOD_NOT_ALLOWED: "method-not-allowed", "Method not allowed", 405, Unimplemented,
        [Gateway, Admin],
        "The path exists, but not with this method. `Allow` lists the methods it has.",
        "Use a method that `Allow` lists.";
    BODY_TOO_LARGE: "body-too-large", "Body too large", 413, ResourceExhausted,
        [Gateway],
        "The body is longer than the route accepts. The detail names the limit in bytes.",
        "Send a shorter body.";
    BODY_TIMEOUT: "body-timeout", "Body not received in time", 408, DeadlineExceeded,
        [Gateway],
        "The body stalled, or arrived too slowly.",
        "Retry, on a faster connection if possible.";
    BODY_INCOMPLETE: "body-incomplete", "Body incomplete", 400, InvalidArgument,
        [Gateway],
        "The connection ended within the body, or the framing of the body broke.",
        "Retry. If it happens again, check what the client or a proxy before it sends.";
    UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type", "Unsupported media type", 415, Unimplemented,
        [Gateway],
        "The route does not accept the media type of the body. `Accept-Post` names those it does.",
        "Send the body as `Accept-Post` says.";
    NOT_ACCEPTABLE: "not-acceptable", "Not acceptable", 406, InvalidArgument,
        [Gateway],
        "`Accept` excludes the only media type that the route produces.",
        "Accept `application/json`.";
    INVALID_ARGUMENT: "invalid-argument", "Invalid argument", 400, InvalidArgument,
        [Gateway],
        "Path, query or body do not fit the message of the method. `errors` lists the fields.",
        "Correct the fields that `errors` lists.";

    // The host's own reasons not to forward.
    ENVIRONMENT_MISMATCH: "environment-mismatch", "Environment mismatch", 403, PermissionDenied,
        [Gateway, Policy("auth"), Policy("routing")],
        "A sandbox key was used on a live host or the other way round, or the route has no target \
         in the environment of the key.",
        "Use the key of the environment that the host serves.";
    INTERNAL: "internal", "Internal error", 500, Internal,
        [Gateway, Policy("auth"), Policy("idempotency"), Policy("routing")],
        "The gateway is misconfigured or has a defect. Nothing is wrong with the request.",
        "Tell the operator the `request_id`.";
    PLUGIN_FAILURE: "plugin-failure", "Policy failure", 500, Internal,
        [Gateway],
        "A policy trapped, exceeded a limit, or decided something that its contract does not have. \
         If it failed before the request was forwarded, nothing was processed.",
        "Tell the operator the `request_id`.";
    OVERLOADED: "overloaded", "Overloaded", 503, Unavailable,
        [Gateway],
        "The gateway is at one of its limits. Nothing was processed.",
        "Retry after the time that `Retry-After` says.";
    DRAINING: "draining", "Shutting down", 503, Unavailable,
        [Gateway],
        "This replica of the gateway is shutting down. Nothing was processed.",
        "Retry on a new connection.";
    REFUSED: "refused", "Refused", 403, PermissionDenied,
        [Gateway],
        "A policy refused the request with a bare status, which RPC callers get in the form of \
         their protocol. The status is the one that the policy chose.",
        "Ask the operator which policy refused; the receipt of the `request_id` names it.";

    // The way to the service.
    UPSTREAM_UNAVAILABLE: "upstream-unavailable", "Service unavailable", 503, Unavailable,
        [Gateway, Policy("routing")],
        "The service behind the route could not be reached. Nothing was processed.",
        "Retry after the time that `Retry-After` says.";
    UPSTREAM_LOST: "upstream-unavailable", "Service unavailable", 502, Unavailable,
        [Gateway],
        "The connection to the service was lost after the request was sent. The service may have \
         processed it.",
        "Retry what may be repeated: with the same `Idempotency-Key`, or after a look at the \
         present state.";
    UPSTREAM_INVALID: "upstream-invalid", "Invalid answer of a service", 502, Unavailable,
        [Gateway],
        "The service answered with something that is no answer of its protocol.",
        "Tell the operator the `request_id`.";
    UPSTREAM_TIMEOUT: "upstream-timeout", "Service did not answer in time", 504, DeadlineExceeded,
        [Gateway],
        "The deadline of the request passed before the service answered. The service may have \
         processed it.",
        "Retry with the same `Idempotency-Key`, or after a look at the present state.";

    // Translated gRPC statuses of services.
    CALL_CANCELLED: "cancelled", "The call was cancelled", 499, Cancelled,
        [Service],
        "The service saw the call end before it had answered.",
        "Retry if the answer is still wanted.";
    SERVICE_ARGUMENT: "invalid-argument", "An argument is not valid", 400, InvalidArgument,
        [Service],
        "The service refused an argument whatever the present state is.",
        "Correct the fields that `errors` lists.";
    SERVICE_TIMEOUT: "upstream-timeout", "The service did not answer in time", 504,
        DeadlineExceeded,
        [Service],
        "The service itself gave up at its deadline. It may have processed the request.",
        "Retry with the same `Idempotency-Key`, or after a look at the present state.";
    NOT_FOUND: "not-found", "Not found", 404, NotFound,
        [Service],
        "What the request names does not exist, or not for this caller.",
        "Check the identifiers in path and body.";
    ALREADY_EXISTS: "already-exists", "It exists already", 409, AlreadyExists,
        [Service],
        "What was to be created exists already.",
        "Use what exists, or another name.";
    PERMISSION_DENIED: "permission-denied", "Not permitted", 403, PermissionDenied,
        [Service],
        "The service does not permit this caller to do this.",
        "Use a key that may, or have the right granted.";
    RESOURCE_EXHAUSTED: "resource-exhausted", "A limit of the service is reached", 429,
        ResourceExhausted,
        [Service],
        "A quota or a limit of the service is reached. `violated-policies` names it where the \
         service says which.",
        "Retry after the time that `Retry-After` says, or have the limit raised.";
    FAILED_PRECONDITION: "failed-precondition", "The state does not allow it", 400,
        FailedPrecondition,
        [Service],
        "The present state does not allow the operation; `reason` and `violations` say why where \
         the service tells.",
        "Change the state first. A retry without a change fails in the same way.";
    ABORTED: "aborted", "Aborted by a concurrent change; retry", 409, Aborted,
        [Service],
        "Another operation changed the same thing at the same time.",
        "Read the present state and retry.";
    OUT_OF_RANGE: "out-of-range", "An argument is out of range", 400, OutOfRange,
        [Service],
        "An argument lies past the end of what exists at present.",
        "Correct the argument.";
    UNIMPLEMENTED: "unimplemented", "Not implemented", 501, Unimplemented,
        [Service],
        "The service behind the route does not implement the method.",
        "Tell the operator the `request_id`: route and service do not fit.";
    SERVICE_UNAVAILABLE: "upstream-unavailable", "The service is unavailable", 503, Unavailable,
        [Service],
        "The service answered that it is unavailable at the moment.",
        "Retry with the same `Idempotency-Key`.";
    GATEWAY_REJECTED: "upstream-invalid", "The service refused the gateway", 502, Internal,
        [Service],
        "The service did not accept the gateway's own credentials. The caller's are not concerned.",
        "Tell the operator the `request_id`.";
    SERVICE_FAILED: "internal", "The service failed", 500, Internal,
        [Service],
        "The service failed without a reason for callers. RPC callers get the code as the service \
         gave it: UNKNOWN, INTERNAL or DATA_LOSS.",
        "Tell the operator the `request_id`.";

    // The operators' port. Its titles are in lower case.
    ADMIN_MALFORMED: "malformed-request", "malformed request", 400, InvalidArgument,
        [Admin],
        "A parameter of the call is not known or not valid.",
        "Correct the query as the detail says.";
    ADMIN_UNAUTHENTICATED: "unauthenticated", "unauthenticated", 401, Unauthenticated,
        [Admin],
        "The call has no valid admin token.",
        "Send the gateway's admin token as `Authorization: Bearer <token>`.";
    RECEIPT_NOT_FOUND: "receipt-not-found", "receipt not found", 404, Unimplemented,
        [Admin],
        "No receipt of this request is kept: it was not sampled, or made room for newer ones.",
        "Sample more often (`sample_every`), or look it up sooner.";
    ROLLOUT_NOT_FOUND: "rollout-not-found", "rollout not found", 404, Unimplemented,
        [Admin],
        "No candidate of a policy of this name is being rolled out.",
        "Declare the rollout in `[rollouts.*]`, or correct the name.";

    // Policies that come with the gateway.
    HOST_NOT_SERVED: "host-not-served", "Host not served", 421, InvalidArgument,
        [Policy("allowed-hosts")],
        "The requested host is not served on this connection.",
        "Check the host name; connect with the same name in TLS and in `Host`.";
    UNAUTHENTICATED: "unauthenticated", "Authentication required", 401, Unauthenticated,
        [Policy("auth")],
        "The request presents no key, or one that is malformed, unknown, revoked or expired, which \
         are never told apart.",
        "Send a valid key as `Authorization: Bearer <key>`.";
    ABNORMAL_USAGE: "abnormal-usage-detected", "Abnormal usage detected", 429, ResourceExhausted,
        [Policy("auth")],
        type "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
        "Too many failed attempts to authenticate came from this address.",
        "Check the key, and wait as long as `Retry-After` says.";
    IDENTITY_UNAVAILABLE: "identity-unavailable", "Identity unavailable", 503, Unavailable,
        [Policy("auth")],
        "The key cannot be checked at the moment. Nothing is known to be wrong with it.",
        "Retry after the time that `Retry-After` says. Keep the key.";
    INSUFFICIENT_SCOPE: "insufficient-scope", "Insufficient scope", 403, PermissionDenied,
        [Policy("auth")],
        "The route needs a scope that the key does not have; `scope` names it.",
        "Use a key that has the scope.";
    LIVE_ACCESS_REQUIRED: "live-access-required", "Live access required", 403, PermissionDenied,
        [Policy("auth")],
        "The account has no live access, or not for this kind of operation.",
        "Have live access granted to the account, or use the sandbox.";
    CORS_ORIGIN_DENIED: "cors-origin-denied", "Origin not allowed", 403, PermissionDenied,
        [Policy("cors")],
        "Pages of this origin may not call this API from a browser.",
        "Call it from a server, or have the origin allowed.";
    QUOTA_EXCEEDED: "quota-exceeded", "Quota exceeded", 429, ResourceExhausted,
        [Policy("rate-limit")],
        type "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "A quota for this request is used up. `violated-policies` names it, and `RateLimit-Policy` \
         lists the quotas.",
        "Retry after the time that `Retry-After` says.";
    IDEMPOTENCY_KEY_MISSING: "idempotency-key-missing", "Idempotency key missing", 400,
        InvalidArgument,
        [Policy("idempotency")],
        "The route needs the header `Idempotency-Key`.",
        "Send a value of your own, new for each operation and the same for its retries.";
    IDEMPOTENCY_KEY_INVALID: "idempotency-key-invalid", "Idempotency key invalid", 400,
        InvalidArgument,
        [Policy("idempotency")],
        "`Idempotency-Key` is doubled, too long, or has characters that it must not have.",
        "Send one quoted string of 1 to 255 visible ASCII characters and spaces.";
    IDEMPOTENCY_IN_PROGRESS: "idempotency-in-progress", "Operation in progress", 409, Aborted,
        [Policy("idempotency")],
        "Another request with this key is being processed.",
        "Retry with the same key to get its result.";
    IDEMPOTENCY_KEY_REUSED: "idempotency-key-reused", "Idempotency key reused", 422,
        FailedPrecondition,
        [Policy("idempotency"), Service],
        "The key was used with a different request.",
        "Send a retry byte for byte as before, or a new operation with a new key.";
    IDEMPOTENCY_UNAVAILABLE: "idempotency-unavailable", "Idempotency unavailable", 503, Unavailable,
        [Policy("idempotency")],
        "The key cannot be checked at the moment, so nothing was processed.",
        "Retry with the same key after the time that `Retry-After` says.";
}
