//! Work on the items that only one crate has.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

type Work = dyn Fn(u64) -> Pin<Box<dyn Future<Output = anyhow::Result<u64>> + Send>> + Send + Sync;

/// Something done to what only this crate has.
#[derive(Clone)]
pub(super) struct Particular {
    pub(super) name: Arc<str>,
    pub(super) work: Arc<Work>,
}
