//! The shipped sources of the patterns, with shuttle's locks and atomics and a tokio under its scheduler. A seed
//! chooses the next task at each step. The models are in `tests/`.

#![forbid(unsafe_code)]

extern crate self as towpath_pattern;

pub mod explore;
pub mod jobs;

// An inline module with the shipped folder's path, so that files are looked for there.
// Only the engine uses every item.
#[allow(dead_code)]
#[path = "../../../../crates/pattern/src/util"]
mod util {
    pub mod batch_size;
    pub mod budget;
    pub mod cache_padded;
    pub mod mutex;
    pub mod panic;
    pub mod ticket_list;
    pub mod wake;
    pub mod wake_flag;

    pub(crate) mod sync {
        pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
        pub(crate) use std::sync::{PoisonError, TryLockError};
    }
}

#[path = "../../../../crates/pattern/src"]
mod shipped {
    pub mod client;
    pub mod failure;
    pub mod item;
    pub mod job;
    pub mod limit;
    pub mod limited_job;
    pub mod limiter;
    pub mod observer;
    pub mod pattern;
    pub mod prelude;
    pub mod queue;
    pub mod report;
    pub mod run;
    pub mod scope;
    pub mod settings;
    pub mod source;
    pub mod stage;
    pub mod upstream;
}

// The limiter of the semaphore is not among the shipped sources here.
#[allow(dead_code)]
#[path = "../../../../crates/semaphore/src"]
mod permits_shipped {
    pub mod error;
    pub mod permit;
    pub mod permits;
    pub mod semaphore;
    pub mod with_permit;
}

#[path = "../../../../crates/producer-consumer/src"]
mod producers_shipped {
    pub mod handles;
    #[path = "pattern.rs"]
    pub mod producer_consumer;
    pub mod stages;
}

#[path = "../../../../crates/fanout/src/lib.rs"]
pub mod fanout;
#[path = "../../../../crates/pipeline/src/lib.rs"]
pub mod pipeline;

/// The items of `crates/semaphore/src/sync.rs`.
mod sync {
    pub(crate) use crate::util::mutex::Mutex;
    pub(crate) use crate::util::panic;
    pub(crate) use crate::util::sync::atomic;
    pub(crate) use crate::util::ticket_list::{Ticket, TicketList};
    pub(crate) use crate::util::wake::WakeList;
}

pub use anyhow;
pub use async_channel;

pub use permits_shipped::*;
pub use producers_shipped::*;
pub use shipped::*;

pub use error::{AcquireError, TryAcquireError};
pub use fanout::Fanout;
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use pipeline::Pipeline;
pub use producer_consumer::{ProducerConsumer, Producers};
pub use semaphore::Semaphore;
pub use with_permit::WithPermit;

pub use client::{Call, Client, Place, TryCallError};
pub use failure::{Cancelled, Cause, Failure, Panic, TimedOut};
pub use job::{
    ItemFn, Job, JobFn, JobGuard, JobResult, Scoped, ScopedFn, StateFn, WithState, drive_job, job_fn, scoped,
    with_state,
};
pub use limit::{IntoJobLimit, IntoLimit, JobLimit, Limit, LiveLimit, ZeroLimit};
pub use limited_job::{HoldPermits, LimitedJob, hold_permits};
pub use limiter::{Admitted, LimitedBy, Limiter, Limits};
pub use observer::{Ended, ItemInfo, Observer, Observers, Outcome, RunInfo, RunObserver, Start};
pub use pattern::{Pattern, PatternExt, Then, ThenEach};
pub use report::{Counts, Report, StageReport};
pub use run::{Indexed, Monitor, Run};
pub use scope::{Scope, Spawned, TaskHandle};
pub use settings::{OnFailure, Order, Settings};
pub use source::{AsIterator, AsSource, AsStream, Frontier, IntoSource, Kept, Source, Storage, Yield};
pub use stage::{Completed, Running, Taken, Work};
