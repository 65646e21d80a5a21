//! The protocol of a stage's runners, before any engine is built on it. [`workers`] and [`slot`] are pure state machines,
//! which may become files of the engine; [`stage`] is as much of a stage's state as they need. `harness.rs` puts a lock
//! around them, and tasks; it is included twice, once with loom's locks and once with shuttle's. The models are in `tests/`.
//!
//! No model closes anything before its end: a close wakes everybody, and so hides a wake-up that was lost. A fault of the
//! protocol can be planted by a parameter ([`fault::Fault`]), and a model finds each of them.

#![forbid(unsafe_code)]

pub mod fault;
pub mod slot;
pub mod stage;
pub mod workers;

/// The protocol under loom, which tries every order of the steps.
// An inline module with this folder's path, so that the file is looked for here.
#[path = "."]
pub mod loomed {
    mod sync {
        pub use loom::future::block_on;
        pub use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
        pub use loom::sync::{Condvar, Mutex, MutexGuard};
        pub use loom::thread::yield_now;

        pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
            loom::thread::spawn(move || block_on(task));
        }
    }

    #[allow(clippy::duplicate_mod)]
    #[path = "harness.rs"]
    pub mod harness;
}

/// The protocol under shuttle, which chooses orders by fixed seeds.
#[path = "."]
pub mod shuttled {
    mod sync {
        pub use shuttle::future::block_on;
        pub use shuttle::sync::atomic::{AtomicBool, AtomicU8, Ordering};
        pub use shuttle::sync::{Condvar, Mutex, MutexGuard};
        pub use shuttle::thread::yield_now;

        pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
            drop(shuttle::future::spawn(task));
        }
    }

    #[allow(clippy::duplicate_mod)]
    #[path = "harness.rs"]
    pub mod harness;
}

#[path = "../../shuttle/src/explore.rs"]
pub mod explore;

/// The same for loom's models.
#[path = "../../loom/src/explore.rs"]
pub mod explore_loom;
