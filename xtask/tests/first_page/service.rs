//! Calls, the answers to the calls, and the number of answers that are kept at once. The answer to a call panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::sleep;

pub const CALLS: usize = 1_000;
pub const BROKEN: usize = 3;

/// The number of answers, and the largest number of answers that were kept at once.
#[derive(Default)]
pub struct Kept {
    now: AtomicUsize,
    pub most: AtomicUsize,
    pub answered: AtomicUsize,
}

pub struct Call {
    number: usize,
    kept: Arc<Kept>,
}

/// The answer to a call. Counts as kept until it is dropped.
pub struct Answer(Arc<Kept>);

impl Answer {
    fn new(kept: Arc<Kept>) -> Self {
        kept.answered.fetch_add(1, Ordering::Relaxed);
        let now = kept.now.fetch_add(1, Ordering::Relaxed) + 1;
        kept.most.fetch_max(now, Ordering::Relaxed);
        Self(kept)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call every millisecond, and the counts of the answers.
pub fn calls() -> (Receiver<Call>, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let (sender, receiver) = mpsc::channel(1);
    let counts = Arc::clone(&kept);
    tokio::spawn(async move {
        for number in 0..CALLS {
            sleep(Duration::from_millis(1)).await;
            let call = Call { number, kept: Arc::clone(&counts) };
            assert!(sender.send(call).await.is_ok(), "no call was received after {number}");
        }
    });
    (receiver, kept)
}

/// Takes as long as five calls take to come in.
pub async fn answer(call: Call) -> Result<Answer> {
    sleep(Duration::from_millis(5)).await;
    assert!(call.number != BROKEN, "call {BROKEN} cannot be answered");
    Ok(Answer::new(call.kept))
}
