//! Runs a model in every order of its steps, or in the orders with few preemptions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `model` once for every order of its steps. Prints the number of orders.
///
/// # Panics
///
/// Panics if a run fails, or ends while a thread waits.
pub fn exhaustively(model: fn()) {
    explore(&loom::model::Builder::new(), model);
}

/// Runs `model` for every order with at most `most` preemptions. A preemption stops a thread that could continue.
/// Prints the number of orders.
///
/// # Panics
///
/// Panics as [`exhaustively`] does.
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

/// Prints the number of started schedules at its drop, also during a panic.
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
