//! `down`: stops what `up` started, known by pid files, and nothing else.

use crate::place::Place;
use crate::platform::{Secrets, Stores, services};
use crate::say;
use anyhow::Result;
use tollgate_parts::lock::Lock;

/// Stops gateway, services and stores, in the order that loses nothing.
///
/// # Errors
/// When a process does not end.
pub(crate) fn run(place: &Place) -> Result<()> {
    let _alone = Lock::exclusive(&place.state("lock"))?;
    say::step("Stopping");
    let mut any = false;
    for service in services(place, &Secrets::at(place)).iter().rev() {
        if service.stop(&place.daemon(service.name))? {
            say::note(&format!("{} stopped", service.name));
            any = true;
        }
    }
    for name in Stores::new(place).stop()? {
        say::note(&format!("{name} stopped"));
        any = true;
    }
    if !any {
        say::note("nothing was running");
    }
    Ok(())
}
