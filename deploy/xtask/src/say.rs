//! Progress of a verb, for the person at the terminal.

/// Announces a step that may take a while.
pub(crate) fn step(what: &str) {
    println!("==> {what}");
}

/// Tells what a step found or did.
pub(crate) fn note(what: &str) {
    println!("    {what}");
}
