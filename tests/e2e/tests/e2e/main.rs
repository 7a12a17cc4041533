//! Does the user get what we promise? One binary; one file for each promise.

#![expect(clippy::indexing_slicing, reason = "what a test expects may be missing: then it fails")]
#![expect(clippy::large_futures, reason = "a test's future is polled once, by its own runtime")]

mod certificates;
mod crashes;
mod descriptors;
mod explains;
mod failures;
mod fairness;
mod fields;
mod hold;
mod hops;
mod hostile;
mod leaks;
mod operators;
mod origins;
mod paths;
mod platform;
mod readme;
mod refusals;
mod reloads;
mod replays;
mod retries;
mod rollouts;
mod rpc;
mod schemas;
mod signals;
mod soak;
mod starts;
mod starve;
mod streams;
mod swaps;
mod trees;
mod websockets;
