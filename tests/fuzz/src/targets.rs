//! The targets, one a module.

mod api_key;
mod authority;
mod config;
mod connect;
mod forwarded;
mod grpc_frames;
mod grpc_status;
mod grpc_web;
mod head;
mod json;
mod json_stream;
mod message;
mod path;
mod proxy_header;
mod query;
mod template;
mod timeouts;
mod transcode;
mod tree;
mod unique;
mod upstream_message;
mod verdict;

use crate::Target;

pub(crate) const ALL: &[Target] = &[
    Target { name: "api_key", run: api_key::run },
    Target { name: "authority", run: authority::run },
    Target { name: "config", run: config::run },
    Target { name: "connect", run: connect::run },
    Target { name: "forwarded", run: forwarded::run },
    Target { name: "grpc_frames", run: grpc_frames::run },
    Target { name: "grpc_status", run: grpc_status::run },
    Target { name: "grpc_web", run: grpc_web::run },
    Target { name: "head", run: head::run },
    Target { name: "json", run: json::run },
    Target { name: "json_stream", run: json_stream::run },
    Target { name: "path", run: path::run },
    Target { name: "proxy_header", run: proxy_header::run },
    Target { name: "query", run: query::run },
    Target { name: "template", run: template::run },
    Target { name: "timeouts", run: timeouts::run },
    Target { name: "transcode", run: transcode::run },
    Target { name: "tree", run: tree::run },
    Target { name: "upstream_message", run: upstream_message::run },
    Target { name: "verdict", run: verdict::run },
];
