//! Receipts as they are told: their JSON form, and what never gets into it.

mod form;
mod redact;

pub use form::{Hidden, PolicyForm, ReceiptForm, StepForm, Way};
pub use redact::Redactor;
