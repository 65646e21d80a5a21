//! The limits of the machine or of tokio: only the common part of all subjects of a workload, without the distribution
//! of items, a bound or the collection of outputs. The limits are not peers. All subjects are compared with the limits.

pub mod cache_lines;
pub mod memory;
pub mod steps;
pub mod switches;
pub mod timers;

use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::protocol::Outcome;

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Equal parts of `0..items`, one for each core.
fn parts(items: u32) -> impl Iterator<Item = Range<u64>> {
    let (items, cores) = (u64::from(items), cores() as u64);
    (0..cores).map(move |part| items * part / cores..items * (part + 1) / cores)
}

/// The sum of `work` over chunks of `0..items`, on a thread for each core that takes one chunk after another.
/// The clock starts after all threads have started.
fn on_each_core(items: u32, work: impl Fn(Range<u64>) -> u64 + Sync) -> Outcome {
    let items = u64::from(items);
    let chunk = (items / (64 * cores() as u64)).max(1);
    let (next, ready) = (AtomicU64::new(0), Barrier::new(cores()));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores())
            .map(|_| {
                scope.spawn(|| {
                    ready.wait();
                    let start = Instant::now();
                    let mut sum = 0_u64;
                    loop {
                        let begin = next.fetch_add(chunk, Ordering::Relaxed);
                        if begin >= items {
                            return (start, sum);
                        }
                        sum = sum.wrapping_add(work(begin..items.min(begin + chunk)));
                    }
                })
            })
            .collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap());
        let both = |a: (Instant, u64), b: (Instant, u64)| (a.0.min(b.0), a.1.wrapping_add(b.1));
        let (start, sum) = ends.reduce(both).unwrap();
        Outcome::timed(sum, start.elapsed())
    })
}
