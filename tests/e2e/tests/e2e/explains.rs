//! Why a request got its answer: of a running gateway, and of a folder alone.

use anyhow::Result;
use e2e::gate::{Gate, SOON, six, tollgate};
use e2e::{Echo, Key, Relay};
use http::{Method, StatusCode};
use tollgate_harness::{Client, Reply, eventually};

struct Bench {
    echo: Echo,
    gate: Gate,
    key: Key,
}

/// The six policies, every pass with a receipt; the echo may be reached by a relay.
async fn bench(relay: Option<&Relay>, echo: Echo) -> Result<Bench> {
    let key = Key::new("sandbox", 7);
    let mut folder = six(&echo, &[(&key, &["things:write"])])?;
    folder.toml = folder.toml.replace("scope = \"things:read\", rate-class", "rate-class");
    folder.toml.push_str("[receipts]\nsample_every = 1\n");
    if let Some(relay) = relay {
        let by_relay = format!("http://127.0.0.1:{}", relay.port());
        folder.toml = folder.toml.replace(&echo.url(), &by_relay);
    }
    let gate = Gate::start(&folder).await?;
    Ok(Bench { echo, gate, key })
}

impl Bench {
    async fn get(&self, path: &str) -> Result<Reply> {
        let bearer = self.key.bearer();
        self.gate.send(Method::GET, path, &[("authorization", &bearer)], "").await
    }

    async fn post(&self, operation: &str, body: &str) -> Result<Reply> {
        let bearer = self.key.bearer();
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", operation),
        ];
        self.gate.send(Method::POST, "/v1/things", &headers, body).await
    }

    /// Returns the words of `tollgate explain` about a past request.
    async fn explained(&self, reply: &Reply) -> Result<String> {
        let id = reply.header("x-request-id").unwrap_or_default();
        let (code, words, complaint) = self.gate.tollgate(&["explain", id]).await?;
        assert_eq!(code, 0, "{complaint}");
        assert!(words.contains(id), "{words}");
        Ok(words)
    }

    /// Returns its words about a described request, with no gateway running.
    async fn tried(&self, method: &str, path: &str, more: &[&str]) -> Result<String> {
        self.tried_by(&self.key.bearer(), method, path, more).await
    }

    async fn tried_by(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        more: &[&str],
    ) -> Result<String> {
        let url = self.gate.url(path);
        let header = format!("authorization: {bearer}");
        let mut args = vec!["explain", method, &url, "-H", &header];
        args.extend(more);
        let (code, words, complaint) = tollgate(self.gate.folder(), &args).await?;
        assert_eq!(code, 0, "{complaint}");
        Ok(words)
    }
}

fn has(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "{part:?} is missing in\n{words}");
    }
}

const FORBIDDEN: [&str; 4] = [
    "403 insufficient_scope: answered by the policy auth",
    "Why: the key does not have the scope things:read.",
    "asked whether the credential has the scope things:read: no",
    "4. rate-limit: not asked, because auth had answered",
];
const LIMITED: [&str; 3] = [
    "429 quota_exceeded: answered by the policy rate-limit",
    "Why: the quota \"few\" (3 in 60 s, 3 at once, for each tenant) is used up.",
    "5. routing: not asked, because rate-limit had answered",
];
const CONFLICT: [&str; 3] = [
    "409 idempotency_in_progress: answered by the policy idempotency",
    "Why: another request with the same idempotency key is still being carried out.",
    "claimed the operation of the idempotency key: another request is carrying it out",
];

