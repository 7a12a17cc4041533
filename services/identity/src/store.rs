//! Reading and writing of identity's tables. Every look-up on a tenant's behalf filters by tenant and
//! environment; the credential look-up alone goes by digest.

pub mod keys;
pub mod lookup;
pub mod tenants;
