//! Requests, the answers to them, and how many answers are kept at once. The answer to one request panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use towpath_fanout::async_channel::{self, Receiver};

pub const REQUESTS: usize = 1_000;
pub const BROKEN: usize = 3;

/// The number of answers, and the largest number of answers that were kept at once.
#[derive(Default)]
pub struct Kept {
    now: AtomicUsize,
    pub most: AtomicUsize,
    pub answered: AtomicUsize,
}

pub struct Request {
    number: usize,
    kept: Arc<Kept>,
}

/// The answer to a request. Counts as kept until it is dropped.
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

/// A request every millisecond, and the counts of the answers.
pub fn requests() -> (Receiver<Request>, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let (sender, receiver) = async_channel::bounded(1);
    let counts = Arc::clone(&kept);
    tokio::spawn(async move {
        for number in 0..REQUESTS {
            sleep(Duration::from_millis(1)).await;
            let request = Request { number, kept: Arc::clone(&counts) };
            assert!(sender.send(request).await.is_ok(), "no request was received after {number}");
        }
    });
    (receiver, kept)
}

/// Takes as long as five requests take to come in.
pub async fn answer(request: Request) -> Result<Answer> {
    sleep(Duration::from_millis(5)).await;
    assert!(request.number != BROKEN, "request {BROKEN} cannot be answered");
    Ok(Answer::new(request.kept))
}
