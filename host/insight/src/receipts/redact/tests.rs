use tollgate_chain::{
    Bucket, LogCommand, LogLevel, NotesCommand, QuotaEffect, Rate, ReplyHeadersCommand,
    RequestRead, Rule, Source, WasiRead,
};

use super::*;

const NOTHING: Declared<'_> = Declared { branches: &[], hidden: &[] };

fn trace(steps: &[(Question, Answer)]) -> Trace {
    let mut trace = Trace::new();
    for (question, answer) in steps {
        trace.push(question.clone(), answer.clone());
    }
    trace
}

fn header(name: &str, value: &str) -> (Question, Answer) {
    (Question::from(RequestRead::Header(name.into())), Answer::Text(Some(value.into())))
}

fn told(trace: &Trace, declared: Declared<'_>) -> String {
    let (steps, _) = Redactor::new().steps(trace, declared);
    serde_json::to_string(&steps).unwrap()
}

#[test]
fn a_callers_text_is_told_where_it_is_declared_and_nowhere_else() {
    let trace = trace(&[header("x-plan", "marker-plan")]);
    assert!(!told(&trace, NOTHING).contains("marker"));
    let branches = ["request.header(x-plan)".parse().unwrap()];
    let declared = Declared { branches: &branches, hidden: &[] };
    assert!(told(&trace, declared).contains("marker-plan"));
}

#[test]
fn equal_texts_are_seen_to_be_equal_and_their_length_is_told() {
    let redactor = Redactor::new();
    let (one, other) = (redactor.cover("secret"), redactor.cover("secreT"));
    assert_eq!(one, redactor.cover("secret"));
    assert_ne!(one, other);
    assert!(one.starts_with("(hidden: 6 bytes, "), "{one}");
    assert_ne!(one, Redactor::new().cover("secret"), "each process has a key of its own");
}

#[test]
fn random_bytes_are_not_told_nor_what_is_made_of_them() {
    let drawn = Question::from(WasiRead::Random(3));
    let set = Question::from(ReplyHeadersCommand::Set("x-nonce".into(), "0a0b0c".into()));
    let trace = trace(&[(drawn, Answer::Random([10, 11, 12].into())), (set, Answer::Done)]);
    let (steps, tainted) = Redactor::new().steps(&trace, NOTHING);
    assert!(tainted && steps[0].hidden.answer && steps[1].hidden.question, "{steps:?}");
    assert_eq!(steps[0].answer, Answer::Random(Box::default()));
    assert!(!told(&trace, NOTHING).contains("0a0b0c"));
}

#[test]
fn whatever_is_said_after_hidden_text_was_read_is_hidden_too() {
    let text = || Text::from("marker");
    let set = ReplyHeadersCommand::Set("x-echo".into(), text());
    let bucket = Bucket {
        name: text(),
        partition: tollgate_chain::Partition::Tenant,
        rule: Rule::Rate(Rate { quota: 1, window_seconds: 1, burst: 1, cost: 1 }),
    };

    let later = [
        Question::from(set),
        Question::from(NotesCommand::Set("n".into(), text())),
        Question::from(LogCommand::Write(LogLevel::Info, text())),
        Question::from(ReplyHeadersCommand::AddVary([text()].into())),
        Question::from(ReplyHeadersCommand::SetFrom("x".into(), Source::RequestHeader(text()))),
        Question::from(RequestRead::HeaderIs("x-plan".into(), text())),
        Question::from(RequestRead::AuthorityIn([text()].into())),
        Question::from(QuotaEffect::TakeAll([bucket].into())),
    ];

    for question in later {
        let before = trace(&[(question.clone(), Answer::Done)]);
        assert!(told(&before, NOTHING).contains("marker"), "{question:?}");

        let after = trace(&[header("x-plan", "marker"), (question.clone(), Answer::Done)]);
        assert!(!told(&after, NOTHING).contains("marker"), "{question:?}");
    }
}

#[test]
fn a_verdict_that_may_repeat_hidden_text_tells_its_status_and_slug_only() {
    let redactor = Redactor::new();
    let (_, tainted) = redactor.steps(&trace(&[header("x-plan", "marker")]), NOTHING);
    assert!(tainted);
    let problem = Problem {
        slug: "not-your-plan".into(),
        type_uri: Some("marker".into()),
        title: "marker".into(),
        detail: "marker".into(),
        members: vec![("marker".into(), Member::Texts(vec!["marker".into()]))],
    };
    let verdict = Verdict::Reply(Reply { status: 403, content: Content::Problem(problem) });
    let told = serde_json::to_string(&redactor.verdict(&verdict)).unwrap();
    assert!(told.contains("403") && told.contains("not-your-plan"), "{told}");
    assert!(!told.contains("marker"), "{told}");
    let forward = redactor.verdict(&Verdict::Forward("marker".into()));
    assert!(!format!("{forward:?}").contains("marker"));
}

#[test]
fn what_is_compared_with_a_hidden_field_is_not_told() {
    let own = [HeaderName::from_static("x-internal")];
    let declared = Declared { branches: &[], hidden: &own };
    for name in ["Authorization", "cookie", "x-api-key", "X-Internal"] {
        let question = Question::from(RequestRead::HeaderIs(name.into(), "marker".into()));
        assert!(!told(&trace(&[(question, Answer::Bool(false))]), declared).contains("marker"));
    }
    let question = Question::from(ReplyHeadersCommand::Set("set-cookie".into(), "marker".into()));
    assert!(!told(&trace(&[(question, Answer::Done)]), declared).contains("marker"));
    let plain = Question::from(RequestRead::HeaderIs("upgrade".into(), "marker".into()));
    assert!(told(&trace(&[(plain, Answer::Bool(false))]), declared).contains("marker"));
}
