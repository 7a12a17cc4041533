//! The header of the PROXY protocol, version 2: `edge::read_proxy_header`.
//!
//! An accepted header begins with the signature, has a known command, and takes exactly the bytes that
//! it announces, 2 KiB at most. The address is the one in those bytes; of a proxy that speaks for
//! itself there is none. A header that is cut is refused.

use std::net::IpAddr;

use tokio::runtime::{Builder, Runtime};
use tollgate_edge::read_proxy_header;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED_BYTES: usize = 16;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().unwrap();
}

/// Checks the beginning of one connection.
pub(super) fn run(data: &[u8]) {
    let (address, read) = parsed(data);
    let Some(address) = address else { return };

    let header = data.get(..read).unwrap();
    assert!(header.starts_with(SIGNATURE));
    let &[command, family, high, low] = header.get(12..FIXED_BYTES).unwrap() else { return };
    let length = usize::from(u16::from_be_bytes([high, low]));
    assert_eq!(read, FIXED_BYTES + length, "it read on, or stopped early");
    assert!(length <= 2_048);

    let source = header.get(FIXED_BYTES..).unwrap();
    match (address, command, family) {
        (None, 0x20, _) => {}
        (Some(IpAddr::V4(address)), 0x21, 0x11) => assert!(source.starts_with(&address.octets())),
        (Some(address), 0x21, 0x21) => {
            let octets: [u8; 16] = *source.first_chunk().unwrap();
            assert_eq!(IpAddr::from(octets).to_canonical(), address);
        }
        other => panic!("{other:?} passed"),
    }

    let (cut, _) = parsed(header.get(..read - 1).unwrap());
    assert!(cut.is_none(), "a header that is cut passed");
}

/// Returns the address, or that the header is refused, and the bytes that were taken.
fn parsed(data: &[u8]) -> (Option<Option<IpAddr>>, usize) {
    let mut stream = data;
    let result = RUNTIME.with(|runtime| runtime.block_on(read_proxy_header(&mut stream)));
    (result.ok(), data.len() - stream.len())
}
