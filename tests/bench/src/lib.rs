//! Keys, routes, requests and rules that load, gateways and the gate without sockets share.

pub mod cpu;
pub mod credentials;
pub mod rules;
pub mod world;
