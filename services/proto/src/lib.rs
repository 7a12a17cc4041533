//! The specifications of the services, compiled to Rust.
