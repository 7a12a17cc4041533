//! What every service is made of: server, principal, store, outbox, relay.
