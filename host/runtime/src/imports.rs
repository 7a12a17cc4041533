//! Every import of the contract: a thin binding over a question. What the answer is, is decided
//! by the host behind the run.

use tollgate_chain::{
    Answer, CredentialHandle, CredentialsRead, Host, IdempotencyEffect, IdempotencyRead, Interface,
    LogCommand, Mismatch, NotesCommand, NotesRead, PrincipalCommand, PrincipalRead, Question,
    QuotaCommand, QuotaEffect, ReplyHeadersCommand, RequestRead, ResponseRead, RouteRead,
    UpstreamsRead,
};
use wasmtime::Result;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings::tollgate::policy::{
    credentials, idempotency, log, notes, principal, quota, reply_headers, request, response,
    route, upstreams, verdicts,
};
use crate::convert::{log_line, owned, texts};
use crate::state::{State, Stop};
use crate::{Grants, wasi};

/// A linker that knows the granted interfaces, and no other. Of WASI it knows what this component
/// imports.
pub(crate) fn linker<H: Host>(component: &Component, grants: &Grants) -> Result<Linker<State<H>>> {
    let mut linker = Linker::new(component.engine());
    for interface in grants.iter() {
        link(&mut linker, interface, component)?;
    }
    Ok(linker)
}

fn link<H: Host>(
    linker: &mut Linker<State<H>>,
    interface: Interface,
    component: &Component,
) -> Result<()> {
    type Own<H> = HasSelf<State<H>>;
    match interface {
        Interface::Request => request::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Route => route::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Credentials => credentials::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Principal => principal::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Quota => quota::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Upstreams => upstreams::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Idempotency => idempotency::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::ReplyHeaders => reply_headers::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Notes => notes::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Log => log::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Response => response::add_to_linker::<_, Own<H>>(linker, |state| state),
        Interface::Wasi => wasi::link(linker, component),
    }
}

impl<H: Host> State<H> {
    /// Asks a read and takes its answer for what the contract says it is.
    fn read<T>(&mut self, read: impl Into<Question>, kind: Kind<T>) -> Result<T> {
        kind(self.ask_ready(read.into())?).map_err(|mismatch| Stop::from(mismatch).into())
    }

    /// Collects a command.
    fn command(&mut self, command: impl Into<Question>) -> Result<()> {
        self.ask_ready(command.into()).map(drop)
    }

    /// Asks what may have to be waited for.
    async fn wait<T>(&mut self, question: impl Into<Question>, kind: Kind<T>) -> Result<T> {
        kind(self.ask(question.into()).await?).map_err(|mismatch| Stop::from(mismatch).into())
    }
}

type Kind<T> = fn(Answer) -> std::result::Result<T, Mismatch>;

impl<H: Host> verdicts::Host for State<H> {}

impl<H: Host> request::Host for State<H> {
    fn method_is(&mut self, method: String) -> Result<bool> {
        self.read(RequestRead::MethodIs(method.into()), Answer::into_bool)
    }

    fn scheme_is(&mut self, scheme: String) -> Result<bool> {
        self.read(RequestRead::SchemeIs(scheme.into()), Answer::into_bool)
    }

    fn header_presence(&mut self, name: String) -> Result<request::Presence> {
        self.read(RequestRead::HeaderPresence(name.into()), Answer::into_presence).map(Into::into)
    }

    fn header_is(&mut self, name: String, value: String) -> Result<bool> {
        self.read(RequestRead::HeaderIs(name.into(), value.into()), Answer::into_bool)
    }

    fn header(&mut self, name: String) -> Result<Option<String>> {
        self.read(RequestRead::Header(name.into()), Answer::into_text).map(owned)
    }

    fn authority_in(&mut self, hosts: Vec<String>) -> Result<Option<u32>> {
        self.read(RequestRead::AuthorityIn(texts(hosts)), Answer::into_index)
    }

    fn server_name_in(&mut self, hosts: Vec<String>) -> Result<request::ServerName> {
        self.read(RequestRead::ServerNameIn(texts(hosts)), Answer::into_server_name).map(Into::into)
    }

    fn origin(&mut self) -> Result<request::OriginKind> {
        self.read(RequestRead::Origin, Answer::into_origin).map(Into::into)
    }

    fn origin_in(&mut self, origins: Vec<String>) -> Result<bool> {
        self.read(RequestRead::OriginIn(texts(origins)), Answer::into_bool)
    }

    fn client_certificate(&mut self) -> Result<Option<request::CertificateIdentity>> {
        let shown = self.read(RequestRead::ClientCertificate, Answer::into_client_certificate)?;
        Ok(shown.as_deref().map(Into::into))
    }

    fn client_certificate_in(&mut self, names: Vec<String>) -> Result<Option<u32>> {
        self.read(RequestRead::ClientCertificateIn(texts(names)), Answer::into_index)
    }
}

impl<H: Host> response::Host for State<H> {
    fn status(&mut self) -> Result<u16> {
        self.read(ResponseRead::Status, Answer::into_status)
    }

