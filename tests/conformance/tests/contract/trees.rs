//! Do trees decide as the components do? The six policies as real components, before the gateway's
//! own host and stores, once with trees and once without.

mod exactness;
mod freshness;
mod gate;
mod requests;
