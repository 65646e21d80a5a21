//! Running a model in every order of its steps, or in those with few preemptions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `model` once for every order of its steps. Prints how many there were.
///
/// # Panics
///
/// When one of them fails, or ends with somebody who waits.
pub fn exhaustively(model: fn()) {
    explore(&loom::model::Builder::new(), model);
}

/// Runs `model` for every order with at most so many preemptions: those in which a thread is stopped that could
/// go on. Prints how many there were.
///
/// # Panics
///
/// As [`exhaustively`].
pub fn with_preemptions(most: usize, model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(most);
    explore(&builder, model);
}

fn explore(builder: &loom::model::Builder, model: fn()) {
    let tried = Tried(Arc::default());
    let begun = Arc::clone(&tried.0);
    builder.check(move || {
        begun.fetch_add(1, Ordering::Relaxed);
        model();
    });
}

/// Says at the end, also that of a panic, how many schedules were begun.
struct Tried(Arc<AtomicUsize>);

impl Drop for Tried {
    fn drop(&mut self) {
        let schedules = self.0.load(Ordering::Relaxed);
        if std::thread::panicking() {
            println!("{schedules} schedules, the last of which failed");
        } else {
            println!("{schedules} schedules");
        }
    }
}
