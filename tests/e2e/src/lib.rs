//! What end-to-end tests are made of: a gateway with its folder, upstreams to stand behind it, keys
//! to call it with.
//!
//! [`Gate`] is the gateway alone before an [`Echo`]; [`Platform`](platform::Platform) is all of it.

pub mod echo;
pub mod gate;
pub mod key;
pub mod platform;

pub use echo::Echo;
pub use gate::Gate;
pub use key::Key;
