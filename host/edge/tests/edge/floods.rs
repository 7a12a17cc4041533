//! Floods of HTTP/2 that reset streams or never end a head: the connection ends, others go on.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEAD, HEADERS, RST_STREAM, WINDOW_UPDATE,
    frame, goaway, preface, split,
};
use super::support::{Edge, PATIENCE, http2_client};

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

/// The identifiers of so many streams of a client.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

/// Sends frames on a connection of their own and returns the code of the GOAWAY that ends it.
async fn ended_by(edge: &Edge, frames: Vec<u8>) -> Option<u32> {
    let (mut reading, mut writing) = edge.connect().await.into_split();
    let sent = [preface(), frames].concat();
    // The connection may end while this is still being written: that is what is wanted.
    let writing = tokio::spawn(async move {
        let _ = writing.write_all(&sent).await;
        writing
    });

    let mut answer = Vec::new();
    let read = timeout(PATIENCE, reading.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection goes on");
    drop(writing);
    code(&answer)
}

/// Finds the last GOAWAY among whole frames, and returns its code.
fn code(mut frames: &[u8]) -> Option<u32> {
    let mut code = None;
    while let Some((frame, rest)) = split(frames) {
        if frame.kind == GOAWAY {
            code = Some(goaway(frame.payload).1);
        }
        frames = rest;
    }
    code
}

async fn others_are_served(edge: &Edge) {
    let stream: TcpStream = edge.connect().await;
    let (mut client, _driving) = http2_client(stream).await;
    let request = Request::builder().uri("http://a/echo").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_begin_end_the_connection() {
    let edge = Edge::start();
    let reset = |stream| {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, HEAD);
        [head, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    let flood = streams(10_000).flat_map(reset).collect();
    assert_eq!(ended_by(&edge, flood).await, Some(ENHANCE_YOUR_CALM));
    others_are_served(&edge).await;
}

#[tokio::test]
async fn streams_that_make_the_server_reset_them_end_the_connection() {
    let edge = Edge::start();
    let beyond_the_end = |stream| {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, HEAD);
        [head, frame(DATA, 0, stream, b"late")].concat()
    };
    let late: Vec<u8> = streams(1_000).flat_map(beyond_the_end).collect();
    assert!(ended_by(&edge, late).await.is_some_and(|code| code != 0));

    let zero = |stream| {
        let head = frame(HEADERS, END_HEADERS, stream, HEAD);
        [head, frame(WINDOW_UPDATE, 0, stream, &[0; 4])].concat()
    };
    let zeros: Vec<u8> = streams(1_000).flat_map(zero).collect();
    let code = ended_by(&edge, zeros).await;
    assert!([Some(PROTOCOL_ERROR), Some(ENHANCE_YOUR_CALM)].contains(&code), "{code:?}");
    others_are_served(&edge).await;
}

#[tokio::test]
async fn a_head_that_is_continued_without_end_ends_the_connection() {
    let edge = Edge::start();
    let mut flood = frame(HEADERS, END_STREAM, 1, HEAD);
    for _ in 0..1_000 {
        flood.extend(frame(CONTINUATION, 0, 1, &[0x40, 1, b'x', 1, b'y']));
    }
    assert!(ended_by(&edge, flood).await.is_some_and(|code| code != 0));
    others_are_served(&edge).await;
}
