//! Chooses the upstream by route, principal and environment.
