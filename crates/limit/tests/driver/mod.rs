//! A hand-written stage, with the calls that the contract of `Limiter` promises: `acquire` in input order, the first
//! poll at once, later polls only after a wake-up and in any order, a different waker for every poll, `started` right
//! before the job, and the drop of the permit at the end of the job.

#![allow(dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use towpath_limit::Limiter;

/// The form of a run.
pub struct Stage {
    /// The jobs at once.
    pub limit: usize,
    /// The items in the stage at once.
    pub bound: usize,
    /// The probability, in percent, that an item is dropped at each step before its start.
    pub abandoned: u32,
    pub seed: u64,
}

/// A start of a job, or the end of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub index: usize,
    pub at: Duration,
    pub is_start: bool,
}

/// Wakes a task, and records the wake-up of one future of the task.
struct Flag {
    woken: AtomicBool,
    task: Waker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.task.wake_by_ref();
    }
}

/// A future, polled only after a wake-up, with a different waker every time.
struct Held<F> {
    future: Pin<Box<F>>,
    flag: Option<Arc<Flag>>,
}

impl<F: Future> Held<F> {
    fn new(future: F) -> Self {
        Self { future: Box::pin(future), flag: None }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<F::Output> {
        if self.flag.as_ref().is_some_and(|flag| !flag.woken.load(Ordering::SeqCst)) {
            return Poll::Pending;
        }
        let flag = Arc::new(Flag { woken: AtomicBool::new(false), task: cx.waker().clone() });
        self.flag = Some(Arc::clone(&flag));
        self.future.as_mut().poll(&mut Context::from_waker(&Waker::from(flag)))
    }
}

/// Runs a job of the time `job(item)` for each item under the limiter, and returns the starts and the ends in order.
pub async fn run<T, L: Limiter<T>>(
    stage: &Stage,
    limiter: &L,
    items: &[T],
    job: impl Fn(&T) -> Duration,
) -> Vec<Event> {
    let mut random = fastrand::Rng::with_seed(stage.seed);
    let begin = Instant::now();
    let mut inputs = items.iter().enumerate();
    // The items without a permit: held, or in a slot.
    let mut waiting = BTreeMap::new();
    let mut ready = BTreeMap::new();
    let mut fresh = VecDeque::new();
    let mut running: Vec<(usize, Pin<Box<Sleep>>, L::Permit)> = Vec::new();
    let mut events = Vec::new();
    poll_fn(|cx| {
        loop {
            let mut progress = false;
            while waiting.len() + ready.len() + fresh.len() + running.len() < stage.bound {
                let Some((index, item)) = inputs.next() else { break };
                progress = true;
                if !L::PER_ITEM {
                    fresh.push_back((index, item));
                    continue;
                }
                let mut held = Held::new(limiter.acquire(item));
                match held.poll(cx) {
                    Poll::Ready(permit) => drop(ready.insert(index, permit.expect("a permit"))),
                    Poll::Pending => drop(waiting.insert(index, held)),
                }
            }
            if !L::PER_ITEM {
                while running.len() + waiting.len() + ready.len() < stage.limit {
                    let Some((index, item)) = fresh.pop_front() else { break };
                    progress = true;
                    let mut held = Held::new(limiter.acquire(item));
                    match held.poll(cx) {
                        Poll::Ready(permit) => drop(ready.insert(index, permit.expect("a permit"))),
                        Poll::Pending => drop(waiting.insert(index, held)),
                    }
                }
            }
            let mut order: Vec<usize> = waiting.keys().copied().collect();
            random.shuffle(&mut order);
            for index in order {
                if random.u32(0..100) < stage.abandoned {
                    progress |= waiting.remove(&index).is_some();
                } else if let Poll::Ready(permit) = waiting.get_mut(&index).expect("it waits").poll(cx) {
                    progress = true;
                    waiting.remove(&index);
                    ready.insert(index, permit.expect("a permit"));
                }
            }
            while running.len() < stage.limit {
                let Some((index, mut permit)) = ready.pop_first() else { break };
                progress = true;
                if random.u32(0..100) < stage.abandoned {
                    continue;
                }
                limiter.started(&mut permit);
                events.push(Event { index, at: begin.elapsed(), is_start: true });
                running.push((index, Box::pin(sleep(job(&items[index]))), permit));
            }
            running.retain_mut(|(index, job, _permit)| {
                let ended = job.as_mut().poll(cx).is_ready();
                if ended {
                    progress = true;
                    events.push(Event { index: *index, at: begin.elapsed(), is_start: false });
                }
                !ended
            });
            if !progress {
                let rest = waiting.len() + ready.len() + fresh.len() + running.len();
                return if rest == 0 && inputs.len() == 0 { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    })
    .await;
    events
}

/// The indices of the started items, in the order of the starts.
pub fn started(events: &[Event]) -> Vec<usize> {
    events.iter().filter(|event| event.is_start).map(|event| event.index).collect()
}

/// Fails if a window has more than `burst + rate · t` starts: for every two starts, the window from the earlier to the
/// later start.
pub fn assert_windows(starts: &[Duration], rate: u32, burst: usize) {
    for (first, from) in starts.iter().enumerate() {
        for (last, to) in starts.iter().enumerate().skip(first) {
            let beyond = (last - first + 1).saturating_sub(burst) as u128;
            let allowed = u128::from(rate) * to.saturating_sub(*from).as_nanos();
            let number = last - first + 1;
            assert!(
                beyond * 1_000_000_000 <= allowed,
                "{number} starts from {from:?} to {to:?} at {rate}/s, burst {burst}"
            );
        }
    }
}

/// Returns the largest number of jobs at once among the items with a key.
pub fn peak(events: &[Event], has_key: impl Fn(usize) -> bool) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for event in events.iter().filter(|event| has_key(event.index)) {
        now = if event.is_start { now + 1 } else { now - 1 };
        most = most.max(now);
    }
    most
}
