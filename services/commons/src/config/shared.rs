//! The configuration that every service has.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;
use crate::Stage;
use crate::principal::PublicKeys;

/// The configuration that every service has. `services/README.md` lists the variables.
#[derive(Debug, Clone)]
pub struct Common {
    /// The place in which the process runs.
    pub stage: Stage,
    /// The address of the gRPC listener.
    pub grpc_address: SocketAddr,
    /// The address of the HTTP probes.
    pub health_address: SocketAddr,
    /// The database's address, password included.
    pub database: SecretString,
    /// Most connections of the pool.
    pub connections_max: u32,
    /// The gateway's public keys.
    pub public_keys: PublicKeys,
    /// The TLS identity of the gRPC listener; none for plain text.
    pub tls: Option<Tls>,
    /// The broker to publish to; without one events stay in the outbox.
    pub broker: Option<Broker>,
    /// The time from SIGTERM to the closing of the listener.
    pub drain: Duration,
    /// Longest call, and longest wait for the calls in flight once the listener is closed.
    pub request_max: Duration,
    /// The log filter.
    pub log: String,
}

/// The TLS identity of the gRPC listener.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub certificate: String,
    /// Private key, PEM.
    pub key: SecretString,
}

/// The broker that events are published to.
#[derive(Debug, Clone)]
pub struct Broker {
    /// `host:port`, comma separated.
    pub addresses: String,
    /// The service's name, as the broker's logs show it.
    pub client_id: String,
    /// The transport to it.
    pub transport: Transport,
}

/// The transport to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Plain text, in the local stage only.
    Plain,
    /// TLS with a client certificate.
    Tls {
        /// Trusted certificates, PEM.
        ca: PathBuf,
        /// The client certificate, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
}

impl Common {
    /// Reads the variables; problems are left in the reader.
    pub fn read(reader: &mut Reader<'_>, service: &str) -> Option<Self> {
        let stage = reader.required("STAGE");
        // Every line runs, whatever failed before it, so that one start names all problems.
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
        Transport::Plain
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
