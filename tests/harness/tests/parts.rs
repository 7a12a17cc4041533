//! The harness's own promises, each with the real part.

use anyhow::Result;
use bytes::Bytes;
use http::Request;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use tollgate_harness::{
    Ca, Client, Load, Plan, Process, eventually, kafka, own_postgres, postgres, target_dir,
};

#[tokio::test]
async fn each_test_has_an_empty_database_of_its_own_which_is_dropped_after() -> Result<()> {
    let (one, two) = (postgres().await?, postgres().await?);
    assert_ne!(one.url(), two.url());
    one.sql("CREATE TABLE seen (n int); INSERT INTO seen VALUES (7)")?;
    assert_eq!(one.sql("SELECT n FROM seen")?, "7");
    assert!(two.sql("SELECT n FROM seen").is_err());
    let name = one.url().rsplit('/').next().unwrap_or_default().to_owned();
    drop(one);
    let left = two.sql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"))?;
    assert_eq!(left, "0");
    Ok(())
}

#[tokio::test]
async fn a_cluster_of_ones_own_keeps_committed_rows_through_a_kill() -> Result<()> {
    let mut cluster = own_postgres().await?;
    cluster.sql("postgres", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")?;
    cluster.kill()?;
    assert!(cluster.sql("postgres", "SELECT 1").is_err());
    cluster.start()?;
    assert_eq!(cluster.sql("postgres", "SELECT n FROM kept")?, "1");
    Ok(())
}

#[tokio::test]
async fn what_is_published_is_read_back_with_its_key_and_headers() -> Result<()> {
    let broker = kafka().await?;
    let topic = broker.topic("harness")?;
    let mut producer = Command::new("kcat")
        .args(["-P", "-b", broker.bootstrap(), "-t", &topic, "-k", "stream-1", "-H", "kind=test"])
        .stdin(Stdio::piped())
        .spawn()?;
    producer.stdin.take().map(|mut pipe| pipe.write_all(b"hello")).transpose()?;
    assert!(producer.wait()?.success());
    let records = broker.read(&topic, 1, Duration::from_secs(20)).await?;
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].key.as_slice(), records[0].value.as_slice()),
        (&b"stream-1"[..], &b"hello"[..])
    );
    assert_eq!(records[0].headers, "kind=test");
    Ok(())
}

#[tokio::test]
async fn a_process_is_watched_and_dies_with_its_value() -> Result<()> {
    let script = "echo started with $GREETING; sleep 60";
    let mut process = Process::start("/bin/sh".as_ref(), &[("GREETING", "salt")], &["-c", script])?;
    let line = process.line("started", Duration::from_secs(5)).await?;
    assert_eq!(line, "started with salt");
    assert!(process.resident()? > 0);
    let pid = process.pid();
    drop(process);
    let gone = async || procfs::process::Process::new(pid).is_err().then_some(());
    eventually("the end of the process", Duration::from_secs(5), gone).await
}

#[tokio::test]
async fn a_process_that_ends_early_is_reported_with_its_last_words() -> Result<()> {
    let none: [(&str, &str); 0] = [];
    let mut process = Process::start("/bin/sh".as_ref(), &none, &["-c", "echo no config; exit 3"])?;
    let client = Client::h1();
    let readiness = process.ready(&client, "http://127.0.0.1:9/readyz", Duration::from_secs(5));
    let text = readiness.await.map_or_else(|cause| cause.to_string(), |()| String::new());
    assert!(text.contains("status 3") && text.contains("no config"), "{text}");
    Ok(())
}

#[tokio::test]
async fn clients_reach_a_server_over_tls_in_both_versions_and_refuse_a_stranger() -> Result<()> {
    let (ca, stranger) = (Ca::new()?, Ca::new()?);
    let port = serve(Some(ca.server(&["api.example.localhost"])?)).await?;
    let url = format!("https://api.example.localhost:{port}/hello");
    let reply = Client::h1().tls(ca.pem())?.get(&url).await?;
    assert_eq!((reply.version, reply.text().as_str()), (http::Version::HTTP_11, "/hello"));
    let reply = Client::h2().tls(ca.pem())?.get(&url).await?;
    assert_eq!((reply.version, reply.text().as_str()), (http::Version::HTTP_2, "/hello"));
    assert!(Client::h2().tls(stranger.pem())?.get(&url).await.is_err());
    Ok(())
}

#[tokio::test]
async fn load_flows_at_its_rate_and_counts_what_breaks() -> Result<()> {
    let port = serve(None).await?;
    let url = format!("http://127.0.0.1:{port}/x");
    let plan = Plan {
        client: Client::h1(),
        request: Box::new(move |_| Request::get(&url).body(Bytes::new()).unwrap_or_default()),
        good: Box::new(|reply| reply.status.is_success()),
        connections: 20,
        rate: Some(1_000),
    };
    let load = Load::start(plan);
    load.flow(500, Duration::from_secs(20)).await?;
    let report = load.stop().await?;
    assert_eq!(report.failed(), 0, "{:?} {:?}", report.first_broken, report.first_wrong);
    assert!(report.good >= 500 && report.rate() < 1_500.0, "{report:?}");

    let nobody = Plan {
        client: Client::h1(),
        request: Box::new(|_| {
            Request::get("http://127.0.0.1:9/").body(Bytes::new()).unwrap_or_default()
        }),
        good: Box::new(|_| true),
        connections: 1,
        rate: None,
    };
    let load = Load::start(nobody);
    load.flow(3, Duration::from_secs(20)).await?;
    assert!(load.stop().await?.refused >= 3);
    Ok(())
}

#[test]
fn the_build_folder_is_found_from_the_running_test() -> Result<()> {
    assert!(target_dir()?.is_dir());
    assert!(tollgate_harness::target_bin("no-such-program").is_err());
    Ok(())
}

/// Serves the path of every request, in clear or with a certificate.
async fn serve(cert: Option<tollgate_harness::Issued>) -> Result<u16> {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    use rustls_pki_types::pem::PemObject;
    use std::sync::Arc;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let tls = cert
        .map(|cert| -> Result<tokio_rustls::TlsAcceptor> {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(
                    vec![rustls_pki_types::CertificateDer::from_pem_slice(
                        cert.cert_pem.as_bytes(),
                    )?],
                    rustls_pki_types::PrivateKeyDer::from_pem_slice(cert.key_pem.as_bytes())?,
                )?;
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Ok(tokio_rustls::TlsAcceptor::from(Arc::new(config)))
        })
        .transpose()?;

    let service =
        hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
            let path = Bytes::from(request.uri().path().to_owned());
            Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(path)))
        });

    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                match tls {
                    Some(tls) => {
                        let Ok(stream) = tls.accept(stream).await else { return };
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    }
                    None => {
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    }
                }
            });
        }
    });
    Ok(port)
}
