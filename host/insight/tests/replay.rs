//! Recorded exchanges decided again by the rules of a candidate folder, with a real component.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use http::Method;
use tempfile::TempDir;
use tollgate_chain::{
    Acting, Answer, Class, Content, Hook, Interests, Problem, Question, Reply, RequestRead,
    ServerName, Trace, Verdict,
};
use tollgate_insight::{RecordingWriter, Redactor, Report, replay};
use tollgate_proxy::{
    ChainInfo, ComponentIdentity, DecisionRecord, PolicyInfo, PolicyRecord, ReceiptRecord,
    RetentionClass,
};

const HOST: &str = "api.example.com";

/// A folder with a listener `main`, whose chain has these policies, and with a recording.
struct Bench {
    folder: TempDir,
    recording: PathBuf,
}

impl Bench {
    fn new(policies: &str, more: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let toml = format!(
            "[chains.edge]\npolicies = [{policies}]\n[listeners.main]\n\
             address = \"127.0.0.1:0\"\nchain = \"edge\"\n{more}"
        );
        std::fs::write(folder.path().join("gateway.toml"), toml)?;
        let recording = folder.path().join("recorded.ndjson");
        Ok(Self { folder, recording })
    }

    /// A candidate whose one policy serves this host.
    fn serving(host: &str) -> Result<Self> {
        let bench = Self::new(
            "\"allowed-hosts\"",
            &format!(
                "[plugins.allowed-hosts]\nfile = \"allowed-hosts.wasm\"\n\
                 [policies.allowed-hosts]\nplugin = \"allowed-hosts\"\n\
                 grants = [\"request\", \"notes\"]\n\
                 settings = {{ hosts = [{{ name = \"{host}\" }}] }}\n"
            ),
        )?;
        let built = tollgate_harness::target_dir()?.join("plugins/allowed-hosts.wasm");
        std::fs::copy(&built, bench.folder.path().join("allowed-hosts.wasm"))
            .with_context(|| format!("{}: run `cargo xtask plugins`", built.display()))?;
        Ok(bench)
    }

    fn record(&self, records: &[ReceiptRecord]) -> Result<()> {
        let mut writer = RecordingWriter::create(&self.recording)?;
        for record in records {
            writer.receipt(&Redactor::new().form(record))?;
        }
        Ok(writer.finish()?)
    }

    async fn replay(&self, expected: &[String]) -> Result<Report> {
        let config = tollgate_config::load(self.folder.path())?;
        Ok(replay(&config, &self.recording, expected).await?)
    }
}

/// An exchange of the listener `main` that allowed-hosts decided about.
fn exchange(request_id: &str, verdict: Verdict) -> ReceiptRecord {
    let hosts: Box<[_]> = [HOST.into()].into();
    let mut trace = Trace::new();
    let index = matches!(verdict, Verdict::Proceed).then_some(0);
    trace.push(Question::from(RequestRead::AuthorityIn(hosts.clone())), Answer::Index(index));
    if index.is_some() {
        let server_name = Answer::ServerName(ServerName::Absent);
        trace.push(Question::from(RequestRead::ServerNameIn(hosts)), server_name);
    }

    let policies = vec![PolicyInfo {
        name: "allowed-hosts".into(),
        plugin: "allowed-hosts".into(),
        identity: ComponentIdentity { sha256: [7; 32], version: None },
        class: Class::Security,
        interests: Interests::default(),
        branches: Vec::new(),
        candidate: None,
    }];
    ReceiptRecord {
        sequence: 0,
        retention: RetentionClass::Passes,
        request_id: request_id.into(),
        time: SystemTime::UNIX_EPOCH,
        method: Method::GET,
        path: "/v1/things".into(),
        listener: "main".into(),
        route: None,
        principal: None,
        chain_info: Arc::new(ChainInfo { chain: "edge".into(), policies, hidden: Arc::new([]) }),
        policies: vec![PolicyRecord {
            index: 0,
            acting: Acting::Current,
            hook: Hook::Request,
            took: Duration::from_micros(3),
            decision: DecisionRecord::Ran { trace, outcome: Ok(verdict), contradicts: false },
        }],
        status: 404,
        code: None,
        policy: None,
        upstream: None,
        upstream_us: None,
        grpc_status: None,
        generation: 1,
        took: Duration::from_micros(10),
    }
}

