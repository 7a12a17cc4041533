//! The road to the services behind the gate: connections, TLS, balancing, health, sending.