    fn header_presence(&mut self, name: String) -> Result<request::Presence> {
        self.read(ResponseRead::HeaderPresence(name.into()), Answer::into_presence).map(Into::into)
    }

    fn header_is(&mut self, name: String, value: String) -> Result<bool> {
        self.read(ResponseRead::HeaderIs(name.into(), value.into()), Answer::into_bool)
    }
}

impl<H: Host> route::Host for State<H> {
    fn matched(&mut self) -> Result<route::RouteMatch> {
        self.read(RouteRead::Matched, Answer::into_matched).map(Into::into)
    }

    fn name(&mut self) -> Result<Option<String>> {
        self.read(RouteRead::Name, Answer::into_text).map(owned)
    }

    fn attribute(&mut self, name: String) -> Result<Option<String>> {
        self.read(RouteRead::Attribute(name.into()), Answer::into_text).map(owned)
    }

    fn grpc_method(&mut self) -> Result<Option<String>> {
        self.read(RouteRead::GrpcMethod, Answer::into_text).map(owned)
    }
}

impl<H: Host> credentials::Host for State<H> {
    fn presented(&mut self) -> Result<credentials::Presentation> {
        self.read(CredentialsRead::Presented, Answer::into_presented).map(Into::into)
    }

    async fn resolve(&mut self, credential: u32) -> Result<credentials::Resolution> {
        let read = CredentialsRead::Resolve(CredentialHandle(credential));
        self.wait(read, Answer::into_resolution).await.map(Into::into)
    }

    fn permits(&mut self, credential: u32, scope: String) -> Result<bool> {
        let credential = CredentialHandle(credential);
        self.read(CredentialsRead::Permits(credential, scope.into()), Answer::into_bool)
    }
}

impl<H: Host> principal::Host for State<H> {
    fn establish(&mut self, credential: u32) -> Result<()> {
        self.command(PrincipalCommand::Establish(CredentialHandle(credential)))
    }

    fn environment(&mut self) -> Result<Option<principal::EnvironmentKind>> {
        self.read(PrincipalRead::Environment, Answer::into_environment)
            .map(|environment| environment.map(Into::into))
    }

    fn has_scope(&mut self, scope: String) -> Result<bool> {
        self.read(PrincipalRead::HasScope(scope.into()), Answer::into_bool)
    }

    fn tenant(&mut self) -> Result<Option<String>> {
        self.read(PrincipalRead::Tenant, Answer::into_text).map(owned)
    }
}

impl<H: Host> quota::Host for State<H> {
    async fn take_all(&mut self, buckets: Vec<quota::Bucket>) -> Result<quota::Taken> {
        let buckets = buckets.into_iter().map(Into::into).collect();
        self.wait(QuotaEffect::TakeAll(buckets), Answer::into_taken).await.map(Into::into)
    }

    fn report(&mut self) -> Result<()> {
        self.command(QuotaCommand::Report)
    }
}

impl<H: Host> upstreams::Host for State<H> {
    fn state(&mut self, name: String) -> Result<upstreams::UpstreamState> {
        self.read(UpstreamsRead::State(name.into()), Answer::into_upstream).map(Into::into)
    }
}

impl<H: Host> idempotency::Host for State<H> {
    fn key(&mut self) -> Result<idempotency::KeyState> {
        self.read(IdempotencyRead::Key, Answer::into_idempotency_key).map(Into::into)
    }

    async fn claim(&mut self) -> Result<idempotency::Claimed> {
        self.wait(IdempotencyEffect::Claim, Answer::into_claimed).await.map(Into::into)
    }
}

impl<H: Host> reply_headers::Host for State<H> {
    fn set(&mut self, name: String, value: String) -> Result<()> {
        self.command(ReplyHeadersCommand::Set(name.into(), value.into()))
    }

    fn set_from(&mut self, name: String, source: reply_headers::Source) -> Result<()> {
        self.command(ReplyHeadersCommand::SetFrom(name.into(), source.into()))
    }

    fn add_vary(&mut self, names: Vec<String>) -> Result<()> {
        self.command(ReplyHeadersCommand::AddVary(texts(names)))
    }

    fn drop_upstream(&mut self, names: Vec<String>) -> Result<()> {
        self.command(ReplyHeadersCommand::DropUpstream(texts(names).into()))
    }
}

impl<H: Host> notes::Host for State<H> {
    fn set(&mut self, name: String, value: String) -> Result<()> {
        self.command(NotesCommand::Set(name.into(), value.into()))
    }

    fn is(&mut self, name: String, value: String) -> Result<bool> {
        self.read(NotesRead::Is(name.into(), value.into()), Answer::into_bool)
    }

    fn get(&mut self, name: String) -> Result<Option<String>> {
        self.read(NotesRead::Get(name.into()), Answer::into_text).map(owned)
    }
}

impl<H: Host> log::Host for State<H> {
    fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        self.command(LogCommand::Write(level.into(), log_line(message)))
    }
}