fn refusal() -> Verdict {
    let problem = Problem {
        slug: "no".into(),
        type_uri: None,
        title: "No".into(),
        detail: "Because.".into(),
        members: Vec::new(),
    };
    Verdict::Reply(Reply { status: 403, content: Content::Problem(problem) })
}

#[tokio::test]
async fn the_same_rules_decide_the_same_and_a_verdict_of_another_rule_is_a_change() -> Result<()> {
    let bench = Bench::serving(HOST)?;
    bench.record(&[exchange("r1", Verdict::Proceed)])?;
    let report = bench.replay(&[]).await?;
    assert_eq!(report.lines(), ["1 exchanges: 1 verdicts the same, 0 changed, 0 undecided"]);
    assert_eq!(report.exit_code(true), 0);

    // The policy that was recorded refused in other words than this component does.
    bench.record(&[exchange("r1", Verdict::Proceed), exchange("r2", refusal())])?;
    let report = bench.replay(&[]).await?;
    let lines = report.lines().join("\n");
    assert!(lines.starts_with("2 exchanges: 1 verdicts the same, 1 changed"), "{lines}");
    assert!(lines.contains("allowed-hosts: 403 no -> 421 host-not-served"), "{lines}");
    assert!(lines.contains("1 times, as in r2"), "{lines}");
    assert_eq!(report.exit_code(false), 1);
    Ok(())
}

#[tokio::test]
async fn a_question_that_was_not_recorded_leaves_the_verdict_undecided() -> Result<()> {
    let bench = Bench::serving("other.example.com")?;
    bench.record(&[exchange("r1", Verdict::Proceed)])?;
    let report = bench.replay(&[]).await?;
    let lines = report.lines().join("\n");
    assert!(
        lines.starts_with("1 exchanges: 0 verdicts the same, 0 changed, 1 undecided"),
        "{lines}"
    );
    assert!(lines.contains("other.example.com"), "{lines}");
    assert_eq!((report.exit_code(false), report.exit_code(true)), (0, 1));
    Ok(())
}

#[tokio::test]
async fn a_refusal_whose_policy_is_removed_opens_the_chain_unless_it_is_expected() -> Result<()> {
    let bench = Bench::new("", "")?;
    bench.record(&[exchange("r1", refusal())])?;
    let report = bench.replay(&[]).await?;
    assert!(report.lines().join("\n").contains("DENIED BEFORE AND ALLOWED NOW"));
    assert_eq!(report.exit_code(false), 2);

    let expected = ["allowed-hosts: 403 no -> removed".to_owned()];
    assert_eq!(bench.replay(&expected).await?.exit_code(true), 0);
    Ok(())
}

#[tokio::test]
async fn an_exchange_without_a_place_in_the_candidate_is_undecided() -> Result<()> {
    let bench = Bench::new("", "")?;
    bench.record(&[ReceiptRecord { listener: "gone".into(), ..exchange("r1", refusal()) }])?;
    let lines = bench.replay(&[]).await?.lines().join("\n");
    assert!(lines.contains("the candidate has no route or listener gone"), "{lines}");
    Ok(())
}

#[tokio::test]
async fn lost_receipts_are_counted_and_a_line_that_is_no_receipt_is_refused_by_number() -> Result<()>
{
    let bench = Bench::new("", "")?;
    let mut writer = RecordingWriter::create(&bench.recording)?;
    writer.lost(3)?;
    writer.finish()?;
    let lines = bench.replay(&[]).await?.lines();
    assert_eq!(lines[1], "3 more were lost before they could be recorded");

    let header = std::fs::read_to_string(&bench.recording)?;
    let header = header.lines().next().context("a header")?.to_owned();
    let other = header.replacen(":1", ":9", 1);
    for (text, expected) in [
        (format!("{header}\n{{}}\n"), "recorded.ndjson:2: expected a receipt"),
        (format!("{other}\n"), "recorded.ndjson:1: expected version 1 of receipts, found 9"),
        ("{}\n".to_owned(), "recorded.ndjson:1: expected a header"),
        (String::new(), "recorded.ndjson:1: expected a header, found an empty file"),
    ] {
        std::fs::write(&bench.recording, &text)?;
        let error = bench.replay(&[]).await.err().context("a refusal")?.to_string();
        assert!(error.contains(expected), "{error}");
    }
    Ok(())
}
