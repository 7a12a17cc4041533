//! A receipt in words: why a request got its answer.

mod reasons;
mod story;
pub(crate) mod words;

pub use story::tell as explain;
