//! Sockets to request heads and back: listeners, TLS, head checks, responses, access log.
