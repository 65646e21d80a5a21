//! Fan-out with two observers, one of which panics.

use towpath_fanout::Fanout;
use towpath_pattern::{Ended, ItemInfo, Observer, RunInfo, RunObserver};

/// Panics at the third item.
pub struct Broken;

impl Observer for Broken {
    type Run = Self;

    fn observe(&self, _: &RunInfo) -> Option<Self> {
        Some(Self)
    }
}

impl RunObserver for Broken {
    type Item = usize;

    fn taken(&self, item: ItemInfo) -> usize {
        item.index
    }

    fn completed(&self, index: usize, _: Ended) {
        assert_ne!(index, 2, "a broken observer");
    }
}

/// Does nothing.
pub struct Idle;

impl Observer for Idle {
    type Run = Self;

    fn observe(&self, _: &RunInfo) -> Option<Self> {
        Some(Self)
    }
}

impl RunObserver for Idle {
    type Item = ();

    fn taken(&self, _: ItemInfo) {}

    fn completed(&self, (): (), _: Ended) {}
}

towpath_testkit::subjects! {
    /// Outputs as jobs complete, with two observers.
    pub observed(case, job) -> AsCompleted =>
        Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure).observed(Idle).observed(Broken);

    /// Outputs in the order of the inputs, with an observer.
    pub observed_ordered(case, job) -> Ordered =>
        Fanout::new(case.limit, job).ordered().capacity(case.capacity).on_failure(case.on_failure).observed(Idle);
}
