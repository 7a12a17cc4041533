//! The core of the gateway, without I/O.
//!
//! A policy is a pure function of what it asked. This crate holds that idea as types: the
//! [`Question`]s a policy may ask, the [`Answer`]s a [`Host`] gives, the [`Verdict`] that follows,
//! the [`Trace`] of it all, and the two walks along a [`Chain`] of policies
//! ([`request`], [`response`]). It awaits nothing but the [`Host`] and [`Plugin`] traits.
//!
//! Read next: `question.rs`, then `run.rs`, then `request.rs`.

mod answer;
mod client_certificate;
mod continuation;
mod decide;
mod error;
mod fault;
mod head;
mod host;
mod interface;
mod path;
mod payload;
mod policy;
mod principal;
mod problem;
mod question;
mod receipt;
mod rollout;
mod route;
mod run;
mod tally;
#[cfg(test)]
mod testing;
mod trace;
mod tree;
mod verdict;
mod weight;

pub mod metric;
pub mod request;
pub mod response;

pub use answer::{
    Answer, Claimed, IdempotencyKey, Mismatch, OriginKind, Presence, Presented, Resolution,
    RouteMatch, ServerName, Taken, UpstreamState,
};
pub use client_certificate::{CertificateIdentity, ClientCertificate};
pub use continuation::{Continue, Guard, Observer, Standing};
pub use error::{Error, GrpcFailure, Violation};
pub use fault::{Cause, Closed, FAULTS, Fate, Row, When};
pub use head::{Authority, Head};
pub use host::{Asked, Host, Settlement};
pub use interface::{Interface, UnknownInterface};
pub use path::check_path;
pub use payload::{Fingerprint, Payload, Prepared};
pub use policy::{Chain, Class, Finished, Hook, Interests, Plugin, Policy, Trees};
pub use principal::{Access, Environment, Identity, Principal};
pub use problem::{CATALOGUE, GrpcCode, ProblemSource, ProblemType, problem_reference};
pub use question::{
    AnswerSource, Bucket, Command, CredentialHandle, CredentialsRead, Effect, Function, HeldHandle,
    IdempotencyEffect, IdempotencyRead, LogCommand, LogLevel, Nonsense, NotesCommand, NotesRead,
    Partition, PrincipalCommand, PrincipalRead, Question, QuestionFacts, QuotaCommand, QuotaEffect,
    Rate, Read, ReplyHeadersCommand, RequestRead, ResponseRead, RouteRead, Rule, Source, Text,
    TextOrigin, UpstreamsRead, WasiRead,
};
pub use receipt::{Check, Decision, Receipt, ReceiptEntry};
pub use rollout::{
    Acting, Difference, Drift, Progress, Rollout, RolloutFigures, ShadowFigures, Share, Stage,
    Tolerance,
};
pub use route::{
    Attributes, GrpcMethod, Matched, Methods, Route, RouteLimits, RouteTable, RouteTableError,
    Template, TemplateError,
};
pub use run::{Departure, Failure, Run};
pub use tally::Tally;
pub use trace::Trace;
pub use tree::{
    Bounds, Branch, Discord, Figures, Growth, Leaf, LeafRef, Lesson, NoBranch, Tree, Walk,
};
pub use verdict::{Content, Member, Problem, Reply, Verdict};
