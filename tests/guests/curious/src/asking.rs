//! Each interface's questions, each once; the answers as text.

use std::fmt::Debug;

use tollgate_sdk::{
    Bucket, Host, Level, Partition, Presentation, Rate, ResponseHost, Rule, Source,
};

/// The answers so far, in the order of the questions.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) answers: Vec<String>,
}

impl Asked {
    fn note(&mut self, answer: impl Debug) {
        self.answers.push(format!("{answer:?}"));
    }

    /// Reports traces of an earlier request.
    pub(crate) fn past(&mut self) {
        #[cfg(target_family = "wasm")]
        self.answers.extend(crate::past::Look::and_leave_marks().told());
    }

    /// Reports the result of asking for this many pages, one by one.
    pub(crate) fn growth(&mut self, pages: u32) {
        #[cfg(target_family = "wasm")]
        for _ in 0..pages {
            self.note(core::arch::wasm32::memory_grow(0, 1));
        }
        self.note(pages);
    }

    pub(crate) fn request(&mut self, host: &mut impl Host) {
        self.note(host.method_is("GET"));
        self.note(host.scheme_is("https"));
        self.note(host.header_presence("origin"));
        self.note(host.header_is("accept", "text/plain"));
        self.note(host.header("user-agent"));
        self.note(host.authority_in(&list(["a.example", "b.example"])));
        self.note(host.server_name_in(&list(["a.example"])));
        self.note(host.origin());
        self.note(host.origin_in(&list(["https://a.example"])));
        self.note(host.client_certificate());
        self.note(host.client_certificate_in(&list(["dns:a.example", "uri:urn:b"])));
    }

    pub(crate) fn route(&mut self, host: &mut impl Host) {
        self.note(host.route_matched());
        self.note(host.route_name());
        self.note(host.route_attribute("class"));
        self.note(host.route_grpc_method());
    }

    pub(crate) fn credentials(&mut self, host: &mut impl Host) {
        let presented = host.credentials_presented();
        self.note(presented);
        if let Presentation::One(credential) = presented {
            self.note(host.credentials_resolve(credential));
            self.note(host.credentials_permits(credential, "deposits:read"));
        }
    }

    pub(crate) fn principal(&mut self, host: &mut impl Host) {
        host.principal_establish(7);
        self.note(host.principal_environment());
        self.note(host.principal_has_scope("deposits:read"));
        self.note(host.principal_tenant());
    }

    pub(crate) fn quota(&mut self, host: &mut impl Host) {
        let rate = Rate { quota: 100, window_seconds: 60, burst: 20, cost: 1 };
        let bucket =
            |name: &str, partition, rule| Bucket { name: name.to_owned(), partition, rule };
        self.note(host.quota_take_all(&[
            bucket("per-key", Partition::Key, Rule::Rate(rate)),
            bucket("in-flight", Partition::Tenant, Rule::Concurrency(8)),
            bucket("per-address", Partition::Address, Rule::Concurrency(9)),
        ]));
        host.quota_report();
    }

    pub(crate) fn upstreams(&mut self, host: &mut impl Host) {
        self.note(host.upstream_state("deposits"));
    }

    pub(crate) fn idempotency(&mut self, host: &mut impl Host) {
        self.note(host.idempotency_key());
        self.note(host.idempotency_claim());
    }

    pub(crate) fn reply_headers(&mut self, host: &mut impl Host) {
        host.reply_header_set("x-colour", "red");
        let source = Source::RequestHeader("x-trace".to_owned());
        host.reply_header_set_from("x-trace", &source);
        host.reply_header_set_from("allow", &Source::RouteMethods);
        host.reply_header_set_from("retry-after", &Source::RetryAfter);
        host.reply_add_vary(&list(["origin"]));
        host.reply_drop_upstream(&list(["server", "x-powered-by"]));
    }

    pub(crate) fn notes(&mut self, host: &mut impl Host) {
        host.note_set("colour", "red");
        self.note(host.note_is("colour", "red"));
        self.note(host.note("colour"));
    }

    pub(crate) fn log(&mut self, host: &mut impl Host) {
        host.log(Level::Debug, "one");
        host.log(Level::Info, "two");
        host.log(Level::Warn, "three");
        host.log(Level::Error, &"é".repeat(1_000));
    }

    pub(crate) fn response(&mut self, host: &mut impl ResponseHost) {
        self.note(host.response_status());
        self.note(host.response_header_presence("server"));
        self.note(host.response_header_is("server", "x"));
    }
}

fn list<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}
