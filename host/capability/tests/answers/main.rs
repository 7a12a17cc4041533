//! The answers of each interface, over stores that answer by a script: what each question gets,
//! what a run's end keeps and releases, and what is bounded.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod scripted;

mod credentials;
mod effects;
mod facts;
mod replies;
