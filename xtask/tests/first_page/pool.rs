//! A pool of one connection, as the handles of database pools are: clones share the connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::time::sleep;

#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    connections: Semaphore,
    completed: AtomicUsize,
}

impl Pool {
    pub fn new() -> Self {
        Self(Arc::new(Shared { connections: Semaphore::new(1), completed: AtomicUsize::new(0) }))
    }

    /// The number of queries that have returned their row.
    pub fn completed(&self) -> usize {
        self.0.completed.load(Ordering::Relaxed)
    }
}

/// Holds the only connection of the pool for a millisecond.
pub async fn query(pool: Pool, id: u32) -> Result<u32> {
    let _connection = pool.0.connections.acquire().await?;
    sleep(Duration::from_millis(1)).await;
    pool.0.completed.fetch_add(1, Ordering::Relaxed);
    Ok(id)
}
