//! Verdicts and commands of policies: the checks of `chain::Verdict` and `Question`, and the reply that
//! `edge::Responder` makes.
//!
//! Verdicts and questions come back from the form of receipts. An accepted verdict becomes a reply of
//! status 200 to 599; its problem is JSON in which no member comes twice and the gateway's own members
//! are the gateway's; a caller by RPC gets a status of its protocol. A header that a command sets is
//! one field, and none that frames the message.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;
use tollgate_chain::{
    Command, Content, Effect, Question, QuotaEffect, Reply, ReplyHeadersCommand, Rule, Verdict,
};
use tollgate_edge::{Caller, Protocol, Responder};

use super::unique::unique;

const PROTOCOLS: [Protocol; 7] = [
    Protocol::Json,
    Protocol::Grpc,
    Protocol::GrpcWeb,
    Protocol::GrpcWebText,
    Protocol::Connect,
    Protocol::ConnectStreamProto,
    Protocol::ConnectStreamJson,
];

/// Checks a verdict and commands, in the form of receipts: `[verdict, [question, …]]`.
pub(super) fn run(data: &[u8]) {
    let Ok((verdict, questions)) = serde_json::from_slice::<(Verdict, Vec<Question>)>(data) else {
        return;
    };
    let form = serde_json::to_vec(&(&verdict, &questions)).unwrap();
    let again: (Verdict, Vec<Question>) = serde_json::from_slice(&form).unwrap();
    assert_eq!((&again.0, &again.1), (&verdict, &questions));

    for question in questions.iter().filter(|question| question.check().is_ok()) {
        bounded(question);
        assert!(!question.to_string().is_empty());
    }

    match &verdict {
        Verdict::Reply(reply) if verdict.check().is_ok() => {
            PROTOCOLS.into_iter().for_each(|protocol| replied(reply, protocol));
        }
        Verdict::Forward(upstream) => assert_eq!(verdict.check().is_ok(), !upstream.is_empty()),
        Verdict::Proceed | Verdict::Reply(_) => {}
    }
}

fn bounded(question: &Question) {
    match question {
        Question::Command(Command::ReplyHeaders(ReplyHeadersCommand::Set(name, value))) => {
            let name = HeaderName::try_from(&**name).unwrap();
            HeaderValue::from_str(value).unwrap();
            assert!(!matches!(
                name.as_str(),
                "content-length" | "transfer-encoding" | "connection"
            ));
        }
        Question::Effect(Effect::Quota(QuotaEffect::TakeAll(buckets))) => {
            assert!((1..=16).contains(&buckets.len()));

            for bucket in buckets {
                match bucket.rule {
                    Rule::Rate(rate) => {
                        assert!(rate.cost >= 1 && rate.cost <= rate.burst);
                        assert!(rate.quota >= 1 && rate.window_seconds >= 1);
                    }
                    Rule::Concurrency(most) => assert!(most >= 1),
                }
            }
        }
        _ => {}
    }
}

fn replied(reply: &Reply, protocol: Protocol) {
    let caller = Caller { protocol, request_id: "12345678", instance: "/v1", retry_after: None };
    let response = Responder::new("https://problems.example/").reply(reply, &caller);
    let status = response.status().as_u16();
    assert!((200..=599).contains(&status));
    let media_type = response.headers().get(CONTENT_TYPE).cloned();
    let grpc_status = response.headers().get("grpc-status").cloned();
    let body = body(response);

    match (&reply.content, protocol) {
        (Content::Held(_), _) => assert!(status == 500 || protocol != Protocol::Json),
        (Content::Empty, Protocol::Json) => assert!(body.is_empty() && status == reply.status),
        (Content::Problem(problem), Protocol::Json) => {
            assert_eq!(media_type.unwrap(), "application/problem+json");
            assert_eq!(status, reply.status);
            assert!(unique(&body), "a member comes twice: {}", String::from_utf8_lossy(&body));
            let value: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value["status"], status);
            assert_eq!(value["code"], problem.slug.replace('-', "_"));
            assert_eq!(
                (&value["request_id"], &value["instance"]),
                (&"12345678".into(), &"/v1".into())
            );
            assert_eq!(
                (&value["title"], &value["detail"]),
                (&(&*problem.title).into(), &(&*problem.detail).into())
            );
        }
        (_, Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText) if reply.status >= 400 => {
            let code = grpc_status.unwrap().to_str().unwrap().parse::<u32>().unwrap();
            assert!((1..=16).contains(&code), "a refusal is told as {code}");
            assert_eq!(status, 200);
        }
        (_, Protocol::Connect) if reply.status >= 400 => {
            let value: Value = serde_json::from_slice(&body).unwrap();
            assert!(value["code"].is_string());
        }
        _ => {}
    }
}

fn body(response: http::Response<tollgate_edge::ResponseBody>) -> Vec<u8> {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use http_body::Body;

    let mut body = response.into_body();
    let mut bytes = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
    }
    bytes
}
