//! The contract as Rust, generated from `wit/`. Nothing outside of this crate sees it.

#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::use_self,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "generated code; `expect` would break whenever the contract changes its shape"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "policy-with-response",
    imports: {
        "tollgate:policy/credentials.resolve": async | trappable,
        "tollgate:policy/quota.take-all": async | trappable,
        "tollgate:policy/idempotency.claim": async | trappable,
        default: trappable,
    },
});
