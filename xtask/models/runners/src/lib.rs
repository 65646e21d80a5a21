//! The protocol of the runners of a stage. [`workers`] and [`slot`] are pure state machines, and [`stage`] is the part
//! of the state of a stage that the protocol needs. `harness.rs` adds a lock and tasks, and is included twice: with the
//! locks of loom and with the locks of shuttle. The models are in `tests/`.
//!
//! Only the models of a stop end a run early: a stop wakes all tasks, and so hides a lost wake-up. A fault can
//! be planted by a parameter ([`fault::Fault`]), and a model finds each fault.

#![forbid(unsafe_code)]

pub mod fault;
pub mod slot;
pub mod stage;
pub mod workers;

/// The protocol under loom, which tries every order of the steps.
// The path of an inline module is its folder.
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

/// The exploration of loom's models.
#[path = "../../loom/src/explore.rs"]
pub mod explore_loom;
