//! `status`: what runs, on which port, and where its log is.

use crate::place::Place;
use crate::platform::{Secrets, Stores, services};
use anyhow::Result;
use tollgate_parts::daemon::Daemon;
use tollgate_parts::wait;

/// Prints one line for each part of the platform.
///
/// # Errors
/// When `.tollgate` cannot be read.
pub(crate) fn run(place: &Place) -> Result<()> {
    println!("{:<18} {:>7} {:>6}  {:<9} log", "part", "pid", "port", "state");
    for (daemon, port) in Stores::new(place).daemons() {
        line(place, &daemon, port, wait::listens(port));
    }
    for service in services(place, &Secrets::at(place)) {
        line(place, &place.daemon(service.name), service.port, service.is_ready());
    }
    Ok(())
}

fn line(place: &Place, daemon: &Daemon, port: u16, ready: bool) {
    let (pid, state) = match (daemon.pid(), ready) {
        (Some(pid), true) => (pid.to_string(), "ready"),
        (Some(pid), false) => (pid.to_string(), "not ready"),
        (None, _) => ("-".to_owned(), "down"),
    };
    let log = daemon.log().strip_prefix(place.root()).unwrap_or(daemon.log()).display();
    println!("{:<18} {pid:>7} {port:>6}  {state:<9} {log}", daemon.name());
}
