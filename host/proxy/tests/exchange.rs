//! An exchange from socket to upstream and back: listeners of `edge` before and behind a Gateway,
//! a Snapshot made by hand, and a policy that is a function.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_capability::{Clock, Stores, SystemClock};
use tollgate_chain::{
    Answer, Bucket, Chain, Class, Content, Failure, Finished, Growth, Hook, Interests, Methods,
    Partition, Plugin, Policy, Question, QuotaEffect, Reply, RequestRead, Route, RouteLimits,
    RouteTable, Rule, Run, Taken, Template, Trees, Verdict,
};
use tollgate_config::{UpstreamFields, WebSocketConfig};
use tollgate_edge::{Handler, Listener, ListenerSettings, Responder};
use tollgate_harness::{Client, Connection, eventually};
use tollgate_proxy::{
    Binding, BoxedHost, ChainInfo, Gateway, Ledger, Live, Readiness, ReceiptLog, Snapshot, Targets,
    UpstreamTarget,
};
use tollgate_stores::file::FileCredentials;
use tollgate_stores::memory::MemoryIdempotencyLimits;
use tollgate_stores::testing::in_memory;
use tollgate_upstream::{Upstream, UpstreamSettings, WireProtocol};
use tungstenite::handshake::derive_accept_key;

/// A policy that answers preflights with this status and lets everything else pass.
#[derive(Debug)]
struct AnswersOptions(u16);

impl Plugin<BoxedHost> for AnswersOptions {
    fn run<'a>(
        &'a self,
        _: Hook,
        mut run: Run<BoxedHost>,
    ) -> Pin<Box<dyn Future<Output = Finished<BoxedHost>> + Send + 'a>> {
        Box::pin(async move {
            let question = Question::from(RequestRead::MethodIs("OPTIONS".into()));
            let verdict = match run.ask(question).await {
                Ok(Answer::Bool(true)) => {
                    Ok(Verdict::Reply(Reply { status: self.0, content: Content::Empty }))
                }
                Ok(_) => Ok(Verdict::Proceed),
                Err(departure) => Err(Failure::Question(departure)),
            };
            (run, verdict)
        })
    }

    fn has(&self, hook: Hook) -> bool {
        hook == Hook::Request
    }
}

/// A policy that lets one request at a time pass.
#[derive(Debug)]
struct OneAtATime;

impl Plugin<BoxedHost> for OneAtATime {
    fn run<'a>(
        &'a self,
        _: Hook,
        mut run: Run<BoxedHost>,
    ) -> Pin<Box<dyn Future<Output = Finished<BoxedHost>> + Send + 'a>> {
        Box::pin(async move {
            let bucket = Bucket {
                name: "in-flight".into(),
                partition: Partition::Address,
                rule: Rule::Concurrency(1),
            };
            let question = Question::from(QuotaEffect::TakeAll(vec![bucket].into()));
            let verdict = match run.ask(question).await {
                Ok(Answer::Taken(Taken::Allowed)) => Ok(Verdict::Proceed),
                Ok(_) => Ok(Verdict::Reply(Reply { status: 429, content: Content::Empty })),
                Err(departure) => Err(Failure::Question(departure)),
            };
            (run, verdict)
        })
    }

    fn has(&self, hook: Hook) -> bool {
        hook == Hook::Request
    }
}

/// Starts an upstream that says what it was asked, one request on a connection; gives its URL. Asked
/// for `?rest`, it begins to answer and rests. A WebSocket is flooded until its connection breaks,
/// which adds a permit to `broken`. A listener of the gateway would take the request for one of its
/// own that came back.
fn echo(stop: &CancellationToken, broken: &Arc<Semaphore>) -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    let listener = TcpListener::from_std(listener)?;
    let broken = Arc::clone(broken);

    let serve = async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A connection that breaks is noticed by the gateway.
            tokio::spawn(answer(stream, Arc::clone(&broken)));
        }
    };
    tokio::spawn(stop.clone().run_until_cancelled_owned(serve));
    Ok(url)
}

