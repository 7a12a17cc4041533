//! Refuses requests for hosts that are not served here.
