//! A simulated server with a known best limit, and the limit of a run against the server.
//!
//! By Little's law, a server with `s` slots and a service time of `t` completes at most `s / t` requests a second. With fewer
//! than `s` requests at once, slots are idle; with more, the requests wait. So the best limit is `s`.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_observe::Adaptive;

pub const SERVICE: Duration = Duration::from_millis(100);

pub struct Server {
    pub slots: Semaphore,
    /// Milliseconds.
    pub service: AtomicU64,
    pub refuses: bool,
}

impl Server {
    pub fn new(slots: usize) -> Self {
        let service = AtomicU64::new(u64::try_from(SERVICE.as_millis()).unwrap());
        Self { slots: Semaphore::new(slots), service, refuses: false }
    }

    pub async fn serve(&self, n: u64) -> anyhow::Result<()> {
        let _slot = if self.refuses { self.slots.try_acquire()? } else { self.slots.acquire().await? };
        // No two requests end at the same moment: a little of the time depends on the request.
        let spread = Duration::from_micros(n * 7919 % 4_001);
        sleep(Duration::from_millis(self.service.load(Relaxed)) + spread).await;
        Ok(())
    }
}

/// Sends requests under the limit, and returns the limit over time: the time of a request's start, and the limit.
pub async fn limits(limit: &Adaptive, server: Arc<Server>, requests: u64) -> Vec<(Duration, usize)> {
    let began = Instant::now();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, live) = (Arc::clone(&seen), limit.limit().clone());
    let request = move |n: u64| {
        log.lock().unwrap().push((began.elapsed(), live.get()));
        let server = Arc::clone(&server);
        async move { server.serve(n).await }
    };
    let fanout = Fanout::new(limit.limit(), request).on_failure(OnFailure::Continue).observed(limit.clone());
    fanout.run(0..requests).finish().await;
    seen.lock().unwrap().clone()
}

/// Returns the mean of the limit over the time from `from` on.
pub fn mean(limits: &[(Duration, usize)], from: Duration) -> f64 {
    let (mut total, mut time) = (0.0, 0.0);
    for pair in limits.windows(2).filter(|pair| pair[0].0 >= from) {
        let span = pair[1].0.abs_diff(pair[0].0).as_secs_f64();
        total += span * f64::from(u32::try_from(pair[0].1).unwrap());
        time += span;
    }
    total / time
}
