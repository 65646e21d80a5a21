//! Tasks that wait for a closed semaphore, and what each of them costs meanwhile.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::protocol::{Outcome, memory_kib};

/// Closing a semaphore without permits lets everybody go who waits for one, as closing a channel does in Go.
#[tokio::main]
pub async fn spawn(items: u32) -> Outcome {
    let before = memory_kib("VmRSS");
    let begun = Arc::new(Semaphore::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let handles: Vec<_> = (0..items)
        .map(|_| {
            let (begun, gate) = (begun.clone(), gate.clone());
            tokio::spawn(async move {
                begun.add_permits(1);
                gate.acquire().await.is_err()
            })
        })
        .collect();
    let _all = begun.acquire_many(items).await.unwrap();
    let during = memory_kib("VmRSS");
    gate.close();

    let mut released = 0;
    for handle in handles {
        released += u64::from(handle.await.unwrap());
    }
    Outcome::sized(released, growth(before, during, items))
}

/// The bytes for each item, where the system told the KiB before and during the wait.
pub fn growth(before: Option<u32>, during: Option<u32>, items: u32) -> Option<f64> {
    let (before, during) = before.zip(during)?;
    Some((f64::from(during) - f64::from(before)) * 1024.0 / f64::from(items))
}
