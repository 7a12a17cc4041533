//! The table of problem types.
//!
//! A new row needs its source: a variant of [`crate::Error`] mapped in `edge/respond`, a gRPC
//! status, a call of the operators' port, or a constant of the SDK. A slug has one
//! title, whatever the status and the source. After a change `cargo xtask references` writes
//! `policies/problems.md`.

use super::GrpcCode as Code;
use super::ProblemSource::{Admin, Gateway, Policy, Service};
use super::ProblemType;

catalogue! {
    // Refusals of the head and of the body.
    MALFORMED_REQUEST {
        slug: "malformed-request", title: "Malformed request",
        status: 400, grpc: InvalidArgument,
        sources: [Gateway, Policy("auth"), Policy("cors")],
        arises: "The framing or a header field of the request is wrong, doubled or contradictory. \
            The detail names the field and what was expected.",
        remedy: "Correct the request. A retry without a change fails in the same way.",
    }
    PATH_NOT_CANONICAL {
        slug: "path-not-canonical", title: "Path not canonical",
        status: 400, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "The path could be read in more than one way: dot segments, empty segments, \
            parameters after `;`, or needless or broken percent-encoding. Letters, digits and \
            `-._~` are never encoded. Paths are refused, never repaired.",
        remedy: "Send the path in its canonical form.",
    }
    LOOP_DETECTED {
        slug: "loop-detected", title: "Loop detected",
        status: 508, grpc: Internal,
        sources: [Gateway],
        arises: "`Via` says that the request came through this gateway before, or through more than \
            15 others of its kind: an upstream leads back here.",
        remedy: "Tell the operator the `request_id`.",
    }
    HEAD_TOO_LARGE {
        slug: "head-too-large", title: "Header fields too large",
        status: 431, grpc: ResourceExhausted,
        sources: [Gateway],
        arises: "The header fields are too many or too large.",
        remedy: "Send fewer or shorter header fields.",
    }
    TARGET_TOO_LONG {
        slug: "target-too-long", title: "Target too long",
        status: 414, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "Path and query together are longer than the listener accepts.",
        remedy: "Shorten the query.",
    }
    EXPECTATION_FAILED {
        slug: "expectation-failed", title: "Expectation failed",
        status: 417, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "The `Expect` field asks for something other than `100-continue`, or a caller over \
            HTTP/2 withholds the body until a `100 Continue` comes.",
        remedy: "Repeat the request without the `Expect` field.",
    }
    METHOD_UNKNOWN {
        slug: "method-unknown", title: "Method unknown",
        status: 501, grpc: Unimplemented,
        sources: [Gateway],
        arises: "The gateway knows no such HTTP method.",
        remedy: "Use a method that the documentation of the API names.",
    }
    MISDIRECTED {
        slug: "misdirected-request", title: "Misdirected request",
        status: 421, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "The target has the scheme `https`, and the connection is not TLS. The operators' port answers so to a \
                 host that is not its own.",
        remedy: "Send the request to the TLS port, or with a target of scheme `http`; to the operators' port, with a \
                 loopback name, its address or a name of `admin.hosts`.",
    }
    VERSION_TOO_LOW {
        slug: "http-version-not-supported", title: "HTTP version not supported",
        status: 505, grpc: Unimplemented,
        sources: [Gateway],
        arises: "A gRPC call came over HTTP/1, which cannot carry its status.",
        remedy: "Call over HTTP/2, or with gRPC-Web.",
    }
    PROTOCOL_UNSUPPORTED {
        slug: "protocol-not-supported", title: "Protocol not supported",
        status: 501, grpc: Unimplemented,
        sources: [Gateway],
        arises: "The request asks for a WebSocket on a route that opens none, or by an extended \
            CONNECT for another protocol.",
        remedy: "Use a route whose documentation names WebSocket, or a request without the switch \
            of protocols.",
    }
    WEBSOCKET_VERSION {
        slug: "websocket-version-not-supported", title: "WebSocket version not supported",
        status: 426, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "`Sec-WebSocket-Version` names a version other than 13.",
        remedy: "Open the WebSocket with `Sec-WebSocket-Version: 13`.",
    }
    CODING_UNKNOWN {
        slug: "coding-unknown", title: "Transfer coding unknown",
        status: 501, grpc: Unimplemented,
        sources: [Gateway],
        arises: "`Transfer-Encoding` names a coding other than `chunked`.",
        remedy: "Send the body with `Content-Length`, or with `Transfer-Encoding: chunked` alone.",
    }
    ROUTE_NOT_FOUND {
        slug: "route-not-found", title: "Route not found",
        status: 404, grpc: Unimplemented,
        sources: [Gateway, Admin, Policy("cors")],
        arises: "No route has this path on this host.",
        remedy: "Check host and path against the documentation of the API.",
    }
    METHOD_NOT_ALLOWED {
        slug: "method-not-allowed", title: "Method not allowed",
        status: 405, grpc: Unimplemented,
        sources: [Gateway, Admin],
        arises: "The path exists, but not with this method. `Allow` lists the methods it has.",
        remedy: "Use a method that `Allow` lists.",
    }
    BODY_TOO_LARGE {
        slug: "body-too-large", title: "Body too large",
        status: 413, grpc: ResourceExhausted,
        sources: [Gateway],
        arises: "The body is longer than the route accepts. The detail names the limit in bytes.",
        remedy: "Send a shorter body.",
    }
    BODY_TIMEOUT {
        slug: "body-timeout", title: "Body not received in time",
        status: 408, grpc: DeadlineExceeded,
        sources: [Gateway],
        arises: "The body stalled, or arrived too slowly.",
        remedy: "Retry, on a faster connection if possible.",
    }
    BODY_INCOMPLETE {
        slug: "body-incomplete", title: "Body incomplete",
        status: 400, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "The connection ended within the body, or the framing of the body broke.",
        remedy: "Retry. If it happens again, check what the client or a proxy before it sends.",
    }
    UNSUPPORTED_MEDIA_TYPE {
        slug: "unsupported-media-type", title: "Unsupported media type",
        status: 415, grpc: Unimplemented,
        sources: [Gateway],
        arises: "The route does not accept the media type of the body. `Accept-Post` names those \
            it does.",
        remedy: "Send the body as `Accept-Post` says.",
    }
    UNSUPPORTED_CONTENT_CODING {
        slug: "unsupported-content-coding", title: "Unsupported content coding",
        status: 415, grpc: Unimplemented,
        sources: [Gateway],
        arises: "`Content-Encoding` names a coding, and the route translates bodies, which it takes \
            uncoded. `Accept-Encoding` of the answer says so.",
        remedy: "Send the body without a content coding.",
    }
    NOT_ACCEPTABLE {
        slug: "not-acceptable", title: "Not acceptable",
        status: 406, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "`Accept` excludes the only media type that the route produces.",
        remedy: "Accept `application/json`.",
    }
    INVALID_ARGUMENT {
        slug: "invalid-argument", title: "Invalid argument",
        status: 400, grpc: InvalidArgument,
        sources: [Gateway],
        arises: "Path, query or body do not fit the message of the method. `errors` lists the \
            fields.",
        remedy: "Correct the fields that `errors` lists.",
    }

    // The host's own reasons not to forward.
    ENVIRONMENT_MISMATCH {
        slug: "environment-mismatch", title: "Environment mismatch",
        status: 403, grpc: PermissionDenied,
        sources: [Gateway, Policy("auth"), Policy("routing")],
        arises: "A sandbox key was used on a live host or the other way round, or the route has \
            no target in the environment of the key.",
        remedy: "Use the key of the environment that the host serves.",
    }
    INTERNAL {
        slug: "internal", title: "Internal error",
        status: 500, grpc: Internal,
        sources: [Gateway, Policy("auth"), Policy("idempotency"), Policy("routing")],
        arises: "The gateway is misconfigured or has a defect. Nothing is wrong with the request.",
        remedy: "Tell the operator the `request_id`.",
    }
    PLUGIN_FAILURE {
        slug: "plugin-failure", title: "Policy failure",
        status: 500, grpc: Internal,
        sources: [Gateway],
        arises: "A policy trapped, exceeded a limit, or decided something that its contract does \
            not have. If it failed before the request was forwarded, nothing was processed.",
        remedy: "Tell the operator the `request_id`.",
    }
    OVERLOADED {
        slug: "overloaded", title: "Overloaded",
        status: 503, grpc: Unavailable,
        sources: [Gateway],
        arises: "The gateway is at one of its limits. Nothing was processed.",
        remedy: "Retry after the time that `Retry-After` says.",
    }
    DRAINING {
        slug: "draining", title: "Shutting down",
        status: 503, grpc: Unavailable,
        sources: [Gateway],
        arises: "This replica of the gateway is shutting down. Nothing was processed.",
        remedy: "Retry on a new connection.",
    }
    REFUSED {
        slug: "refused", title: "Refused",
        status: 403, grpc: PermissionDenied,
        sources: [Gateway],
        arises: "A policy refused the request with a bare status, which RPC callers get in the \
            form of their protocol. The status is the one that the policy chose.",
        remedy: "Ask the operator which policy refused; the receipt of the `request_id` names it.",
    }

    // The way to the service.
    UPSTREAM_UNAVAILABLE {
        slug: "upstream-unavailable", title: "Service unavailable",
        status: 503, grpc: Unavailable,
        sources: [Gateway, Policy("routing")],
        arises: "The service behind the route could not be reached. Nothing was processed.",
        remedy: "Retry after the time that `Retry-After` says.",
    }
    UPSTREAM_LOST {
        slug: "upstream-unavailable", title: "Service unavailable",
        status: 502, grpc: Unavailable,
        sources: [Gateway],
        arises: "The connection to the service was lost after the request was sent. The service \
            may have processed it.",
        remedy: "Retry what may be repeated: with the same `Idempotency-Key`, or after a look at \
            the present state.",
    }
    UPSTREAM_INVALID {
        slug: "upstream-invalid", title: "Invalid answer of a service",
        status: 502, grpc: Unavailable,
        sources: [Gateway],
        arises: "The service answered with something that is no answer of its protocol.",
        remedy: "Tell the operator the `request_id`.",
    }
    UPSTREAM_TIMEOUT {
        slug: "upstream-timeout", title: "Service did not answer in time",
        status: 504, grpc: DeadlineExceeded,
        sources: [Gateway],
        arises: "The deadline of the request passed before the service answered. The service may \
            have processed it.",
        remedy: "Retry with the same `Idempotency-Key`, or after a look at the present state.",
    }

    // Translated gRPC statuses of services.
    CALL_CANCELLED {
        slug: "cancelled", title: "The call was cancelled",
        status: 499, grpc: Cancelled,
        sources: [Service],
        arises: "The service saw the call end before it had answered.",
        remedy: "Retry if the answer is still wanted.",
    }
    SERVICE_ARGUMENT {
        slug: "invalid-argument", title: "Invalid argument",
        status: 400, grpc: InvalidArgument,
        sources: [Service],
        arises: "The service refused an argument whatever the present state is.",
        remedy: "Correct the fields that `errors` lists.",
    }
    SERVICE_TIMEOUT {
        slug: "upstream-timeout", title: "Service did not answer in time",
        status: 504, grpc: DeadlineExceeded,
        sources: [Service],
        arises: "The service itself gave up at its deadline. It may have processed the request.",
        remedy: "Retry with the same `Idempotency-Key`, or after a look at the present state.",
    }
    NOT_FOUND {
        slug: "not-found", title: "Not found",
        status: 404, grpc: NotFound,
        sources: [Service],
        arises: "What the request names does not exist, or not for this caller.",
        remedy: "Check the identifiers in path and body.",
    }
    ALREADY_EXISTS {
        slug: "already-exists", title: "It exists already",
        status: 409, grpc: AlreadyExists,
        sources: [Service],
        arises: "What was to be created exists already.",
        remedy: "Use what exists, or another name.",
    }
    PERMISSION_DENIED {
        slug: "permission-denied", title: "Not permitted",
        status: 403, grpc: PermissionDenied,
        sources: [Service],
        arises: "The service does not permit this caller to do this.",
        remedy: "Use a key that may, or have the right granted.",
    }
    RESOURCE_EXHAUSTED {
        slug: "resource-exhausted", title: "A limit of the service is reached",
        status: 429, grpc: ResourceExhausted,
        sources: [Service],
        arises: "A quota or a limit of the service is reached. `violated-policies` names it where \
            the service says which.",
        remedy: "Retry after the time that `Retry-After` says, or have the limit raised.",
    }
    FAILED_PRECONDITION {
        slug: "failed-precondition", title: "The state does not allow it",
        status: 400, grpc: FailedPrecondition,
        sources: [Service],
        arises: "The present state does not allow the operation; `reason` and `violations` say \
            why where the service tells.",
        remedy: "Change the state first. A retry without a change fails in the same way.",
    }
    ABORTED {
        slug: "aborted", title: "Aborted by a concurrent change; retry",
        status: 409, grpc: Aborted,
        sources: [Service],
        arises: "Another operation changed the same thing at the same time.",
        remedy: "Read the present state and retry.",
    }
    OUT_OF_RANGE {
        slug: "out-of-range", title: "An argument is out of range",
        status: 400, grpc: OutOfRange,
        sources: [Service],
        arises: "An argument lies past the end of what exists at present.",
        remedy: "Correct the argument.",
    }
    UNIMPLEMENTED {
        slug: "unimplemented", title: "Not implemented",
        status: 501, grpc: Unimplemented,
        sources: [Service],
        arises: "The service behind the route does not implement the method.",
        remedy: "Tell the operator the `request_id`: route and service do not fit.",
    }
    SERVICE_UNAVAILABLE {
        slug: "upstream-unavailable", title: "Service unavailable",
        status: 503, grpc: Unavailable,
        sources: [Service],
        arises: "The service answered that it is unavailable at the moment.",
        remedy: "Retry with the same `Idempotency-Key`.",
    }
    GATEWAY_REJECTED {
        slug: "upstream-invalid", title: "Invalid answer of a service",
        status: 502, grpc: Internal,
        sources: [Service],
        arises: "The service did not accept the gateway's own credentials. The caller's are not \
            concerned.",
        remedy: "Tell the operator the `request_id`.",
    }
    SERVICE_FAILED {
        slug: "internal", title: "Internal error",
        status: 500, grpc: Internal,
        sources: [Service],
        arises: "The service failed without a reason for callers. RPC callers get the code as the \
            service gave it: UNKNOWN, INTERNAL or DATA_LOSS.",
        remedy: "Tell the operator the `request_id`.",
    }

    // The operators' port.
    ADMIN_MALFORMED {
        slug: "malformed-request", title: "Malformed request",
        status: 400, grpc: InvalidArgument,
        sources: [Admin],
        arises: "A parameter of the call is not known or not valid.",
        remedy: "Correct the query as the detail says.",
    }
    ADMIN_UNAUTHENTICATED {
        slug: "unauthenticated", title: "Authentication required",
        status: 401, grpc: Unauthenticated,
        sources: [Admin],
        arises: "The call has no valid admin token.",
        remedy: "Send the gateway's admin token as `Authorization: Bearer <token>`.",
    }
    RECEIPT_NOT_FOUND {
        slug: "receipt-not-found", title: "Receipt not found",
        status: 404, grpc: Unimplemented,
        sources: [Admin],
        arises: "No receipt of this request is kept: it was not sampled, or made room for newer \
            ones.",
        remedy: "Sample more often (`sample_every`), or look it up sooner.",
    }
    ROLLOUT_NOT_FOUND {
        slug: "rollout-not-found", title: "Rollout not found",
        status: 404, grpc: Unimplemented,
        sources: [Admin],
        arises: "No candidate of a policy of this name is being rolled out.",
        remedy: "Declare the rollout in `[rollouts.*]`, or correct the name.",
    }

    // Policies that come with the gateway.
    HOST_NOT_SERVED {
        slug: "host-not-served", title: "Host not served",
        status: 421, grpc: InvalidArgument,
        sources: [Policy("allowed-hosts")],
        arises: "The requested host is not served on this connection.",
        remedy: "Check the host name; connect with the same name in TLS and in `Host`.",
    }
    UNAUTHENTICATED {
        slug: "unauthenticated", title: "Authentication required",
        status: 401, grpc: Unauthenticated,
        sources: [Policy("auth")],
        arises: "The request presents no key, or one that is malformed, unknown, revoked or \
            expired, which are never told apart.",
        remedy: "Send a valid key as `Authorization: Bearer <key>`.",
    }
    ABNORMAL_USAGE {
        slug: "abnormal-usage-detected", title: "Abnormal usage detected",
        status: 429, grpc: ResourceExhausted,
        sources: [Policy("auth")],
        type_uri: "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
        arises: "Too many failed attempts to authenticate came from this address.",
        remedy: "Check the key, and wait as long as `Retry-After` says.",
    }
    IDENTITY_UNAVAILABLE {
        slug: "identity-unavailable", title: "Identity unavailable",
        status: 503, grpc: Unavailable,
        sources: [Policy("auth")],
        arises: "The key cannot be checked at the moment. Nothing is known to be wrong with it.",
        remedy: "Retry after the time that `Retry-After` says. Keep the key.",
    }
    INSUFFICIENT_SCOPE {
        slug: "insufficient-scope", title: "Insufficient scope",
        status: 403, grpc: PermissionDenied,
        sources: [Policy("auth")],
        arises: "The route needs a scope that the key does not have; `scope` names it.",
        remedy: "Use a key that has the scope.",
    }
    LIVE_ACCESS_REQUIRED {
        slug: "live-access-required", title: "Live access required",
        status: 403, grpc: PermissionDenied,
        sources: [Policy("auth")],
        arises: "The account has no live access, or not for this kind of operation.",
        remedy: "Have live access granted to the account, or use the sandbox.",
    }
    CORS_ORIGIN_DENIED {
        slug: "cors-origin-denied", title: "Origin not allowed",
        status: 403, grpc: PermissionDenied,
        sources: [Policy("cors")],
        arises: "Pages of this origin may not call this API from a browser.",
        remedy: "Call it from a server, or have the origin allowed.",
    }
    QUOTA_EXCEEDED {
        slug: "quota-exceeded", title: "Quota exceeded",
        status: 429, grpc: ResourceExhausted,
        sources: [Policy("rate-limit")],
        type_uri: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        arises: "A quota for this request is used up. `violated-policies` names it, and \
            `RateLimit-Policy` lists the quotas.",
        remedy: "Retry after the time that `Retry-After` says.",
    }
    IDEMPOTENCY_KEY_MISSING {
        slug: "idempotency-key-missing", title: "Idempotency key missing",
        status: 400, grpc: InvalidArgument,
        sources: [Policy("idempotency")],
        arises: "The route needs the header `Idempotency-Key`.",
        remedy: "Send a value of your own, new for each operation and the same for its retries.",
    }
    IDEMPOTENCY_KEY_INVALID {
        slug: "idempotency-key-invalid", title: "Idempotency key invalid",
        status: 400, grpc: InvalidArgument,
        sources: [Policy("idempotency")],
        arises: "`Idempotency-Key` is doubled, too long, or has characters that it must not have.",
        remedy: "Send one quoted string of 1 to 255 visible ASCII characters and spaces.",
    }
    IDEMPOTENCY_IN_PROGRESS {
        slug: "idempotency-in-progress", title: "Operation in progress",
        status: 409, grpc: Aborted,
        sources: [Policy("idempotency")],
        arises: "Another request with this key is being processed.",
        remedy: "Retry with the same key to get its result.",
    }
    IDEMPOTENCY_KEY_REUSED {
        slug: "idempotency-key-reused", title: "Idempotency key reused",
        status: 422, grpc: FailedPrecondition,
        sources: [Policy("idempotency"), Service],
        arises: "The key was used with a different request.",
        remedy: "Send a retry byte for byte as before, or a new operation with a new key.",
    }
    IDEMPOTENCY_UNAVAILABLE {
        slug: "idempotency-unavailable", title: "Idempotency unavailable",
        status: 503, grpc: Unavailable,
        sources: [Policy("idempotency")],
        arises: "The key cannot be checked at the moment, so nothing was processed.",
        remedy: "Retry with the same key after the time that `Retry-After` says.",
    }
}
