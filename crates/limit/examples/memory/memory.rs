//! A custom limiter: the bytes in memory.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use towpath_limit::Limiter;

/// A limit of the bytes in memory. Clones share the bytes, so the patterns with a clone are limited together.
#[derive(Clone)]
pub struct Memory {
    /// A permit for every byte. The semaphore of tokio serves its waiters in order, and a dropped wait leaves the list.
    free: Arc<Semaphore>,
    total: usize,
}

impl Memory {
    pub fn new(total: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(total)), total }
    }

    pub fn free(&self) -> usize {
        self.free.available_permits()
    }
}

impl Limiter<Vec<u8>> for Memory {
    /// The drop of the permit returns the bytes.
    type Permit = OwnedSemaphorePermit;

    // Items differ in their needs: a large item waits without a slot, and empty items pass.
    const PER_ITEM: bool = true;

    // The future outlives the call, and so borrows neither `self` nor `item`. `+ use<>` states the absence of borrows: by
    // default, an `impl Future` borrows from every reference of the arguments, and could not be `'static`. A limiter with
    // type parameters names all of them, for example `use<T, F>`.
    fn acquire(
        &self,
        item: &Vec<u8>,
    ) -> impl Future<Output = anyhow::Result<Self::Permit>> + Send + 'static + use<> {
        let (free, total, bytes) = (Arc::clone(&self.free), self.total, item.len());
        async move {
            anyhow::ensure!(bytes <= total, "{bytes} bytes never fit into {total}");
            Ok(free.acquire_many_owned(u32::try_from(bytes)?).await?)
        }
    }
}
