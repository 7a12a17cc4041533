//! The messages of the conformance suite of Connect (`connectrpc.conformance.v1`), as far as a server
//! under test needs them, and their framing: a length of four bytes in front of each.

use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use prost::Message;

/// Longest message that is read, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The number of gRPC among the suite's protocols.
pub const GRPC: i32 = 2;
/// The number of HTTP/2 among the suite's versions.
pub const HTTP_2: i32 = 2;

/// The server that the suite wants.
#[derive(Clone, PartialEq, Message)]
pub struct ServerCompatRequest {
    /// The protocol that it must speak.
    #[prost(int32, tag = "1")]
    pub protocol: i32,
    /// The version of HTTP.
    #[prost(int32, tag = "2")]
    pub http_version: i32,
    /// True where it must use TLS.
    #[prost(bool, tag = "4")]
    pub use_tls: bool,
    /// The certificate that callers will have, as PEM; empty where they need none.
    #[prost(bytes = "vec", tag = "5")]
    pub client_tls_cert: Vec<u8>,
    /// The longest message that it takes, in bytes; any where zero.
    #[prost(uint32, tag = "6")]
    pub message_receive_limit: u32,
    /// A certificate that it may use.
    #[prost(message, optional, tag = "7")]
    pub server_creds: Option<TlsCreds>,
}

/// A certificate and its key, as PEM.
#[derive(Clone, PartialEq, Message)]
pub struct TlsCreds {
    /// The certificate.
    #[prost(bytes = "vec", tag = "1")]
    pub cert: Vec<u8>,
    /// The key.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
}

/// The place where the server listens.
#[derive(Clone, PartialEq, Message)]
pub struct ServerCompatResponse {
    /// The host.
    #[prost(string, tag = "1")]
    pub host: String,
    /// The port.
    #[prost(uint32, tag = "2")]
    pub port: u32,
    /// The certificate that callers are to trust, as PEM; empty without TLS.
    #[prost(bytes = "vec", tag = "3")]
    pub pem_cert: Vec<u8>,
}

/// Reads one message.
///
/// # Errors
/// The input ends, or is no such message of at most 1 MiB.
pub fn read<M: Message + Default>(input: &mut impl Read) -> Result<M> {
    let mut length = [0; 4];
    input.read_exact(&mut length).context("read the length of a message")?;
    let length = usize::try_from(u32::from_be_bytes(length))?;
    ensure!(length <= MESSAGE_BYTES_MAX, "a message of {length} bytes");
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes).context("read a message")?;
    Ok(M::decode(bytes.as_slice())?)
}

/// Writes one message.
///
/// # Errors
/// The output is closed.
pub fn write(output: &mut impl Write, message: &impl Message) -> Result<()> {
    let bytes = message.encode_to_vec();
    output.write_all(&u32::try_from(bytes.len())?.to_be_bytes())?;
    output.write_all(&bytes)?;
    Ok(output.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let response = ServerCompatResponse { host: "h".into(), port: 7, pem_cert: vec![1] };
        let mut bytes = Vec::new();
        write(&mut bytes, &response).unwrap();
        assert_eq!(read::<ServerCompatResponse>(&mut bytes.as_slice()).unwrap(), response);
        bytes.pop();
        assert!(read::<ServerCompatResponse>(&mut bytes.as_slice()).is_err());
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        let error = read::<ServerCompatResponse>(&mut [0xff; 8].as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "a message of 4294967295 bytes");
    }
}