#[tokio::test]
async fn a_refusal_a_limit_and_a_pass_are_explained_live_and_without_a_server() -> Result<()> {
    let bench = bench(None, Echo::start().await?).await?;
    let refused = bench.get("/v1/things/7").await?;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    has(&bench.explained(&refused).await?, &FORBIDDEN);
    has(&bench.tried("GET", "/v1/things/7", &[]).await?, &FORBIDDEN);

    for _ in 0..3 {
        assert_eq!(bench.get("/v1/few").await?.status, StatusCode::OK);
    }
    let limited = bench.get("/v1/few").await?;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    has(&bench.explained(&limited).await?, &LIMITED);
    has(&bench.tried("GET", "/v1/few", &["--times", "4"]).await?, &LIMITED);

    let passed = bench.post("one", "{}").await?;
    assert_eq!(passed.status, StatusCode::OK);
    let words = bench.explained(&passed).await?;
    has(&words, &["200: answered by the upstream echo-sandbox", "tenant acme, sandbox, key key_"]);
    has(
        &words,
        &["Why: every policy that applies let the request pass.", "echo-sandbox, answered"],
    );
    let before = bench.echo.calls();
    let operation = ["-H", "idempotency-key: one", "-d", "{}"];
    let words = bench.tried("POST", "/v1/things", &operation).await?;
    has(&words, &["Would pass, to the upstream echo-sandbox", "Upstream  not contacted"]);
    assert_eq!(bench.echo.calls(), before, "nothing is sent");
    let nobody = Key::new("sandbox", 8).bearer();
    let somebody =
        [&operation[..], &["-H", "x-note: 1", "--as", "other/sandbox/things:write", "--json"]]
            .concat();
    let words = bench.tried_by(&nobody, "POST", "/v1/things", &somebody).await?;
    let words: serde_json::Value = serde_json::from_str(&words)?;
    assert_eq!((&words["tenant"], &words["upstream"]), (&"other".into(), &"echo-sandbox".into()));
    let again = bench.post("two", "{}").await?;
    assert_eq!(again.status, StatusCode::OK, "what was tried out used nothing up");
    Ok(())
}

#[tokio::test]
async fn an_operation_in_progress_is_explained_live_and_without_a_server() -> Result<()> {
    let echo = Echo::start().await?;
    let port = echo.url().rsplit(':').next().unwrap_or_default().parse()?;
    let relay = Relay::start(port).await?;
    let bench = std::sync::Arc::new(bench(Some(&relay), echo).await?);
    relay.hold();
    let first = std::sync::Arc::clone(&bench);
    let first = tokio::spawn(async move { first.post("slow", "{}").await });
    eventually("an answer that waits", SOON, async || (relay.waiting() > 0).then_some(())).await?;
    let second = bench.post("slow", "{}").await?;
    assert_eq!(second.status, StatusCode::CONFLICT);
    has(&bench.explained(&second).await?, &CONFLICT);
    relay.release();
    assert_eq!(first.await??.status, StatusCode::OK);
    let twice = ["-H", "idempotency-key: slow", "-d", "{}", "--times", "2"];
    has(&bench.tried("POST", "/v1/things", &twice).await?, &CONFLICT);
    Ok(())
}

#[tokio::test]
async fn the_admin_api_answers_whoever_has_the_token_and_tells_the_log_of_everybody() -> Result<()>
{
    let bench = bench(None, Echo::start().await?).await?;
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(bench.gate.file("admin.token"))?.permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let url = bench.gate.admin_url("/v1/receipts");
    let stranger = Client::h1().get(&url).await?;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{}", stranger.text());
    assert!(stranger.header("www-authenticate").is_some());
    for path in ["/healthz", "/readyz", "/metrics"] {
        let open = Client::h1().get(&bench.gate.admin_url(path)).await?;
        assert_eq!(open.status, StatusCode::OK, "{path} needs no token");
    }

    // An id that a caller repeats: the newest is told, and that there are more.
    let named = [("x-request-id", "the-same-again")];
    for _ in 0..2 {
        bench.gate.send(Method::GET, "/v1/things/1", &named, "").await?;
    }
    let receipts = bench.gate.admin("/v1/receipts/the-same-again").await?.json()?;
    assert_eq!(receipts["found"], 2, "{receipts}");
    assert_eq!(receipts["receipt"]["code"], "unauthenticated");
    assert_eq!(receipts["receipt"]["policies"][2]["verdict"]["reply"]["status"], 401, "{receipts}");
    bench.get("/v1/things/1").await?;

    let all = bench.gate.admin("/v1/receipts").await?.json()?;
    assert_eq!(all["receipts"].as_array().map(Vec::len), Some(3), "{all}");
    let some = bench.gate.admin("/v1/receipts?status=403&policy=auth&limit=5").await?.json()?;
    assert_eq!(some["receipts"].as_array().map(Vec::len), Some(1), "{some}");
    assert_eq!(bench.gate.admin("/v1/receipts?status=nine").await?.status.as_u16(), 400);
    assert_eq!(bench.gate.admin("/v1/receipts/no-such-request").await?.status.as_u16(), 404);

    let log = bench.gate.process.log();
    let audit: Vec<&str> = log.lines().filter(|line| line.contains("tollgate::audit")).collect();
    assert_eq!(audit.len(), 6, "{audit:#?}");
    assert!(audit[0].contains("refused: no valid token") && audit[0].contains("401"));
    assert!(audit[3].contains("status=403&policy=auth") && audit[3].contains("done"));
    Ok(())
}
