//! Do host and guest agree? Real components against a host that answers from a table.

mod every_interface;
mod hostile_guest;
mod loading;
mod sandbox;
mod trace;
mod world;
