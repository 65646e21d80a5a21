//! A wait with a limit.

use std::future::Future;
use std::time::Duration;

/// How long anything may take that should take a moment, on a machine that does something else as well.
pub(super) const AT_MOST: Duration = Duration::from_secs(60);

/// Waits for what must happen; if it does not, says that `what` did not.
pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    let waited = tokio::time::timeout(AT_MOST, future).await;
    waited.map_err(|_| format!("progress: hung: {what} did not come within {} s", AT_MOST.as_secs()))
}
