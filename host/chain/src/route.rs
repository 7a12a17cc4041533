//! A Route: what the operator says about a method and path; and the table that finds it.

mod attributes;
mod table;
mod template;

pub use attributes::Attributes;
pub use table::{Methods, RouteTable, RouteTableError};
pub use template::{Template, TemplateError};

use std::sync::Arc;
use std::time::Duration;

/// The gRPC method behind a Route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcMethod {
    /// Full name of the service, `package.Service`.
    pub service: Box<str>,
    /// Name of the method within it.
    pub method: Box<str>,
}

impl GrpcMethod {
    /// `package.Service/Method`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.service, self.method)
    }
}

/// Bounds of one exchange on a Route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteLimits {
    /// Longest request body, in bytes; of a gRPC stream, the longest message.
    pub body_bytes_max: usize,
    /// Longest time from the request's head to the end of its response.
    pub timeout: Duration,
    /// Longest time in which neither side of a stream sends anything.
    pub stream_idle_timeout: Duration,
}

/// The operator's declaration for a method and path. Compiled once for each Snapshot.
#[derive(Debug, Clone)]
pub struct Route {
    /// The name in the configuration.
    pub name: Box<str>,
    /// The path template, as written.
    pub template: Box<str>,
    /// Free attributes that policies ask for: `scope`, `rate-class`, `idempotency`, `service` …
    pub attributes: Attributes,
    /// The gRPC method, when the Route leads to one.
    pub grpc: Option<GrpcMethod>,
    /// The upstream that is used when no policy chooses one.
    pub upstream: Option<Box<str>>,
    /// Index of the Route's binding in the Snapshot: how its requests are translated and sent.
    pub binding: usize,
    /// Index of the Route's chain in the Snapshot.
    pub chain: usize,
    /// Bounds.
    pub limits: RouteLimits,
}

impl Route {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)
    }
}

/// Result of looking a method and path up in the route table.
#[derive(Debug, Clone)]
pub enum Matched {
    /// This Route, with the values of its template's variables in order of appearance.
    Found {
        /// The Route.
        route: Arc<Route>,
        /// `(field path, decoded value)` for each variable.
        variables: Vec<(Box<str>, String)>,
        /// Methods of all Routes at this path, comma-separated, for `Allow`.
        methods: Arc<str>,
    },
    /// Routes have this path, none has this method.
    OtherMethod {
        /// Methods of all Routes at this path, comma-separated, for `Allow`.
        methods: Arc<str>,
    },
    /// No Route has this path.
    None,
}

#[cfg(test)]
mod tests;
