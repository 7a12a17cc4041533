//! Parts of end-to-end tests: a gateway with its folder, upstreams to stand behind it, keys to call
//! it with.
//!
//! [`Gate`] is the gateway alone before an [`Echo`]; [`Platform`](platform::Platform) is all of it;
//! [`Calls`], [`Wire`] and [`SocketService`] are upstreams that misbehave; a [`Relay`] holds answers back between two
//! parts. A [`VariedGate`] has its rules and components exchanged; [`Soak`](soak::Soak) does that
//! without end, [`Hold`](hold::Hold) keeps connections and streams open through it, and
//! [`Starvation`](starve::Starvation) lets one caller take what another needs.

pub mod calls;
pub mod echo;
pub mod gate;
pub mod greeter;
pub mod hold;
pub mod key;
pub mod platform;
pub mod relay;
pub mod soak;
pub mod starve;
pub mod varied;
pub mod websocket;
pub mod wide;
pub mod wire;

pub use calls::Calls;
pub use echo::Echo;
pub use gate::Gate;
pub use key::Key;
pub use relay::Relay;
pub use varied::VariedGate;
pub use websocket::SocketService;
pub use wire::Wire;
