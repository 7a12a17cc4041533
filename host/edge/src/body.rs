//! Bodies both ways: a request's, bounded in bytes and time, and a response's, in the cheapest
//! form that carries it.

mod pieces;
mod request;
mod response;
mod waiting;

pub use request::RequestBody;
pub(crate) use response::RecordedBody;
pub use response::ResponseBody;
pub use waiting::BodyTimeouts;
