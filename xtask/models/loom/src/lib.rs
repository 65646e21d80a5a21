//! The shipped queue and permits, with loom's locks and atomics: every order of their steps is tried, and every value
//! that an atomic may be seen to have. The models are in `tests/`.

#![forbid(unsafe_code)]

mod sync {
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::{PoisonError, TryLockError};

    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
        // Only how often one handle was used: whatever it is seen to be, nobody waits for it.
        pub(crate) use std::sync::atomic::AtomicU8;
    }
}

// An inline module with the shipped folder's path, so that files are looked for there.
#[path = "../../../../crates/pattern/src"]
mod shipped {
    // Only a stage uses all of it.
    #[allow(dead_code, unused_imports)]
    pub mod queue;
}

#[path = "../../../../crates/semaphore/src"]
mod permits_shipped {
    pub mod line;
    pub mod permit;
    pub mod permits;
    pub mod semaphore;
}

pub mod explore;

pub use explore::{exhaustively, with_preemptions};
pub use permits_shipped::semaphore;
use permits_shipped::{line, permit, permits};
pub use shipped::queue;
