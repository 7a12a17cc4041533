//! Keys whose value is one of a few words.

use tollgate_chain::{Class, Environment};

use crate::types::{ClientAuth, DeploymentStage, ForwardedFields, HostField, UpstreamProtocol};

/// A type whose values are written as words.
pub(crate) trait Words: Copy + 'static {
    /// Every value with its word.
    fn words() -> Vec<(&'static str, Self)>;
}

/// The words of a type.
pub(crate) fn names<T: Words>() -> Vec<&'static str> {
    T::words().into_iter().map(|(name, _)| name).collect()
}

impl Words for Class {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("security", Self::Security), ("traffic", Self::Traffic), ("observe", Self::Observe)]
    }
}

impl Words for Environment {
    fn words() -> Vec<(&'static str, Self)> {
        [Self::Sandbox, Self::Live].map(|one| (one.as_str(), one)).into()
    }
}

impl Words for UpstreamProtocol {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("grpc", Self::Grpc), ("http", Self::Http)]
    }
}

impl Words for ForwardedFields {
    fn words() -> Vec<(&'static str, Self)> {
        vec![
            ("x-forwarded", Self::XForwarded),
            ("forwarded", Self::Forwarded),
            ("none", Self::None),
        ]
    }
}

impl Words for HostField {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("endpoint", Self::Endpoint), ("caller", Self::Caller)]
    }
}

impl Words for DeploymentStage {
    fn words() -> Vec<(&'static str, Self)> {
        [Self::Local, Self::Staging, Self::Production].map(|one| (one.as_str(), one)).into()
    }
}

impl Words for ClientAuth {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("required", Self::Required), ("optional", Self::Optional)]
    }
}

/// The stage of a rollout, without the share that `canary` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StageWord {
    Off,
    Shadow,
    Canary,
    Full,
}

impl Words for StageWord {
    fn words() -> Vec<(&'static str, Self)> {
        vec![
            ("off", Self::Off),
            ("shadow", Self::Shadow),
            ("canary", Self::Canary),
            ("full", Self::Full),
        ]
    }
}

/// The back end of the store of quotas.
#[derive(Debug, Clone, Copy)]
pub(crate) enum QuotaBackEnd {
    Memory,
}

impl Words for QuotaBackEnd {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("memory", Self::Memory)]
    }
}

/// The back end of the store of idempotency records.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IdempotencyBackEnd {
    Memory,
    File,
}

impl Words for IdempotencyBackEnd {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("memory", Self::Memory), ("file", Self::File)]
    }
}

/// The back end of the store of credentials.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CredentialBackEnd {
    None,
    File,
    Identity,
}

impl Words for CredentialBackEnd {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("none", Self::None), ("file", Self::File), ("identity", Self::Identity)]
    }
}
