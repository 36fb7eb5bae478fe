//! The one call that an edge offers to whoever drives SCIM.

use std::future::Future;

use super::answer::Exchange;
use super::request::ScimRequest;

/// Something that carries a request to a SCIM server: the real client, or a stand-in for tests.
pub trait ScimPort: Send + Sync + 'static {
    /// Sends the request at most once and tells what came of it. It never sends again by itself, except
    /// where the transport proves that the server has not begun on the request.
    fn execute(&self, request: &ScimRequest) -> impl Future<Output = Exchange> + Send;
}
