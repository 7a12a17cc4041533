//! Answers before and after a request.
//!
//! After: a receipt is put into its JSON form ([`Redactor::form`]), told in words ([`explain`]) and
//! decided again by other rules ([`replay`]). Before: a described request is decided without being
//! sent ([`rehearse`]), and [`failures`] says what a caller would get of each policy that fails.
//! What is kept of an exchange is `proxy`'s; who may ask is `admin`'s.
//!
//! Read next: `receipts/form.rs`, then `explain/story.rs`.

mod error;
mod explain;
mod failures;
mod receipts;
mod rehearse;
mod replay;

pub use error::Error;
pub use explain::explain;
pub use failures::{FailureReport, failures};
pub use receipts::{Hidden, PolicyForm, ReceiptForm, Redactor, StepForm, Way};
pub use rehearse::{DescribedRequest, rehearse};
pub use replay::{RecordingWriter, Report, replay};