async fn answer(stream: TcpStream, broken: Arc<Semaphore>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut request, mut length, mut key) = (String::new(), 0, None);
    stream.read_line(&mut request).await?;
    loop {
        let mut field = String::new();
        stream.read_line(&mut field).await?;
        match field.to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse()?,
            Some(("sec-websocket-key", _)) => {
                key = field.split_once(": ").map(|(_, key)| key.trim().to_owned())
            }
            Some(_) => {}
            None => break,
        }
    }
    if let Some(key) = key {
        let outcome = flood(stream, &key).await;
        broken.add_permits(1);
        return outcome;
    }

    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let asked = request.trim_end().trim_end_matches(" HTTP/1.1");
    if asked.ends_with("?rest") {
        let begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n";
        stream.write_all(begun.as_bytes()).await?;
        stream.read_to_end(&mut Vec::new()).await?;
        return Ok(());
    }
    let text = format!("{asked} {}", String::from_utf8_lossy(&body));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", text.len());
    stream.write_all(format!("{head}Connection: close\r\n\r\n{text}").as_bytes()).await?;
    Ok(())
}

/// Switches protocols and sends messages until the connection breaks.
async fn flood(mut stream: BufReader<TcpStream>, key: &str) -> Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let switch = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(switch.as_bytes()).await?;
    let message = [&[0x82, 127][..], &65_536_u64.to_be_bytes(), &[0; 65_536]].concat();
    loop {
        stream.write_all(&message).await?;
    }
}

/// The time for which a caller may let an answer wait.
const STALL: Duration = Duration::from_millis(400);

/// Starts a plaintext listener on a free port; gives its URL.
fn listen(handler: impl Handler, stop: &CancellationToken) -> Result<String> {
    let responder = Arc::new(Responder::new("https://problems.example/"));
    let mut settings = ListenerSettings::plaintext("127.0.0.1:0".parse()?, responder);
    settings.limits.stall_timeout = STALL;
    let listener = Listener::bind(settings)?;
    let url = format!("http://{}", listener.local_addr());
    tokio::spawn(listener.serve(handler, stop.clone()));
    Ok(url)
}

fn stores() -> Result<Arc<Stores>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let keys = FileCredentials::parse("", Arc::clone(&clock))?;
    let records = MemoryIdempotencyLimits::default();
    Ok(Arc::new(in_memory(clock, Arc::new(keys), records)))
}

/// A chain of one policy that answers `OPTIONS` with this status.
fn chain(name: &str, status: u16) -> Chain<BoxedHost> {
    chain_of(name, Arc::new(AnswersOptions(status)))
}

/// A chain of one policy.
fn chain_of(name: &str, plugin: Arc<dyn Plugin<BoxedHost>>) -> Chain<BoxedHost> {
    let policy = Policy {
        name: "only".into(),
        class: Class::Security,
        interests: Interests::default(),
        plugin,
        trees: Arc::new(Trees::new(&Growth::default(), &[])),
        questions_max: 8,
        answer_bytes_max: 1024,
        rollout: None,
    };
    Chain { name: name.into(), policies: vec![Arc::new(policy)] }
}

/// `GET /v1/things` and `POST /v1/things` by the chain 1, everything else by the listener's, 0.
fn routes() -> Result<RouteTable> {
    let limits = RouteLimits {
        body_bytes_max: 1024,
        timeout: Duration::from_secs(10),
        stream_idle_timeout: Duration::from_secs(10),
    };
    let route = Route {
        name: "things".into(),
        template: "/v1/things".into(),
        attributes: std::iter::empty::<(Box<str>, Box<str>)>().collect(),
        grpc: None,
        upstream: Some("echo".into()),
        binding: 0,
        chain: 1,
        limits,
    };
    let methods = Methods::These(vec![Method::GET, Method::POST]);
    Ok(RouteTable::build([(methods, Template::parse("/v1/things")?, Arc::new(route))])?)
}

