//! The shipped queue and permits, with loom's locks and atomics. Loom tries every order of the steps, and every value
//! that a load of an atomic may return. The models are in `tests/`.

#![forbid(unsafe_code)]

// An inline module with the shipped folder's path, so that files are looked for there.
// Only the engine uses every item.
#[allow(dead_code)]
#[path = "../../../../crates/pattern/src/util"]
mod util {
    pub mod batch_size;
    pub mod mutex;
    pub mod panic;
    pub mod ticket_list;
    pub mod wake;

    pub(crate) mod sync {
        pub(crate) use loom::sync::{Mutex, MutexGuard};
        pub(crate) use std::sync::{PoisonError, TryLockError};

        pub(crate) mod atomic {
            pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
            // Only for the number of uses of one handle. No thread waits for a value of this number.
            pub(crate) use std::sync::atomic::AtomicU8;
        }
    }
}

#[path = "../../../../crates/pattern/src"]
mod shipped {
    // Only a stage uses every item.
    #[allow(dead_code, unused_imports)]
    pub mod queue;
}

// The limiter of the semaphore is not among the shipped sources here.
#[allow(dead_code)]
#[path = "../../../../crates/semaphore/src"]
mod permits_shipped {
    pub mod error;
    pub mod permit;
    pub mod permits;
    pub mod semaphore;
}

pub mod explore;

pub use explore::{exhaustively, with_preemptions};
pub use permits_shipped::semaphore;
use permits_shipped::{error, permit, permits};
pub use shipped::queue;
/// The items of `crates/semaphore/src/sync.rs`.
mod sync {
    pub(crate) use crate::util::mutex::Mutex;
    pub(crate) use crate::util::panic;
    pub(crate) use crate::util::sync::atomic;
    pub(crate) use crate::util::ticket_list::{Ticket, TicketList};
    pub(crate) use crate::util::wake::WakeList;
}
