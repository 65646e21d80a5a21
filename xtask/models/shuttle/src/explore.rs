//! Running a model under many schedules, or under one that was found before.
//!
//! Seeds are fixed, so every run tries the same schedules. One that fails is printed by shuttle, with its seed if it
//! was chosen by chance: mend the fault with the help of [`replay`], and keep the seed in a test beside the model, with
//! [`again`].

use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

const SEED: u64 = 0x70_7770_6174_6800;

/// How many tasks PCT holds back at points of its own choice, in one schedule.
const PCT_DEPTH: usize = 3;

/// With `TOWPATH_LONG=1`, so many times as many schedules.
const LONG: usize = 50;

/// More than any model needs: who gets here goes round and round.
const MAX_STEPS: usize = 50_000;

/// For a task; a panic that prints itself needs some.
const STACK_BYTES: usize = 128 * 1024;

/// Runs `model` under `schedules` schedules, and prints their number. Half of the schedules choose the next task at
/// random. The other half choose by priorities that change a few times (PCT), which finds faults that need a task to be
/// delayed for long.
///
/// # Panics
///
/// When one of them fails, or ends with somebody who waits; shuttle says which schedule that was.
pub fn explore(schedules: usize, model: fn()) {
    let long = std::env::var("TOWPATH_LONG").is_ok_and(|value| value == "1");
    let each = schedules / 2 * if long { LONG } else { 1 };
    let mut tried = Tried { schedules: Arc::default(), by: "chance" };
    run(RandomScheduler::new_from_seed(SEED, each), model, &tried);
    tried.by = "PCT";
    run(PctScheduler::new_from_seed(SEED, PCT_DEPTH, each), model, &tried);
}

/// Runs `model` once, under the schedule of a seed that shuttle has printed: for what was found and mended, since it
/// goes on where the steps are not the same any more.
///
/// # Panics
///
/// As [`explore`].
pub fn again(seed: u64, model: fn()) {
    run(RandomScheduler::new_from_seed(seed, 1), model, &Tried { schedules: Arc::default(), by: "its seed" });
}

/// Runs `model` once, under a schedule that shuttle has printed: for what was found and is not mended yet.
///
/// # Panics
///
/// As [`explore`], and when `model` takes other steps now than it did then.
pub fn replay(schedule: &str, model: fn()) {
    let scheduler = ReplayScheduler::new_from_encoded(schedule);
    run(scheduler, model, &Tried { schedules: Arc::default(), by: "itself" });
}

fn run(scheduler: impl Scheduler + 'static, model: fn(), tried: &Tried) {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.stack_size = STACK_BYTES;
    // That it takes every atomic for a sequentially consistent one: loom's models are there for the others.
    config.silence_warnings = true;
    let begun = Arc::clone(&tried.schedules);
    Runner::new(scheduler, config).run(move || {
        begun.fetch_add(1, Ordering::Relaxed);
        model();
    });
}

/// Says at the end, also that of a panic, how many schedules were begun.
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

/// A number that the schedule chooses.
#[must_use]
pub fn any(range: RangeInclusive<usize>) -> usize {
    thread_rng().gen_range(range)
}

/// Whether it is the one time out of so many.
#[must_use]
pub fn once_in(times: u32) -> bool {
    thread_rng().gen_ratio(1, times)
}

/// Polls a future once, for nobody.
pub fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets others run for a while, however long the schedule likes.
pub async fn a_while() {
    for _ in 0..any(0..=12) {
        shuttle::future::yield_now().await;
    }
}
