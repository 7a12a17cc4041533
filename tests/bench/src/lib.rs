//! What load, gateways and the gate without sockets agree on, so that all are asked the same.

pub mod cpu;
pub mod credentials;
pub mod rules;
pub mod world;
