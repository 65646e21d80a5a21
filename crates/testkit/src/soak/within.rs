//! A wait with a limit.

use std::future::Future;
use std::time::Duration;

/// The limit of a wait that should take a moment, on a busy machine.
pub(super) const AT_MOST: Duration = Duration::from_secs(60);

/// Waits for `future`, up to the limit.
///
/// # Errors
///
/// When `future` does not complete within the limit. The message names `what`.
pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    let waited = tokio::time::timeout(AT_MOST, future).await;
    waited.map_err(|_| format!("progress: hung: {what} did not come within {} s", AT_MOST.as_secs()))
}
