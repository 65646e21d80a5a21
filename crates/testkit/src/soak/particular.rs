//! Soak work of a single crate.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

type Work = dyn Fn(u64) -> Pin<Box<dyn Future<Output = anyhow::Result<u64>> + Send>> + Send + Sync;

/// Named work of the crate of the soak.
#[derive(Clone)]
pub(super) struct Particular {
    pub(super) name: Arc<str>,
    pub(super) work: Arc<Work>,
}
