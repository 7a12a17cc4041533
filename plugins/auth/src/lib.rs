//! Establishes who is calling and whether the route is theirs to call.
