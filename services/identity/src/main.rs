//! Tenants and API keys: minted, hashed with a pepper, looked up, revoked.
fn main() {}
