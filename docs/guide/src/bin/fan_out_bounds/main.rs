//! A `Fanout` always has a limit. Spawned tasks have no limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

#[derive(Default)]
struct AtOnce {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl AtOnce {
    async fn job(self: Arc<Self>) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        sleep(20 * SECOND).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let spawned = Arc::new(AtOnce::default());
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        tasks.spawn(Arc::clone(&spawned).job());
    }
    tasks.join_all().await;
    println!("A task for each of 100: {} at once", spawned.most());

    let limited = Arc::new(AtOnce::default());
    let shared = Arc::clone(&limited);
    let jobs = Fanout::new(50, move |_item: u32| {
        let job = Arc::clone(&shared).job();
        async {
            job.await;
            Ok(())
        }
    });
    jobs.run(0..100).collect().await?;
    println!("Fanout::new(50, …) of 100: {} at once", limited.most());
    Ok(())
}
