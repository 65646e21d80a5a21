//! The wrappers, alone and in patterns, on tokio's paused clock.

mod blocking;
mod budget;
mod client_service;
mod cpu;
mod hedge;
mod infer;
mod keep_cancelled;
mod keep_input;
mod order;
mod retry;
mod scope;
mod service;
mod sizes;
mod timeout;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::yield_now;
use towpath_fanout::{Job, anyhow};

/// Returns a job, and the counter of its calls. The job passes the number of the call to `script`, counted from zero.
fn scripted<Fut, Out>(
    script: impl Fn(usize) -> Fut + Send + Sync + 'static,
) -> (Arc<AtomicUsize>, impl Fn(u64) -> Fut + Send + Sync + 'static)
where
    Fut: Future<Output = anyhow::Result<Out>> + Send,
{
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    (calls, move |_: u64| script(counter.fetch_add(1, Ordering::SeqCst)))
}

/// Returns a job that fails `failures` times, with the number of the attempt, and then returns this number.
fn flaky(failures: usize) -> (Arc<AtomicUsize>, impl Job<u64, Out = usize> + Fn(u64) -> Attempt) {
    scripted(move |call| std::future::ready(if call < failures { Err(error(call)) } else { Ok(call) }))
}

type Attempt = std::future::Ready<anyhow::Result<usize>>;

fn error(call: usize) -> anyhow::Error {
    anyhow::anyhow!("error {call}")
}

fn calls(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Sets a flag in the drop.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn flag() -> (Arc<AtomicBool>, impl Fn() -> bool) {
    let flag = Arc::new(AtomicBool::new(false));
    (Arc::clone(&flag), move || flag.load(Ordering::SeqCst))
}

/// Yields until no task makes progress, on a current-thread runtime.
async fn settle() {
    for _ in 0..200 {
        yield_now().await;
    }
}

/// Returns whether `future` is pending after many polls in a row.
async fn is_pending<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> bool {
    for _ in 0..200 {
        let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await;
        if poll.is_ready() {
            return false;
        }
        yield_now().await;
    }
    true
}