fn snapshot(generation: u64, echo: &str) -> Result<Snapshot> {
    let upstream = Upstream::new(UpstreamSettings {
        name: "echo".into(),
        protocol: WireProtocol::Http,
        endpoints: vec![echo.parse()?],
        tls: None,
        connect_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
        connections_max: 4,
        websockets_max: 2,
    })?;
    let mut targets = Targets::default();
    targets.insert(UpstreamTarget {
        name: "echo".into(),
        upstream: Arc::new(upstream),
        environment: None,
        audience: None,
        fields: UpstreamFields::default(),
        rpc_protocols: tollgate_config::RpcProtocols::default(),
    });

    let websocket = WebSocketConfig { message_bytes_max: 1024, lifetime: Duration::from_secs(60) };
    let chains = vec![chain("edge", 401), chain("tenant", 204)];
    let info = |chain: &Chain<BoxedHost>| {
        let (policies, hidden) = (Vec::new(), Arc::new([]));
        Arc::new(ChainInfo { chain: Arc::clone(&chain.name), policies, hidden })
    };
    Ok(Snapshot {
        generation,
        routes: routes()?,
        bindings: vec![Binding { route: "things".into(), call: None, websocket: Some(websocket) }],
        meters: Ledger::default().open(&chains),
        chain_infos: chains.iter().map(info).collect(),
        chains,
        listener_chains: [("main".to_owned(), 0)].into(),
        targets: Arc::new(targets),
        stores: stores()?,
        signer: None,
        responder: Arc::new(Responder::new("https://problems.example/")),
        hidden_headers: Arc::new([]),
        receipts: receipts()?,
    })
}

/// A log that keeps every receipt.
fn receipts() -> Result<ReceiptLog> {
    let folder = tempfile::tempdir()?;
    let toml = "[chains.open]\npolicies = []\n[listeners.main]\naddress = \"127.0.0.1:0\"\n\
                chain = \"open\"\n[receipts]\nsample_every = 1\n";
    std::fs::write(folder.path().join("gateway.toml"), toml)?;
    Ok(ReceiptLog::new(tollgate_config::load(folder.path())?.receipts()))
}

/// A gateway before an echo.
struct Bench {
    url: String,
    echo: String,
    live: Live,
    receipts: ReceiptLog,
    /// Has a permit for each WebSocket whose connection broke at the upstream.
    broken: Arc<Semaphore>,
    _stop: tokio_util::sync::DropGuard,
}

fn bench() -> Result<Bench> {
    let stop = CancellationToken::new();
    let broken = Arc::new(Semaphore::new(0));
    let echo = echo(&stop, &broken)?;
    let first = snapshot(1, &echo)?;
    let (receipts, live) = (first.receipts.clone(), Live::new(first));
    let gateway = Gateway {
        live: live.clone(),
        listener: "main".into(),
        readiness: Readiness::default(),
        keeps_records: false,
        detached: TaskTracker::new(),
    };
    let url = listen(gateway, &stop)?;
    Ok(Bench { url, echo, live, receipts, broken, _stop: stop.drop_guard() })
}

async fn options(bench: &Bench, path: &str, method: &str) -> Result<StatusCode> {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri(format!("{}{path}", bench.url))
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", method);
    Ok(Client::h1().send(request.body(Bytes::new())?).await?.status)
}

#[tokio::test]
async fn a_request_goes_to_the_upstream_and_its_answer_comes_back() -> Result<()> {
    let bench = bench()?;
    let url = format!("{}/v1/things", bench.url);
    let reply = Client::h1().post(&url, &[], "{}").await?;
    assert_eq!((reply.status, reply.text()), (StatusCode::OK, "POST /v1/things {}".to_owned()));

    let id = reply.header("x-request-id").unwrap_or_default().to_owned();
    let (record, count) = bench.receipts.find(&id).expect("a receipt");
    assert_eq!((record.status, count, record.generation), (200, 1, 1));
    assert_eq!(record.upstream.as_deref(), Some("echo"));
    Ok(())
}

