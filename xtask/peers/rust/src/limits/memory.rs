//! The memory of a waiting job without an engine: its future in a box.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Semaphore;

use crate::memory_100k::growth;
use crate::protocol::{Outcome, memory_kib};

/// Futures that wait for a closed semaphore, each polled once, without a task.
pub fn boxed_futures(items: u32) -> Outcome {
    let before = memory_kib("VmRSS");
    let gate = Arc::new(Semaphore::new(0));
    let mut futures = Vec::with_capacity(items as usize);
    for _ in 0..items {
        let gate = gate.clone();
        let mut future = Box::pin(async move { gate.acquire().await.is_err() });
        assert_eq!(future.as_mut().now_or_never(), None);
        futures.push(future);
    }
    let during = memory_kib("VmRSS");

    gate.close();
    let released = futures.into_iter().filter_map(FutureExt::now_or_never).map(u64::from).sum();
    Outcome::sized(released, growth(before, during, items))
}
