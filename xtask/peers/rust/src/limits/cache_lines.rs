//! Items that pass from one core to another: the cache lines of the items, and a cache line with their number.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::protocol::Outcome;

/// Aligned so that no other data shares its cache line, or the cache line that is fetched with it.
#[repr(align(128))]
#[derive(Default)]
struct Alone(AtomicU64);

/// One thread writes as many items as there are free slots, another thread reads all written items. Neither sleeps.
pub fn batches(items: u32, capacity: usize) -> Outcome {
    let items = u64::from(items);
    let slots: Vec<AtomicU64> = (0..capacity).map(|_| AtomicU64::new(0)).collect();
    let (put, taken) = (Alone::default(), Alone::default());
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut end = 0;
            while end < items {
                let room = taken.0.load(Ordering::Acquire) + capacity as u64;
                let begin = end;
                end = room.min(items);
                for (item, slot) in (begin..end).zip(from(&slots, begin)) {
                    slot.store(item, Ordering::Relaxed);
                }
                pass(&put, begin, end);
            }
        });
        let (mut sum, mut end) = (0, 0);
        while end < items {
            let begin = end;
            end = put.0.load(Ordering::Acquire);
            let there = (begin..end).zip(from(&slots, begin));
            sum += there.map(|(_, slot)| slot.load(Ordering::Relaxed)).sum::<u64>();
            pass(&taken, begin, end);
        }
        Outcome::timed(sum, start.elapsed())
    })
}

/// Returns the slots from the slot of item `begin` on, cyclically.
fn from(slots: &[AtomicU64], begin: u64) -> impl Iterator<Item = &AtomicU64> {
    let first = usize::try_from(begin).unwrap_or_default() % slots.len();
    slots[first..].iter().chain(slots.iter().cycle())
}

/// Publishes the progress to the other thread, or spins once if there is no progress.
fn pass(line: &Alone, begin: u64, end: u64) {
    if begin < end {
        line.0.store(end, Ordering::Release);
    } else {
        spin_loop();
    }
}
