//! The header of the PROXY protocol, version 2, by which a load balancer says whom it forwards.
//!
//! Its text form, version 1, is not accepted: it cannot be told from a request by its length.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED_BYTES: usize = 16;
/// Longest addresses and extensions; those of known proxies take a few hundred bytes.
const REST_BYTES_MAX: usize = 2_048;

const COMMAND_LOCAL: u8 = 0x20;
const COMMAND_PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Reads the header and returns the address of the caller. None where the proxy speaks for itself,
/// as in its health checks.
///
/// # Errors
/// The connection ends before the header does, or what comes is no such header.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut fixed = [0; FIXED_BYTES];
    stream.read_exact(&mut fixed).await?;
    let [signature @ .., command, family, high, low] = &fixed;
    if signature != SIGNATURE {
        return Err(malformed("expected the signature of version 2"));
    }

    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > REST_BYTES_MAX {
        return Err(malformed("the addresses are too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;

    match *command {
        COMMAND_LOCAL => Ok(None),
        COMMAND_PROXY => source(*family, &rest).map(Some),
        _ => Err(malformed("expected the command LOCAL or PROXY")),
    }
}

/// The source address, which comes first.
fn source(family: u8, addresses: &[u8]) -> io::Result<IpAddr> {
    const SHORT: &str = "the addresses are cut off";
    match family {
        TCP_OVER_IPV4 => {
            let (source, rest) = addresses.split_first_chunk().ok_or_else(|| malformed(SHORT))?;
            // The destination, and two ports.
            if rest.len() < 4 + 4 {
                return Err(malformed(SHORT));
            }
            Ok(Ipv4Addr::from_octets(*source).into())
        }
        TCP_OVER_IPV6 => {
            let (source, rest) = addresses.split_first_chunk().ok_or_else(|| malformed(SHORT))?;
            if rest.len() < 16 + 4 {
                return Err(malformed(SHORT));
            }
            Ok(IpAddr::from(Ipv6Addr::from_octets(*source)).to_canonical())
        }
        _ => Err(malformed("expected addresses of TCP over IPv4 or IPv6")),
    }
}

fn malformed(detail: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("PROXY header: {detail}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, addresses].concat()
    }

    fn parsed(bytes: &[u8]) -> (io::Result<Option<IpAddr>>, usize) {
        let mut stream = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let result = runtime.block_on(read(&mut stream));
        (result, stream.len())
    }

    #[test]
    fn the_source_is_read_and_nothing_beyond_the_header() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0, 80, 1, 187, 0xEA, 0, 1, 7];
        let v6 = [[0x20; 16], [0x10; 16]].concat();
        let v6 = [&v6[..], &[0, 80, 1, 187]].concat();
        let cases = [
            (header(COMMAND_PROXY, TCP_OVER_IPV4, &v4), Some("192.0.2.7")),
            (
                header(COMMAND_PROXY, TCP_OVER_IPV6, &v6),
                Some("2020:2020:2020:2020:2020:2020:2020:2020"),
            ),
            (header(COMMAND_LOCAL, 0, &[]), None),
            (header(COMMAND_LOCAL, TCP_OVER_IPV4, &v4), None),
        ];
        for (mut bytes, source) in cases {
            bytes.extend(b"GET");
            let (read, left) = parsed(&bytes);
            assert_eq!(read.unwrap().map(|address| address.to_string()).as_deref(), source);
            assert_eq!(left, 3);
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let cut = header(COMMAND_PROXY, TCP_OVER_IPV4, &[192, 0, 2, 7]);
        let unix = header(COMMAND_PROXY, 0x31, &[0; 216]);
        let unknown = header(0x22, TCP_OVER_IPV4, &[0; 12]);
        let version_1 = header(0x11, TCP_OVER_IPV4, &[0; 12]);
        let long = [SIGNATURE.as_slice(), &[COMMAND_PROXY, TCP_OVER_IPV4, 0xFF, 0xFF]].concat();
        let text = b"PROXY TCP4 192.0.2.7 10.0.0.1 80 443\r\n".to_vec();
        for bytes in [cut, unix, unknown, version_1, long, text, Vec::new()] {
            assert!(parsed(&bytes).0.is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_read_on(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let whole = [SIGNATURE.as_slice(), &bytes].concat();
            let (read, left) = parsed(&whole);
            if read.is_ok() {
                let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                prop_assert_eq!(left, bytes.len() - 4 - length);
            }
        }
    }
}
