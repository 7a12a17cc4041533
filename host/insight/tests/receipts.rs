//! A receipt is kept, put into its form, told in words, and comes back from JSON as it was.

use tollgate_chain::{
    Answer, Content, Member, Problem, Question, Reply, RequestRead, Trace, Verdict,
};
use tollgate_insight::{ReceiptForm, Redactor, Way, explain};
use tollgate_proxy::testing::receipt;
use tollgate_proxy::{ReceiptLog, ReceiptRecord, RetentionClass};

fn log() -> anyhow::Result<ReceiptLog> {
    let folder = tempfile::tempdir()?;
    let toml = "[chains.open]\npolicies = []\n[listeners.main]\naddress = \"127.0.0.1:0\"\n\
                chain = \"open\"\n";
    std::fs::write(folder.path().join("gateway.toml"), toml)?;
    Ok(ReceiptLog::new(tollgate_config::load(folder.path())?.receipts()))
}

/// Refused by the first of two policies, after it asked for the method and for a header.
fn refusal(verdict: &Verdict) -> ReceiptRecord {
    let mut trace = Trace::new();
    trace.push(Question::from(RequestRead::MethodIs("GET".into())), Answer::Bool(true));
    let header = Question::from(RequestRead::Header("x-plan".into()));
    trace.push(header, Answer::Text(Some("marker-secret".into())));
    ReceiptRecord {
        retention: RetentionClass::Refusals,
        status: 403,
        code: Some("no".into()),
        policy: Some("first".into()),
        ..receipt(trace, verdict.clone())
    }
}

fn denial() -> Verdict {
    let problem = Problem {
        slug: "no".into(),
        type_uri: None,
        title: "No".into(),
        detail: "Because.".into(),
        members: vec![("n".into(), Member::Number(-3))],
    };
    Verdict::Reply(Reply { status: 403, content: Content::Problem(problem) })
}

#[test]
fn a_kept_receipt_tells_of_policies_that_were_not_reached_and_comes_back_whole() {
    let log = log().unwrap();
    log.keep(refusal(&denial()));
    let (record, count) = log.find("request-1").unwrap();
    assert_eq!((record.sequence, count), (1, 1));

    let form = Redactor::new().form(&record);
    let ways: Vec<(&str, Way)> =
        form.policies.iter().map(|policy| (&*policy.policy, policy.way)).collect();
    assert_eq!(ways, [("first", Way::Wasm), ("second", Way::NotReached)]);
    let text = serde_json::to_string(&form).unwrap();
    assert_eq!(serde_json::from_str::<ReceiptForm>(&text).unwrap(), form);
}

#[test]
fn a_callers_text_is_in_neither_the_form_nor_the_words() {
    let form = Redactor::new().form(&refusal(&denial()));
    let text = serde_json::to_string(&form).unwrap();
    let words = explain(&form).join("\n");
    assert!(!text.contains("marker") && !words.contains("marker"), "{text}\n{words}");
    assert!(form.policies[0].verdict_hidden, "the verdict may repeat the text");
}

#[test]
fn the_words_say_who_answered_and_who_was_not_asked() {
    let words = explain(&Redactor::new().form(&refusal(&denial()))).join("\n");
    assert!(words.starts_with("403 no: answered by the policy first"), "{words}");
    assert!(words.contains("2. second: not asked, because first had answered"), "{words}");
}
