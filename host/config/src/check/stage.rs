//! The stage of a deployment, and what may travel in clear there.

use http::Uri;
use tollgate_chain::Environment;

use super::Checker;
use crate::keys::gateway::{DEPLOYMENT, deployment};
use crate::keys::routes::{UPSTREAMS, upstream};
use crate::keys::stores::{STORES, credentials};
use crate::location::Located;
use crate::types::{CredentialStoreConfig, DeploymentStage, StoresConfig, UpstreamConfig};

pub(super) fn stage(checker: &Checker<'_>) -> Located<DeploymentStage> {
    let reader = checker.reader_or_empty(&DEPLOYMENT);
    let stage = reader.word(&deployment::STAGE).unwrap_or(DeploymentStage::Production);
    let mut location = reader.location(&deployment::STAGE);
    if location.line() == 0 {
        // Where nothing is written, the folder as a whole is meant.
        location.file = checker.items.folders.last().cloned().unwrap_or_default().into();
        location.key = "deployment.stage".to_owned();
    }
    Located::new(stage, location)
}

/// Refuses to send in clear what is told of live tenants, outside of the stage `local`.
pub(super) fn check_clear_text(
    checker: &Checker<'_>,
    stage: DeploymentStage,
    upstreams: &[Option<UpstreamConfig>],
    stores: Option<&StoresConfig>,
) {
    if stage == DeploymentStage::Local {
        return;
    }
    let expected = |what: &str| {
        let stage = stage.as_str();
        format!(
            "expected https in the stage {stage} (`deployment.stage`), since {what} would travel in clear"
        )
    };

    for (reader, upstream) in checker.readers(&UPSTREAMS).zip(upstreams) {
        let Some(upstream) = upstream else { continue };
        if takes_live(upstream) && upstream.endpoints.iter().any(is_clear) {
            let message = expected("requests of live tenants");
            reader.problem_at(&upstream::ENDPOINTS, &message);
        }
    }

    let credentials = stores.map(|stores| &stores.credentials);
    if let Some(CredentialStoreConfig::Identity { endpoint, .. }) = credentials
        && is_clear(endpoint)
        && let Some(reader) = checker.reader(&STORES, "credentials")
    {
        let message = expected("digests of live keys");
        reader.problem_at(&credentials::ENDPOINT, &message);
    }
}

/// Returns true if principals of live tenants reach the upstream.
fn takes_live(upstream: &UpstreamConfig) -> bool {
    match upstream.environment {
        Some(environment) => environment == Environment::Live,
        None => upstream.audience.is_some(),
    }
}

fn is_clear(endpoint: &Uri) -> bool {
    endpoint.scheme_str() == Some("http")
}
