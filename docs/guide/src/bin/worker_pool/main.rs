//! Nine jobs, three at once. A free worker takes the next job.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt, with_state};

const SECOND: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Machine {
    busy: AtomicUsize,
    most: AtomicUsize,
}

impl Machine {
    async fn square(&self, number: u64) -> u64 {
        let busy = self.busy.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(busy, Ordering::Relaxed);
        sleep(5 * SECOND).await;
        self.busy.fetch_sub(1, Ordering::Relaxed);
        number * number
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let machine = Arc::new(Machine::default());
    let square = async |machine: &Arc<Machine>, job: u64| Ok((job, machine.square(job).await));
    let pool = Fanout::new(3, with_state(Arc::clone(&machine), square));
    let mut results = pool.run(1..=9);
    while let Some(result) = results.next().await {
        let (job, square) = result?;
        println!("job {job}: {square}");
    }
    println!("most at once: {}", machine.most.load(Ordering::Relaxed));
    Ok(())
}
