//! The record of the jobs of a drained run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub struct Ledger {
    /// The items whose job of the first stage has started.
    started: Mutex<Vec<u64>>,
    /// Jobs, inner runs and resources that are alive.
    alive: AtomicUsize,
}

/// Counts as alive until the drop.
pub struct Alive<'a>(&'a Ledger);

impl Ledger {
    pub fn start(&self, item: u64) {
        self.started.lock().expect("no panic").push(item);
    }

    pub fn alive(&self) -> Alive<'_> {
        self.add(1);
        Alive(self)
    }

    pub fn add(&self, resources: usize) {
        self.alive.fetch_add(resources, Ordering::SeqCst);
    }

    pub fn remove(&self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }

    /// Returns the started items, in order.
    pub fn started(&self) -> Vec<u64> {
        let mut started = self.started.lock().expect("no panic").clone();
        started.sort_unstable();
        started
    }

    pub fn assert_quiet(&self) {
        assert_eq!(self.alive.load(Ordering::SeqCst), 0, "a job or a resource is left");
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.remove();
    }
}
