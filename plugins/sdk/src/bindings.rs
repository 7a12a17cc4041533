//! The contract in Rust, generated from `wit/`. Policies use what `lib.rs` exports of it.

/// The world `policy`.
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::restriction,
    clippy::pedantic,
    reason = "generated; the contract's own text documents it"
)]
pub mod policy {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "policy",
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_policy",
        default_bindings_module: "tollgate_sdk::bindings::policy",
        generate_all,
    });
}

/// Bindings of the response hook, which the world `policy-with-response` adds.
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::restriction,
    clippy::pedantic,
    reason = "generated; the contract's own text documents it"
)]
pub mod policy_with_response {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "policy-with-response",
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_policy_with_response",
        default_bindings_module: "tollgate_sdk::bindings::policy_with_response",
        with: {
            "tollgate:policy/request@0.1.0": crate::bindings::policy::tollgate::policy::request,
            "tollgate:policy/route@0.1.0": crate::bindings::policy::tollgate::policy::route,
            "tollgate:policy/credentials@0.1.0":
                crate::bindings::policy::tollgate::policy::credentials,
            "tollgate:policy/principal@0.1.0": crate::bindings::policy::tollgate::policy::principal,
            "tollgate:policy/quota@0.1.0": crate::bindings::policy::tollgate::policy::quota,
            "tollgate:policy/upstreams@0.1.0": crate::bindings::policy::tollgate::policy::upstreams,
            "tollgate:policy/idempotency@0.1.0":
                crate::bindings::policy::tollgate::policy::idempotency,
            "tollgate:policy/reply-headers@0.1.0":
                crate::bindings::policy::tollgate::policy::reply_headers,
            "tollgate:policy/notes@0.1.0": crate::bindings::policy::tollgate::policy::notes,
            "tollgate:policy/log@0.1.0": crate::bindings::policy::tollgate::policy::log,
            "tollgate:policy/verdicts@0.1.0": crate::bindings::policy::tollgate::policy::verdicts,
            "tollgate:policy/response@0.1.0": generate,
        },
    });
}
