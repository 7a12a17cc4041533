//! The PROXY protocol: whom a trusted proxy speaks for, and nobody else.

use tokio::io::AsyncWriteExt;
use tollgate_edge::TrustedProxies;

use super::support::{Edge, read, read_to_end};

const REQUEST: &str = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n";

fn behind_a_proxy(trusted: &str, per_address: usize) -> Edge {
    Edge::with(|settings| {
        settings.proxy_protocol = true;
        settings.trusted_proxies = TrustedProxies::new([trusted.parse().unwrap()]);
        settings.limits.connections_per_address_max = per_address;
    })
}

/// A header for a caller at this address.
fn header(source: [u8; 4]) -> Vec<u8> {
    let addresses = [&source[..], &[10, 0, 0, 1, 200, 0, 1, 187]].concat();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &addresses].concat()
}

#[tokio::test]
async fn the_caller_is_whom_a_trusted_proxy_names() {
    let edge = behind_a_proxy("127.0.0.0/8", 100);
    let told = edge.ask([&header([192, 0, 2, 7]), REQUEST.as_bytes()].concat()).await;
    assert_eq!(told.json()["client"], "192.0.2.7");

    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".as_slice();
    let told = edge.ask([local, REQUEST.as_bytes()].concat()).await;
    assert_eq!(told.json()["client"], "127.0.0.1", "the proxy speaks for itself");
}

#[tokio::test]
async fn a_connection_without_a_header_or_from_somebody_else_is_closed() {
    let edge = behind_a_proxy("127.0.0.0/8", 100);
    let mut stream = edge.connect().await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.is_empty());

    let strange = behind_a_proxy("10.0.0.0/8", 100);
    let mut stream = strange.connect().await;
    stream.write_all(&[&header([192, 0, 2, 7]), REQUEST.as_bytes()].concat()).await.unwrap();
    assert!(read_to_end(&mut stream).await.is_empty());
}

#[tokio::test]
async fn the_share_of_connections_is_that_of_the_caller_and_not_of_the_proxy() {
    let edge = behind_a_proxy("127.0.0.0/8", 1);
    let mut open = Vec::new();
    for last in [7, 8] {
        let mut stream = edge.connect().await;
        let request = [&header([192, 0, 2, last]), REQUEST.as_bytes()].concat();
        stream.write_all(&request).await.unwrap();
        assert_eq!(read(&mut stream).await.status, 200);
        open.push(stream);
    }

    let mut again = edge.connect().await;
    again.write_all(&header([192, 0, 2, 7])).await.unwrap();
    assert!(read_to_end(&mut again).await.is_empty());
}
