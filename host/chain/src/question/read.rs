//! The table of reads: questions that change nothing.

use std::fmt;

use serde::de::VariantAccess;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::argument::{Argument, Said};
use super::function::{AnswerSource, Function, QuestionFacts, TextOrigin};
use super::table::{deserialize_group, given_or, questions, serialize_group};
use super::{CredentialHandle, Nonsense, Question, Text, bounds, form};
use crate::{
    Access, Answer, Environment, IdempotencyKey, Identity, Interface, OriginKind, Presence,
    Presented, Resolution, RouteMatch, ServerName, UpstreamState,
};

const HEAD: QuestionFacts = QuestionFacts::from_source(AnswerSource::Head);
const CONFIGURATION: QuestionFacts = QuestionFacts::from_source(AnswerSource::Configuration);
const EXCHANGE: QuestionFacts = QuestionFacts::from_source(AnswerSource::Exchange);
const BACK_END: QuestionFacts = QuestionFacts::from_source(AnswerSource::BackEnd);
const MOMENT: QuestionFacts = QuestionFacts::from_source(AnswerSource::Moment);

/// The identity behind the key of a plain request.
const IDENTITY: Identity = Identity { environment: Environment::Sandbox, access: Access::Full };

questions! {
    /// Questions that change nothing.
    Read {
        /// Questions about the head of the request.
        Request(RequestRead) {
            MethodIs(method: Text) "request.method-is" {
                form: "method-is",
                facts: HEAD,
                words: "whether the method is {method}",
                typical: Answer::Bool(false),
                against: { Answer::Bool(false) => ("the method is not {method}") },
            }
            SchemeIs(scheme: Text) "request.scheme-is" {
                form: "scheme-is",
                facts: HEAD,
                words: "whether the scheme is {scheme}",
                typical: Answer::Bool(**scheme == *"https"),
                bounds: match &**scheme {
                    "http" | "https" => Ok(()),
                    _ => Err("the scheme `http` or `https`"),
                },
                against: { Answer::Bool(false) => ("the scheme is not {scheme}") },
            }
            HeaderPresence(name: Text) "request.header-presence" {
                form: "header-presence",
                facts: HEAD,
                words: "how often the header {name} occurs",
                typical: Answer::Presence(Presence::Absent),
                against: {
                    Answer::Presence(Presence::Absent) => ("the header {name} is missing"),
                    Answer::Presence(Presence::Repeated) => (
                        "the header {name} occurs more than once"
                    ),
                },
            }
            HeaderIs(name: Text, value: Text) "request.header-is" {
                form: "header-is",
                facts: HEAD,
                words: "whether the header {name} is \"{value}\"",
                typical: Answer::Bool(false),
                field: name,
                against: { Answer::Bool(false) => ("the header {name} is not \"{value}\"") },
            }
            Header(name: Text) "request.header" {
                form: "header",
                facts: HEAD.text(TextOrigin::Caller),
                words: "for the header {name}",
                typical: Answer::Text(None),
            }
            AuthorityIn(hosts: Box<[Text]>) "request.authority-in" {
                form: "authority-in",
                facts: HEAD,
                words: "which of {hosts} the request is for",
                typical: Answer::Index(Some(0)),
                against: {
                    Answer::Index(None) => ("the host is none of those that are served here"),
                },
            }
            ServerNameIn(hosts: Box<[Text]>) "request.server-name-in" {
                form: "server-name-in",
                facts: HEAD,
                words: "whether the TLS server name is among {hosts}",
                typical: Answer::ServerName(ServerName::Absent),
                against: {
                    Answer::ServerName(ServerName::Other) => (
                        "the connection was made for another host than the request"
                    ),
                },
            }
            Origin "request.origin" {
                form: "origin",
                facts: HEAD,
                words: "what kind of origin the request names",
                typical: Answer::Origin(OriginKind::Absent),
                against: {
                    Answer::Origin(OriginKind::Malformed) => ("the origin cannot be read"),
                },
            }
            OriginIn(origins: Box<[Text]>) "request.origin-in" {
                form: "origin-in",
                facts: HEAD,
                words: "whether the origin is among {origins}",
                typical: Answer::Bool(false),
                against: { Answer::Bool(false) => ("the origin is not allowed") },
            }
            ClientCertificate "request.client-certificate" {
                form: "client-certificate",
                facts: HEAD.text(TextOrigin::Principal),
                words: "for the certificate of the connection's peer",
                typical: Answer::ClientCertificate(None),
                against: {
                    Answer::ClientCertificate(None) => ("the caller showed no certificate"),
                },
            }
            ClientCertificateIn(names: Box<[Text]>) "request.client-certificate-in" {
                form: "client-certificate-in",
                facts: HEAD,
                words: "which of {names} the certificate of the connection's peer is for",
                typical: Answer::Index(Some(0)),
                bounds: bounds::certificate_names(names),
                against: {
                    Answer::Index(None) => ("the caller showed no certificate that is known here"),
                },
            }
        }

        /// Questions about the Route that the host matched.
        Route(RouteRead) {
            Matched "route.matched" {
                form: "route-matched",
                facts: HEAD,
                words: "whether a route has the path and method",
                typical: Answer::Matched(RouteMatch::None),
                against: {
                    Answer::Matched(RouteMatch::None | RouteMatch::OtherMethod) => (
                        "no route has this path and method"
                    ),
                },
            }
            Name "route.name" {
                form: "route-name",
                facts: CONFIGURATION.text(TextOrigin::Operator),
                words: "for the route's name",
                typical: Answer::Text(None),
            }
            Attribute(name: Text) "route.attribute" {
                form: "route-attribute",
                facts: CONFIGURATION.text(TextOrigin::Operator),
                words: "for the route's attribute {name}",
                typical: Answer::Text(None),
            }
            GrpcMethod "route.grpc-method" {
                form: "route-grpc-method",
                facts: CONFIGURATION.text(TextOrigin::Operator),
                words: "for the route's gRPC method",
                typical: Answer::Text(None),
            }
        }

        /// Questions about the credential that came with the request.
        Credentials(CredentialsRead) {
            Presented "credentials.presented" {
                form: "credentials-presented",
                facts: HEAD,
                words: "what the request presents as a credential",
                typical: Answer::Presented(Presented::One(CredentialHandle(0))),
                against: {
                    Answer::Presented(Presented::None) => ("the request presents no credential"),
                    Answer::Presented(Presented::Several) => (
                        "the request presents more than one credential"
                    ),
                    Answer::Presented(Presented::InQuery) => (
                        "the request presents a key in its query"
                    ),
                },
            }
            Resolve(credential: CredentialHandle) "credentials.resolve" {
                form: "credentials-resolve",
                facts: BACK_END.decisive().charged(),
                words: "whom the credential stands for",
                typical: Answer::Resolution(Resolution::Resolved(IDENTITY)),
                unavailable: Answer::Resolution(Resolution::Unavailable),
                against: {
                    Answer::Resolution(Resolution::Invalid) => (
                        "the key is unknown, revoked or expired"
                    ),
                    Answer::Resolution(Resolution::Throttled) => (
                        "too many attempts from this address failed"
                    ),
                    Answer::Resolution(Resolution::Unavailable) => ("keys cannot be looked up now"),
                    Answer::Resolution(Resolution::Resolved(Identity {
                        access: Access::None, ..
                    })) => ("the key's tenant may do nothing at present"),
                    Answer::Resolution(Resolution::Resolved(Identity {
                        access: Access::ReadOnly, ..
                    })) => ("the key's tenant may only read at present"),
                    Answer::Resolution(Resolution::Resolved(Identity {
                        access: Access::NoMoneyOut, ..
                    })) => ("the key's tenant may move no money out at present"),
                },
            }
            Permits(credential: CredentialHandle, scope: Text) "credentials.permits" {
                form: "credentials-permits",
                facts: EXCHANGE,
                words: "whether the credential has the scope {scope}",
                typical: Answer::Bool(true),
                against: { Answer::Bool(false) => ("the key does not have the scope {scope}") },
            }
        }

        /// Questions about the principal, once it is established.
        Principal(PrincipalRead) {
            Environment "principal.environment" {
                form: "principal-environment",
                facts: EXCHANGE,
                words: "for the caller's environment",
                typical: Answer::Environment(Some(IDENTITY.environment)),
                against: {
                    Answer::Environment(None) => ("nobody knows whom the request is from"),
                },
            }
            HasScope(scope: Text) "principal.has-scope" {
                form: "principal-has-scope",
                facts: EXCHANGE,
                words: "whether the caller has the scope {scope}",
                typical: Answer::Bool(true),
                against: { Answer::Bool(false) => ("the key does not have the scope {scope}") },
            }
            Tenant "principal.tenant" {
                form: "principal-tenant",
                facts: EXCHANGE.text(TextOrigin::Principal),
                words: "for the caller's tenant",
                typical: Answer::Text(Some("tenant".into())),
            }
        }

        /// Questions about the upstreams that the configuration declares.
        Upstreams(UpstreamsRead) {
            State(name: Text) "upstreams.state" {
                form: "upstream-state",
                facts: BACK_END,
                words: "how the upstream {name} is",
                typical: Answer::Upstream(UpstreamState::Ready),
                unavailable: Answer::Upstream(UpstreamState::Unavailable),
                against: {
                    Answer::Upstream(UpstreamState::Unavailable) => (
                        "the upstream {name} is unavailable"
                    ),
                    Answer::Upstream(UpstreamState::Unknown) => ("no upstream is called {name}"),
                },
            }
        }

        /// Questions about the idempotency key.
        Idempotency(IdempotencyRead) {
            Key "idempotency.key" {
                form: "idempotency-key",
                facts: HEAD,
                words: "what the idempotency key looks like",
                typical: Answer::IdempotencyKey(IdempotencyKey::Valid),
                against: {
                    Answer::IdempotencyKey(IdempotencyKey::Absent) => (
                        "the request has no idempotency key"
                    ),
                    Answer::IdempotencyKey(IdempotencyKey::Malformed) => (
                        "the idempotency key is malformed"
                    ),
                },
            }
        }

        /// Questions about the notes that earlier runs left.
        Notes(NotesRead) {
            Is(name: Text, value: Text) "notes.is" {
                form: "note-is",
                facts: EXCHANGE,
                words: "whether the note {name} is \"{value}\"",
                typical: Answer::Bool(false),
                against: {
                    Answer::Bool(true) => ("an earlier policy noted {name} = \"{value}\""),
                },
            }
            Get(name: Text) "notes.get" {
                form: "note",
                facts: EXCHANGE.text(TextOrigin::Caller),
                words: "for the note {name}",
                typical: Answer::Text(None),
            }
        }

        /// Questions about the response.
        Response(ResponseRead) {
            Status "response.status" {
                form: "response-status",
                facts: EXCHANGE,
                words: "for the response's status",
                typical: Answer::Status(200),
            }
            HeaderPresence(name: Text) "response.header-presence" {
                form: "response-header-presence",
                facts: EXCHANGE,
                words: "how often the response's header {name} occurs",
                typical: Answer::Presence(Presence::Absent),
            }
            HeaderIs(name: Text, value: Text) "response.header-is" {
                form: "response-header-is",
                facts: EXCHANGE,
                words: "whether the response's header {name} is \"{value}\"",
                typical: Answer::Bool(false),
                field: name,
            }
        }

        /// Questions of language runtimes about the machine they believe to run on, by the
        /// interfaces of WASI 0.2. No answer stays the same for long, so none is an edge of a tree.
        Wasi(WasiRead) in "system" {
            // Nanoseconds since 1970-01-01T00:00:00Z.
            WallClock "wasi:clocks/wall-clock.now" {
                form: "wall-clock",
                facts: MOMENT,
                words: "what time it is",
                typical: Answer::Nanoseconds(0),
            }
            // Nanoseconds since a moment of the process.
            MonotonicClock "wasi:clocks/monotonic-clock.now" {
                form: "monotonic-clock",
                facts: MOMENT,
                words: "how much time has passed",
                typical: Answer::Nanoseconds(0),
            }
            // `wasi:random/random` and `wasi:random/insecure`: so many bytes, at most
            // `WasiRead::RANDOM_MAX`.
            Random(bytes: u32) "wasi:random" {
                form: "random",
                facts: MOMENT,
                words: "for {bytes} random bytes",
                typical: Answer::Random(vec![0; usize::try_from(*bytes).unwrap_or_default()].into()),
                bounds: bounds::random(*bytes),
            }
        }
    }
}

impl WasiRead {
    /// Most bytes of one answer of [`WasiRead::Random`].
    pub const RANDOM_MAX: u32 = 4_095;
}

impl Copy for WasiRead {}
