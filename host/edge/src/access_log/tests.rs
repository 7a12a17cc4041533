use std::io;
use std::net::Ipv4Addr;
use std::sync::mpsc::Receiver;

use super::*;

fn record(path: &str) -> AccessRecord {
    AccessRecord {
        time: time::OffsetDateTime::UNIX_EPOCH,
        request_id: "request-1".into(),
        client: Ipv4Addr::LOCALHOST.into(),
        method: "GET".into(),
        authority: "a".into(),
        path: path.into(),
        protocol: "HTTP/1.1",
        tls: false,
        client_certificate: None,
        status: 200,
        code: None,
        internal: None,
        response_bytes: 7,
        duration_us: 0,
        complete: true,
        facts: Facts { route: Some("things".into()), ..Facts::default() },
    }
}

/// A target that hands on what it gets and waits to be let through.
struct Gate {
    seen: SyncSender<String>,
    through: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.seen.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
        self.through.recv().map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gate() -> (Gate, Receiver<String>, SyncSender<()>) {
    let (seen, shown) = sync_channel(16);
    let (open, through) = sync_channel(16);
    (Gate { seen, through }, shown, open)
}

#[test]
fn a_record_is_one_line_of_json() {
    let (gate, shown, open) = gate();
    let log = AccessLog::start(gate, 8).unwrap();
    open.send(()).unwrap();
    drop(Recording::new(log.clone(), record("/x")));
    let line = shown.recv().unwrap();
    let value: serde_json::Value = serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(value["time"], "1970-01-01T00:00:00Z");
    assert_eq!(value["path"], "/x");
    assert_eq!(value["route"], "things");
    assert_eq!(value["status"], 200);
    assert!(value.get("tenant").is_none());
    log.close();
    assert_eq!(log.dropped(), 0);
}

#[test]
fn a_full_queue_drops_and_counts_instead_of_blocking() {
    let (gate, shown, open) = gate();
    let log = AccessLog::start(gate, 2).unwrap();
    log.push(Box::new(record("/first")));
    assert!(shown.recv().unwrap().contains("/first"), "the writer is now held in the target");
    for _ in 0..5 {
        log.push(Box::new(record("/more")));
    }
    assert_eq!(log.dropped(), 3);
    open.send(()).unwrap();
    open.send(()).unwrap();
    log.close();
    assert_eq!(shown.recv().unwrap().lines().count(), 2);
}

#[test]
fn a_target_that_fails_loses_records_but_no_thread() {
    let (gate, shown, open) = gate();
    drop(open);
    let log = AccessLog::start(gate, 8).unwrap();
    log.push(Box::new(record("/lost")));
    assert!(shown.recv().is_ok());
    log.push(Box::new(record("/lost-too")));
    assert!(shown.recv().is_ok());
    log.close();
    assert_eq!(log.dropped(), 2);
}

#[test]
fn a_long_path_is_cut() {
    assert_eq!(bounded(&"a".repeat(1000)).len(), 512);
    assert_eq!(&*bounded("/short"), "/short");
}
