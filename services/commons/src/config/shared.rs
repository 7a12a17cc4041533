//! The configuration that every service has.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;
use crate::Stage;
use crate::principal::PublicKeys;

/// What every service is told. See `services/README.md` for the variables.
#[derive(Debug, Clone)]
pub struct Common {
    /// Where it runs.
    pub stage: Stage,
    /// Where gRPC is served.
    pub grpc_address: SocketAddr,
    /// Where probes are answered.
    pub health_address: SocketAddr,
    /// The database's address, password included.
    pub database: SecretString,
    /// Upper bound of the pool.
    pub connections_max: u32,
    /// Whom the gateway signs as.
    pub public_keys: PublicKeys,
    /// Set: gRPC is served over TLS.
    pub tls: Option<Tls>,
    /// Set: events are told.
    pub broker: Option<Broker>,
    /// From SIGTERM to the closing of the listener.
    pub drain: Duration,
    /// How long a call may take, and calls in flight after the listener is closed.
    pub request_max: Duration,
    /// Filter of the logs.
    pub log: String,
}

/// The identity of the gRPC listener.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub certificate: String,
    /// Private key, PEM.
    pub key: SecretString,
}

/// Where events are told to.
#[derive(Debug, Clone)]
pub struct Broker {
    /// `host:port`, comma separated.
    pub addresses: String,
    /// The service's name, as the broker's logs show it.
    pub client_id: String,
    /// How it is reached.
    pub transport: Transport,
}

/// How the broker is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// In clear: the local stage alone.
    Clear,
    /// TLS with a client certificate.
    Tls {
        /// Whom to trust, PEM.
        ca: PathBuf,
        /// Who we are, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
}

impl Common {
    /// Reads what every service is told; problems stay with the reader.
    pub fn read(reader: &mut Reader<'_>, service: &str) -> Option<Self> {
        let stage = reader.required("STAGE");
        // Every line runs, whatever failed before it, so that all problems are named at once.
        let grpc_address = reader.or("GRPC_ADDRESS", any(8080));
        let health_address = reader.or("HEALTH_ADDRESS", any(8081));
        let database = reader.secret("DATABASE_URL", stage);
        let connections_max = reader.number("DATABASE_CONNECTIONS_MAX", 10, (2, 200));
        let public_keys = public_keys(reader);
        let tls = tls(reader);
        let broker = broker(reader, stage, service);
        let drain = reader.number("DRAIN_SECONDS", 10, (0, 300));
        let request_max = reader.number("REQUEST_SECONDS_MAX", 30, (1, 300));
        Some(Self {
            stage: stage?,
            grpc_address: grpc_address?,
            health_address: health_address?,
            database: database?,
            connections_max: connections_max?,
            public_keys: public_keys?,
            tls: tls?,
            broker: broker?,
            drain: Duration::from_secs(drain?.into()),
            request_max: Duration::from_secs(request_max?.into()),
            log: reader.optional("LOG").unwrap_or("info,sqlx=warn").to_owned(),
        })
    }
}

fn any(port: u16) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, port).into()
}

fn public_keys(reader: &mut Reader<'_>) -> Option<PublicKeys> {
    let path: PathBuf = reader.required("PRINCIPAL_PUBLIC_KEYS")?;
    match PublicKeys::read(&path) {
        Ok(keys) => Some(keys),
        Err(error) => reader.problem("PRINCIPAL_PUBLIC_KEYS", &error.to_string()),
    }
}

fn tls(reader: &mut Reader<'_>) -> Option<Option<Tls>> {
    match (reader.optional("TLS_CERTIFICATE"), reader.optional("TLS_KEY")) {
        (None, None) => Some(None),
        (Some(_), Some(_)) => {
            let certificate = reader.file("TLS_CERTIFICATE");
            let key = reader.file("TLS_KEY");
            Some(Some(Tls { certificate: certificate?, key: key?.into() }))
        }
        (Some(_), None) => reader.problem("TLS_KEY", "is needed with TLS_CERTIFICATE"),
        (None, Some(_)) => reader.problem("TLS_CERTIFICATE", "is needed with TLS_KEY"),
    }
}

fn broker(reader: &mut Reader<'_>, stage: Option<Stage>, service: &str) -> Option<Option<Broker>> {
    let local = stage == Some(Stage::Local);
    let Some(addresses) = reader.optional("KAFKA_BROKERS") else {
        return if local { Some(None) } else { reader.problem("KAFKA_BROKERS", "is needed") };
    };
    let named = ["KAFKA_CA", "KAFKA_CERTIFICATE", "KAFKA_KEY"]
        .iter()
        .any(|name| reader.optional(name).is_some());
    let transport = if local && !named {
        Transport::Clear
    } else {
        let ca = reader.required("KAFKA_CA");
        let certificate = reader.required("KAFKA_CERTIFICATE");
        let key = reader.required("KAFKA_KEY");
        Transport::Tls { ca: ca?, certificate: certificate?, key: key? }
    };
    Some(Some(Broker { addresses: addresses.into(), client_id: service.into(), transport }))
}

#[cfg(test)]
mod tests;
