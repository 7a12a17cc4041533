//! The body of a request as the core sees it: something that can be prepared once.

use std::future::Future;
use std::pin::Pin;

use crate::Error;

/// SHA-256 over media type, canonical query and the exact bytes of a body.
pub type Fingerprint = [u8; 32];

/// A future that prepares a body.
pub type Prepared<'a> = Pin<Box<dyn Future<Output = Result<Fingerprint, Error>> + Send + 'a>>;

/// A request's body, before it is forwarded.
pub trait Payload: Send + Sync + 'static {
    /// Reads the body to its end within its bounds and translates it for the upstream, so that
    /// every refusal of a body comes before a claim. Repeated calls give the first result.
    ///
    /// # Errors
    /// Too large, too slow, malformed, or of an unsupported type.
    fn prepare(&self) -> Prepared<'_>;
}
