//! Upstreams, with their connections carried over, and the key that signs principals.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tollgate_capability::SystemClock;
use tollgate_capability::principal::PrincipalSigner;
use tollgate_config::{
    ClientIdentityFiles, Config, ConfigProblem, Located, UpstreamConfig, UpstreamProtocol,
    with_causes,
};
use tollgate_proxy::{Targets, UpstreamTarget};
use tollgate_upstream::{self as upstream, ClientPem, TlsSettings, Upstream, UpstreamSettings};

pub(super) fn targets(
    config: &Config,
    current: Option<&Arc<Targets>>,
    problems: &mut Vec<ConfigProblem>,
) -> Option<Arc<Targets>> {
    let mut targets = Targets::default();
    for own in config.upstreams() {
        match target(own, current) {
            Ok(target) => targets.insert(target),
            Err(problem) => problems.push(problem),
        }
    }
    Some(Arc::new(targets))
}

fn target(
    own: &UpstreamConfig,
    current: Option<&Arc<Targets>>,
) -> Result<UpstreamTarget, ConfigProblem> {
    let settings = settings(own)?;
    let kept = current
        .and_then(|targets| targets.get(&own.name))
        .filter(|target| *target.upstream.settings() == settings)
        .map(|target| Arc::clone(&target.upstream));

    let upstream = match kept {
        Some(upstream) => upstream,
        None => {
            let made = Upstream::new(settings);
            Arc::new(made.map_err(|error| upstream_problem(own, &error))?)
        }
    };

    Ok(UpstreamTarget {
        name: own.name.as_str().into(),
        upstream,
        environment: own.environment,
        audience: own.audience.as_deref().map(Arc::from),
        rpc_protocols: own.rpc_protocols,
        fields: own.fields,
    })
}

/// Puts a failure at the key of the file that is at fault, or at the upstream as a whole.
fn upstream_problem(own: &UpstreamConfig, error: &upstream::Error) -> ConfigProblem {
    let message = with_causes(error);
    match (&own.tls.ca_bundle, &own.tls.client) {
        (Some(path), _) if error.is_of_bundle() => path.problem(&message),
        (_, Some(client)) if error.is_of_client() => client.certificate.problem(&message),
        _ => own.problem(&message),
    }
}

fn client_pem(files: &ClientIdentityFiles) -> Result<ClientPem, ConfigProblem> {
    let read = |path: &Located<PathBuf>| {
        fs::read(path).map_err(|error| path.unreadable("a PEM file", &error))
    };
    Ok(ClientPem { chain: read(&files.certificate)?, key: read(&files.key)?.into() })
}

fn settings(own: &UpstreamConfig) -> Result<UpstreamSettings, ConfigProblem> {
    let secure = own.endpoints.iter().any(|endpoint| endpoint.scheme_str() == Some("https"));
    let ca_bundle_pem = match &own.tls.ca_bundle {
        Some(path) => Some(fs::read(path).map_err(|error| path.unreadable("a PEM file", &error))?),
        None => None,
    };

    let client = own.tls.client.as_ref().map(client_pem).transpose()?;

    Ok(UpstreamSettings {
        name: own.name.as_str().into(),
        protocol: match own.protocol {
            UpstreamProtocol::Grpc => upstream::WireProtocol::Grpc,
            UpstreamProtocol::Http => upstream::WireProtocol::Http,
        },
        endpoints: own.endpoints.clone(),
        tls: secure.then(|| TlsSettings {
            ca_bundle_pem,
            native_roots: own.tls.native_roots,
            server_name: own.tls.server_name.clone(),
            client,
            spki_sha256: own.tls.spki_sha256.clone(),
        }),
        connect_timeout: own.connect_timeout,
        idle_timeout: own.idle_timeout,
        connections_max: own.connections_max,
        websockets_max: own.websockets_max,
    })
}

/// `None` when something is wrong; `Some(None)` when nothing is to be signed.
pub(super) fn signer(
    config: &Config,
    problems: &mut Vec<ConfigProblem>,
) -> Option<Option<Arc<PrincipalSigner>>> {
    let Some(signing) = config.signing() else { return Some(None) };
    if let Err(error) = fs::metadata(&signing.key_file) {
        problems.push(signing.key_file.unreadable("a PEM file", &error));
        return None;
    }

    let clock = Arc::new(SystemClock::new());
    let loaded = PrincipalSigner::open(&signing.key_file, &signing.key_id, &signing.issuer, clock);
    match loaded {
        Ok(signer) => Some(Some(Arc::new(signer))),
        Err(error) => {
            problems.push(signing.key_file.problem(&with_causes(&error)));
            None
        }
    }
}
