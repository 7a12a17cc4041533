//! What end-to-end tests are made of: a gateway with its folder, upstreams to stand behind it, keys
//! to call it with.
//!
//! [`Gate`] is the gateway alone before an [`Echo`]; [`Platform`](platform::Platform) is all of it;
//! a [`Relay`] holds answers back between two parts.

pub mod echo;
pub mod gate;
pub mod greeter;
pub mod key;
pub mod platform;
pub mod relay;

pub use echo::Echo;
pub use gate::Gate;
pub use key::Key;
pub use relay::Relay;
