//! Runs a model under many schedules, or under a schedule that was found before.
//!
//! Seeds are fixed, so every run tries the same schedules. Shuttle prints a failing schedule, with its seed if the
//! schedule was random. Correct the fault with the help of [`replay`], and keep the seed in a test next to the model,
//! with [`again`].

use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

const SEED: u64 = 0x70_7770_6174_6800;

/// The number of tasks that PCT delays in one schedule, at points that PCT chooses.
const PCT_DEPTH: usize = 3;

/// The factor on the number of schedules with `TOWPATH_LONG=1`.
const LONG: usize = 50;

/// The limit on the steps of a schedule. No model needs this number of steps: a schedule that reaches the limit is in
/// an endless loop.
const MAX_STEPS: usize = 50_000;

/// The stack of a task. Printing a panic needs some stack.
const STACK_BYTES: usize = 128 * 1024;

/// Runs `model` under `schedules` schedules, and prints their number. Half of the schedules choose the next task at
/// random. The other half choose by priorities that change a few times (PCT), which finds faults that need a task to be
/// delayed for long.
///
/// # Panics
///
/// Panics if a schedule fails, or ends while a task waits. Shuttle prints that schedule.
pub fn explore(schedules: usize, model: fn()) {
    let long = std::env::var("TOWPATH_LONG").is_ok_and(|value| value == "1");
    let each = schedules / 2 * if long { LONG } else { 1 };
    let mut tried = Tried { schedules: Arc::default(), by: "chance" };
    run(RandomScheduler::new_from_seed(SEED, each), model, &tried);
    tried.by = "PCT";
    run(PctScheduler::new_from_seed(SEED, PCT_DEPTH, each), model, &tried);
}

/// Runs `model` once, under the schedule of a seed that shuttle has printed. For a corrected fault: the schedule
/// continues after the steps of the model have changed.
///
/// # Panics
///
/// Panics as [`explore`] does.
pub fn again(seed: u64, model: fn()) {
    run(RandomScheduler::new_from_seed(seed, 1), model, &Tried { schedules: Arc::default(), by: "its seed" });
}

/// Runs `model` once, under a schedule that shuttle has printed. For a fault that is not corrected yet.
///
/// # Panics
///
/// Panics as [`explore`] does, and if the steps of `model` have changed since the schedule was printed.
pub fn replay(schedule: &str, model: fn()) {
    let scheduler = ReplayScheduler::new_from_encoded(schedule);
    run(scheduler, model, &Tried { schedules: Arc::default(), by: "itself" });
}

fn run(scheduler: impl Scheduler + 'static, model: fn(), tried: &Tried) {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.stack_size = STACK_BYTES;
    // The warning is that shuttle treats every atomic as sequentially consistent. Loom's models cover the other
    // orderings.
    config.silence_warnings = true;
    let begun = Arc::clone(&tried.schedules);
    Runner::new(scheduler, config).run(move || {
        begun.fetch_add(1, Ordering::Relaxed);
        model();
    });
}

/// Prints the number of started schedules at its drop, also during a panic.
struct Tried {
    schedules: Arc<AtomicUsize>,
    by: &'static str,
}

impl Drop for Tried {
    fn drop(&mut self) {
        let schedules = self.schedules.load(Ordering::Relaxed);
        if std::thread::panicking() {
            println!("{schedules} schedules, the last of which failed (chosen by {})", self.by);
        } else {
            println!("{schedules} schedules");
        }
    }
}

/// Returns a number that the schedule chooses.
#[must_use]
pub fn any(range: RangeInclusive<usize>) -> usize {
    thread_rng().gen_range(range)
}

/// Returns true once in `times` calls on average.
#[must_use]
pub fn once_in(times: u32) -> bool {
    thread_rng().gen_ratio(1, times)
}

/// Polls a future once, with a waker that does nothing.
pub fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets other tasks run for as long as the schedule chooses.
pub async fn a_while() {
    for _ in 0..any(0..=12) {
        shuttle::future::yield_now().await;
    }
}
