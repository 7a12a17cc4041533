use tollgate_chain::{
    Access, Bucket, Claimed, CredentialHandle, CredentialsRead, Environment, HeldHandle,
    IdempotencyEffect, IdempotencyKey, IdempotencyRead, Identity, LogCommand, LogLevel,
    NotesCommand, NotesRead, OriginKind, Partition, Presence, Presented, PrincipalCommand,
    PrincipalRead, QuotaCommand, QuotaEffect, Rate, ReplyHeadersCommand, RequestRead, Resolution,
    ResponseRead, RouteMatch, RouteRead, Rule, ServerName, Source, Taken, Text, UpstreamState,
    UpstreamsRead, WasiRead,
};

use super::*;

fn text() -> Text {
    "a \"quoted\" é\n".into()
}

fn texts() -> Box<[Text]> {
    vec![text(), Text::default()].into()
}

fn reads() -> Vec<Question> {
    let handle = CredentialHandle(3);
    vec![
        RequestRead::MethodIs(text()).into(),
        RequestRead::HeaderPresence(text()).into(),
        RequestRead::HeaderIs(text(), text()).into(),
        RequestRead::Header(text()).into(),
        RequestRead::AuthorityIn(texts()).into(),
        RequestRead::ServerNameIn(Box::new([])).into(),
        RequestRead::Origin.into(),
        RequestRead::OriginIn(texts()).into(),
        RouteRead::Matched.into(),
        RouteRead::Name.into(),
        RouteRead::Attribute(text()).into(),
        RouteRead::GrpcMethod.into(),
        CredentialsRead::Presented.into(),
        CredentialsRead::Resolve(handle).into(),
        CredentialsRead::Permits(handle, text()).into(),
        PrincipalRead::Environment.into(),
        PrincipalRead::HasScope(text()).into(),
        PrincipalRead::Tenant.into(),
        UpstreamsRead::State(text()).into(),
        IdempotencyRead::Key.into(),
        NotesRead::Is(text(), text()).into(),
        NotesRead::Get(text()).into(),
        ResponseRead::Status.into(),
        ResponseRead::HeaderPresence(text()).into(),
        ResponseRead::HeaderIs(text(), text()).into(),
        WasiRead::WallClock.into(),
        WasiRead::MonotonicClock.into(),
        WasiRead::Random(8).into(),
    ]
}

fn commands() -> Vec<Question> {
    vec![
        ReplyHeadersCommand::Set(text(), text()).into(),
        ReplyHeadersCommand::SetFrom(text(), Source::RequestHeader(text())).into(),
        ReplyHeadersCommand::SetFrom(text(), Source::RouteMethods).into(),
        ReplyHeadersCommand::SetFrom(text(), Source::RetryAfter).into(),
        ReplyHeadersCommand::AddVary(texts()).into(),
        ReplyHeadersCommand::DropUpstream(texts().into()).into(),
        PrincipalCommand::Establish(CredentialHandle(u32::MAX)).into(),
        QuotaCommand::Report.into(),
        NotesCommand::Set(text(), text()).into(),
        LogCommand::Write(LogLevel::Warn, text()).into(),
    ]
}

fn effects() -> Vec<Question> {
    let rate = Rule::Rate(Rate { quota: 1, window_seconds: 2, burst: 3, cost: 4 });
    let bucket = |partition, rule| Bucket { name: text(), partition, rule };
    let buckets = vec![
        bucket(Partition::Tenant, rate),
        bucket(Partition::Key, Rule::Concurrency(5)),
        bucket(Partition::Address, rate),
    ];
    vec![QuotaEffect::TakeAll(buckets.into()).into(), IdempotencyEffect::Claim.into()]
}

fn answers() -> Vec<Answer> {
    let identity = |environment, access| Resolution::Resolved(Identity { environment, access });
    let resolutions = [
        identity(Environment::Sandbox, Access::Full),
        identity(Environment::Live, Access::NoMoneyOut),
        identity(Environment::Live, Access::ReadOnly),
        identity(Environment::Live, Access::None),
        Resolution::Invalid,
        Resolution::Throttled,
        Resolution::Unavailable,
    ];

    let claims = [
        Claimed::Claimed,
        Claimed::Completed(HeldHandle(1)),
        Claimed::InProgress,
        Claimed::Reused,
        Claimed::Unavailable,
        Claimed::BodyRefused(HeldHandle(0)),
    ];

    let presented = [
        Presented::None,
        Presented::One(CredentialHandle(0)),
        Presented::Several,
        Presented::InQuery,
    ];

    let mut all = vec![
        Answer::Done,
        Answer::Bool(true),
        Answer::Text(None),
        Answer::Text(Some(Text::default())),
        Answer::Text(Some(text())),
        Answer::Presence(Presence::Repeated),
        Answer::Index(None),
        Answer::Index(Some(0)),
        Answer::ServerName(ServerName::Other),
        Answer::Origin(OriginKind::Opaque),
        Answer::Matched(RouteMatch::None),
        Answer::Environment(None),
        Answer::Environment(Some(Environment::Live)),
        Answer::Upstream(UpstreamState::Unknown),
        Answer::IdempotencyKey(IdempotencyKey::Malformed),
        Answer::Taken(Taken::Allowed),
        Answer::Taken(Taken::Denied(2)),
        Answer::Status(503),
        Answer::Nanoseconds(u64::MAX),
        Answer::Random([0, 255].into()),
    ];

    all.extend(resolutions.map(Answer::Resolution));
    all.extend(claims.map(Answer::Claimed));
    all.extend(presented.map(Answer::Presented));
    all
}

/// A replay compares questions: one that came back as another would be fed a wrong answer.
#[test]
fn every_question_and_answer_comes_back_as_the_same_value() {
    let mut seen = std::collections::BTreeSet::new();
    for question in reads().into_iter().chain(commands()).chain(effects()) {
        let step = StepForm { question, answer: Answer::Done, hidden: Hidden::default() };
        let text = serde_json::to_string(&step).unwrap();
        assert_eq!(serde_json::from_str::<StepForm>(&text).unwrap(), step, "{text}");
        assert!(seen.insert(text), "two questions have one form");
    }
    for answer in answers() {
        let hidden = Hidden { question: false, answer: true };
        let step = StepForm { question: Question::from(RequestRead::Origin), answer, hidden };
        let text = serde_json::to_string(&step).unwrap();
        assert_eq!(serde_json::from_str::<StepForm>(&text).unwrap(), step, "{text}");
        assert!(seen.insert(text), "two answers have one form");
    }
}
