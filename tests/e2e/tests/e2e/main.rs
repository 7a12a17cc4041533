//! Does the user get what we promise? One binary; one file for each promise.

mod hostile;
mod platform;
mod refusals;
mod reloads;
mod retries;
mod signals;
