//! Bodies both ways: a request's, bounded in bytes and time, and a response's, in the cheapest
//! form that carries it.

mod pieces;
mod recorded;
mod request;
mod response;
mod waiting;

pub(crate) use recorded::RecordedBody;
pub use request::RequestBody;
pub use response::{ResponseBody, SelfEnding};
pub use waiting::BodyTimeouts;
