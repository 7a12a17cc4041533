//! The table of questions: each has one name, one serialised form, and its words.

mod cases;

use std::collections::BTreeSet;
use std::mem::discriminant;

use cases::{buckets, cases, text};
use tollgate_chain::{
    Access, Answer, AnswerSource, Claimed, CredentialHandle, CredentialsRead, Effect, Environment,
    Function, IdempotencyEffect, Identity, Interface, Question, QuotaEffect, RequestRead,
    Resolution, Taken, Text, TextOrigin, UpstreamState, UpstreamsRead,
};

#[test]
fn every_question_has_the_form_of_recorded_receipts_and_comes_back_from_it() {
    for (question, form, _) in cases() {
        assert_eq!(serde_json::to_string(&question).unwrap(), form);
        assert_eq!(serde_json::from_str::<Question>(form).unwrap(), question, "{form}");
    }
}

#[test]
fn a_form_of_no_question_is_refused_by_name() {
    for (form, named) in [
        (r#"{"read":"weather"}"#, "unknown question `weather`"),
        (r#"{"command":{"method-is":"GET"}}"#, "unknown question `method-is`"),
        (r#"{"read":{"system":"weather"}}"#, "unknown variant `weather`"),
        (r#"{"read":{"header-is":["a"]}}"#, "HeaderIs with 2 elements"),
    ] {
        let error = serde_json::from_str::<Question>(form).unwrap_err().to_string();
        assert!(error.contains(named), "{form}: {error}");
    }
}

#[test]
fn every_question_says_in_words_what_a_policy_did_by_asking() {
    for (question, form, words) in cases() {
        assert_eq!(question.to_string(), words, "{form}");
    }
}

#[test]
fn the_table_has_no_function_that_is_not_tried_here() {
    let tried: BTreeSet<_> = cases().iter().map(|case| case.0.function().name).collect();
    let all: BTreeSet<_> = Function::all().map(|function| function.name).collect();
    assert_eq!(tried, all);
    assert_eq!(Function::all().count(), all.len(), "two functions have one name");
}

#[test]
fn a_functions_name_begins_with_its_interface() {
    let contract = Function::all().filter(|function| function.interface != Interface::Wasi);
    for function in contract {
        let name = format!("{}.{}", function.interface, function.short_name());
        assert_eq!(function.name, name);
    }
}

#[test]
fn every_text_of_a_question_counts_and_can_be_changed() {
    for (question, form, _) in cases() {
        let changed = question.map_texts(&|text| format!("{text}!").into());
        let grown = changed.bytes() - question.bytes();
        assert_eq!(grown == 0, changed == question, "{form}");
        assert_eq!(changed.function(), question.function(), "{form}");
    }

    let question = Question::from(QuotaEffect::TakeAll(buckets()));
    let changed = question.map_texts(&|_| Text::from("x"));
    let Question::Effect(Effect::Quota(QuotaEffect::TakeAll(changed))) = changed else {
        panic!("{changed} is another question");
    };
    assert!(changed.iter().all(|bucket| &*bucket.name == "x"));
}

#[test]
fn the_field_whose_value_is_compared_or_set_is_named() {
    for (question, form, _) in cases() {
        let valued = form.contains("header-is") || form.contains("\"reply-header-set\"");
        assert_eq!(question.field(), valued.then_some("a"), "{form}");
    }
}

#[test]
fn an_answer_against_the_request_gives_its_reason() {
    let method = || Question::from(RequestRead::MethodIs(text("GET")));
    let resolve = || Question::from(CredentialsRead::Resolve(CredentialHandle(0)));
    let take = || Question::from(QuotaEffect::TakeAll(buckets()));
    let state = || Question::from(UpstreamsRead::State(text("a")));

    let resolved = |access| {
        let identity = Identity { environment: Environment::Live, access };
        Answer::Resolution(Resolution::Resolved(identity))
    };

    let used_up = r#"the quota "flight" (4 in flight, for each key) is used up"#;
    for (question, answer, reason) in [
        (method(), Answer::Bool(false), Some("the method is not GET")),
        (method(), Answer::Bool(true), None),
        (resolve(), resolved(Access::Full), None),
        (resolve(), resolved(Access::ReadOnly), Some("the key's tenant may only read at present")),
        (take(), Answer::Taken(Taken::Denied(1)), Some(used_up)),
        (take(), Answer::Taken(Taken::Allowed), None),
        (state(), Answer::Upstream(UpstreamState::Unknown), Some("no upstream is called a")),
        (IdempotencyEffect::Claim.into(), Answer::Claimed(Claimed::Claimed), None),
    ] {
        assert_eq!(question.reason_against(&answer).as_deref(), reason, "{question}: {answer:?}");
    }
}

#[test]
fn an_outage_is_answered_in_kind_and_differs_from_a_plain_request() {
    for (question, form, _) in cases() {
        let typical = question.typical_answer();
        assert_eq!(typical == Answer::Done, question.is_command(), "{form}");
        let function = question.function();
        let Some(unavailable) = &function.unavailable else { continue };
        assert_ne!(typical, *unavailable, "{form}");
        assert_eq!(discriminant(&typical), discriminant(unavailable), "{form}");
        assert_eq!(function.facts.source, AnswerSource::BackEnd, "{form}");
    }
}

#[test]
fn only_what_costs_nobody_anything_may_be_asked_again() {
    for (question, form, _) in cases() {
        let costs = form.contains("credentials-resolve") || !form.starts_with(r#"{"read""#);
        assert_eq!(question.is_free(), !costs, "{form}");
    }
}

#[test]
fn text_of_a_caller_is_known_as_such() {
    let of = |origin| {
        let answered = Function::all().filter(move |function| function.facts.text == Some(origin));
        answered.map(|function| function.name).collect::<Vec<_>>()
    };
    assert_eq!(of(TextOrigin::Caller), ["request.header", "notes.get"]);
    assert_eq!(of(TextOrigin::Principal), ["request.client-certificate", "principal.tenant"]);
    assert_eq!(of(TextOrigin::Operator), ["route.name", "route.attribute", "route.grpc-method"]);
}

#[test]
fn a_name_that_no_certificate_has_is_refused() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let upper = digest.to_uppercase().replace("SHA256", "sha256");
    let (sound, wrong) =
        (["dns:a.example", "uri:urn:a", &digest], ["a", "dns:A.b", "uri:", &upper]);
    let check = |names: &[&str]| {
        let names = names.iter().map(|name| text(name)).collect();
        Question::from(RequestRead::ClientCertificateIn(names)).check()
    };

    assert_eq!(check(&sound), Ok(()));
    assert_eq!(check(&[]), Ok(()), "nobody is known by any of no names");
    for name in wrong {
        let refused = check(&[sound[0], name]).unwrap_err().to_string();
        assert!(refused.starts_with("request.client-certificate-in: at most 1024 names"), "{name}");
    }
    assert!(check(&vec![sound[0]; 1_025]).is_err());
}

#[test]
fn a_scheme_that_no_request_has_is_refused() {
    for (scheme, sound) in [("http", true), ("https", true), ("HTTPS", false), ("", false)] {
        let checked = Question::from(RequestRead::SchemeIs(text(scheme))).check();
        let expected = "request.scheme-is: the scheme `http` or `https`";
        let refused = checked.map_err(|nonsense| nonsense.to_string());
        assert_eq!(refused, if sound { Ok(()) } else { Err(expected.to_owned()) }, "{scheme}");
    }
}