#[tokio::test]
async fn a_preflight_is_decided_by_the_chain_of_the_route_that_it_asks_about() -> Result<()> {
    let bench = bench()?;
    assert_eq!(options(&bench, "/v1/things", "POST").await?, StatusCode::NO_CONTENT);
    // Nothing has this method or this path: the listener's chain decides.
    assert_eq!(options(&bench, "/v1/things", "DELETE").await?, StatusCode::UNAUTHORIZED);
    assert_eq!(options(&bench, "/v1/others", "POST").await?, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn options_that_is_no_preflight_is_decided_by_the_chain_of_the_listener() -> Result<()> {
    let bench = bench()?;
    let request =
        Request::builder().method(Method::OPTIONS).uri(format!("{}/v1/things", bench.url));
    let reply = Client::h1().send(request.body(Bytes::new())?).await?;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn a_swapped_snapshot_decides_about_the_next_request() -> Result<()> {
    let bench = bench()?;
    let next = Snapshot { receipts: bench.receipts.clone(), ..snapshot(2, &bench.echo)? };
    let before = bench.live.swap(next);
    assert_eq!((before.generation(), bench.live.pin().generation()), (1, 2));

    let reply = Client::h1().get(&format!("{}/v1/things", bench.url)).await?;
    let id = reply.header("x-request-id").unwrap_or_default().to_owned();
    assert_eq!(bench.receipts.find(&id).map(|(record, _)| record.generation), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_slot_is_held_until_the_answer_is_over() -> Result<()> {
    let bench = bench()?;
    let mut next = Snapshot { receipts: bench.receipts.clone(), ..snapshot(2, &bench.echo)? };
    next.chains[1] = chain_of("tenant", Arc::new(OneAtATime));
    bench.live.swap(next);
    let url = format!("{}/v1/things", bench.url);
    let get = async || anyhow::Ok(Client::h1().get(&url).await?.status);

    let address = bench.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await?;
    let head = format!("GET /v1/things?rest HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"begun\r\n") {
        answer.push(stream.read_u8().await?);
    }
    assert_eq!(get().await?, StatusCode::TOO_MANY_REQUESTS, "the answer is still on its way");

    drop(stream);
    let free = async || (get().await.ok()? == StatusCode::OK).then_some(());
    eventually("the slot is free", Duration::from_secs(20), free).await?;
    assert_eq!(get().await?, StatusCode::OK, "an answer that was read is over");
    Ok(())
}

/// Waits until the connection of a WebSocket broke at the upstream.
async fn breaks(bench: &Bench) -> Result<()> {
    let broken = bench.broken.acquire();
    tokio::time::timeout(Duration::from_secs(20), broken).await??.forget();
    Ok(())
}

#[tokio::test]
async fn a_caller_who_takes_nothing_of_a_websocket_is_ended_by_a_clock() -> Result<()> {
    let bench = bench()?;
    let version = ("sec-websocket-version", "13");
    let handshake = format!(
        "GET /v1/things HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         {}: {}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        version.0, version.1
    );
    let begun = std::time::Instant::now();
    let mut unread = TcpStream::connect(bench.url.trim_start_matches("http://")).await?;
    unread.write_all(handshake.as_bytes()).await?;
    breaks(&bench).await?;
    assert!(begun.elapsed() >= STALL, "{:?}", begun.elapsed());
    drop(unread);

    let Connection::H2(mut requests) = Client::h2().connect(&bench.url.parse()?).await? else {
        anyhow::bail!("no HTTP/2");
    };
    let get = || Request::get(format!("{}/v1/things", bench.url));
    let first = requests.send_request(get().body(Bytes::new().into())?).await?;
    assert_eq!(first.status(), StatusCode::OK);
    let connect = get().method(Method::CONNECT).header(version.0, version.1);
    let connect = connect.extension(hyper::ext::Protocol::from_static("websocket"));
    let begun = std::time::Instant::now();
    let mut response = requests.send_request(connect.body(Bytes::new().into())?).await?;
    assert_eq!(response.status(), StatusCode::OK);
    let unread = hyper::upgrade::on(&mut response).await?;
    breaks(&bench).await?;
    assert!(begun.elapsed() >= STALL, "{:?}", begun.elapsed());

    // The connection serves on, whatever the stream still holds.
    let next = requests.send_request(get().body(Bytes::new().into())?).await?;
    assert_eq!(next.status(), StatusCode::OK);
    drop(unread);
    Ok(())
}
