use tollgate_chain::{
    Access, Bucket, Claimed, Command, CredentialHandle, Effect, Environment, HeldHandle,
    IdempotencyKey, Identity, LogLevel, OriginKind, Partition, Presence, Presented, Rate, Read,
    Resolution, RouteMatch, Rule, ServerName, Source, System, Taken, Text, UpstreamState,
};

use super::*;

fn text() -> Text {
    "a \"quoted\" é\n".into()
}

fn texts() -> Box<[Text]> {
    vec![text(), Text::default()].into()
}

fn reads() -> Vec<Read> {
    let handle = CredentialHandle(3);
    vec![
        Read::MethodIs(text()),
        Read::HeaderPresence(text()),
        Read::HeaderIs(text(), text()),
        Read::Header(text()),
        Read::AuthorityIn(texts()),
        Read::ServerNameIn(Box::new([])),
        Read::Origin,
        Read::OriginIn(texts()),
        Read::RouteMatched,
        Read::RouteName,
        Read::RouteAttribute(text()),
        Read::RouteGrpcMethod,
        Read::CredentialsPresented,
        Read::CredentialsResolve(handle),
        Read::CredentialsPermits(handle, text()),
        Read::PrincipalEnvironment,
        Read::PrincipalHasScope(text()),
        Read::PrincipalTenant,
        Read::UpstreamState(text()),
        Read::IdempotencyKey,
        Read::NoteIs(text(), text()),
        Read::Note(text()),
        Read::ResponseStatus,
        Read::ResponseHeaderPresence(text()),
        Read::ResponseHeaderIs(text(), text()),
        Read::System(System::WallClock),
        Read::System(System::MonotonicClock),
        Read::System(System::Random(8)),
    ]
}

fn commands() -> Vec<Command> {
    vec![
        Command::ReplyHeaderSet(text(), text()),
        Command::ReplyHeaderSetFrom(text(), Source::RequestHeader(text())),
        Command::ReplyHeaderSetFrom(text(), Source::RouteMethods),
        Command::ReplyHeaderSetFrom(text(), Source::RetryAfter),
        Command::ReplyVary(texts()),
        Command::ReplyDropUpstream(texts().into()),
        Command::PrincipalEstablish(CredentialHandle(u32::MAX)),
        Command::QuotaReport,
        Command::NoteSet(text(), text()),
        Command::Log(LogLevel::Warn, text()),
    ]
}

fn effects() -> Vec<Effect> {
    let rate = Rule::Rate(Rate { quota: 1, window_seconds: 2, burst: 3, cost: 4 });
    let bucket = |partition, rule| Bucket { name: text(), partition, rule };
    let buckets = vec![
        bucket(Partition::Tenant, rate),
        bucket(Partition::Key, Rule::Concurrency(5)),
        bucket(Partition::Address, rate),
    ];
    vec![Effect::QuotaTakeAll(buckets.into()), Effect::IdempotencyClaim]
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
    let reads = reads().into_iter().map(Question::Read);
    let commands = commands().into_iter().map(Question::Command);
    let effects = effects().into_iter().map(Question::Effect);
    let mut seen = std::collections::BTreeSet::new();
    for question in reads.chain(commands).chain(effects) {
        let step = StepForm { question, answer: Answer::Done, hidden: Hidden::default() };
        let text = serde_json::to_string(&step).unwrap();
        assert_eq!(serde_json::from_str::<StepForm>(&text).unwrap(), step, "{text}");
        assert!(seen.insert(text), "two questions have one form");
    }
    for answer in answers() {
        let hidden = Hidden { question: false, answer: true };
        let step = StepForm { question: Question::Read(Read::Origin), answer, hidden };
        let text = serde_json::to_string(&step).unwrap();
        assert_eq!(serde_json::from_str::<StepForm>(&text).unwrap(), step, "{text}");
        assert!(seen.insert(text), "two answers have one form");
    }
}
