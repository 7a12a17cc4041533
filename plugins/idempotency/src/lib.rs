//! Makes retries of a write safe to send.
