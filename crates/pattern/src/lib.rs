//! The trait of Towpath's concurrency patterns, and the parts of a pattern.
//!
//! # When not to use this crate
//!
//! To *use* a pattern, depend on the crate of the pattern, such as `towpath-fanout`; the crate of a pattern
//! re-exports what its users need from here. Depend on this crate to *write* a pattern, or to take patterns as
//! `dyn Pattern`. For a single task, tokio's `spawn` is enough; for a group of tasks without items, [`Scope::spawn`]
//! and [`Scope::spawn_value`].
//!
//! # The parts
//!
//! - [`Pattern`] is a way to run many jobs at once, and states the laws of every pattern. [`PatternExt`] has the
//!   methods for users of a pattern.
//! - [`Source`] is where items come from: iterators, streams, channels, generators, other runs.
//! - [`Job`] is an async function of an item, and may fail.
//! - [`Run`] is one execution of a pattern: a stream of outputs. [`Report`] counts the outcomes of all items.
//! - [`Scope`] is where runs live and are stopped: a token, a deadline, a place to wait for the end.
//! - [`Failure`] says which item failed, at which stage, and why.
//!
//! # Writing a pattern
//!
//! [`Run::spawn`] takes a source, [`Settings`], and the [`Work`] for every [`Taken`] item: start the item, run the
//! job, complete the item. The laws of [`Pattern`] hold if the work adds no wait, and runs the job with [`Taken::run`]
//! or with [`drive_job`] on [`Job::call_in`]; [`Run::spawn`] lists the laws that a plain `job.call(item).await` breaks.
//! The following pattern is complete, and tries the job a second time after a failure:
//!
//! ```
//! use std::sync::Arc;
//! use towpath_pattern::{Job, Pattern, PatternExt, Run, Scope, Settings, Source, Taken, drive_job};
//!
//! struct Twice<J>(Arc<J>);
//!
//! impl<In: Clone + Send + Sync + 'static, J: Job<In>> Pattern<In> for Twice<J> {
//!     type Out = J::Out;
//!
//!     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
//!         let job = Arc::clone(&self.0);
//!         let work = move |taken: Taken<In, J::Out>| {
//!             let job = Arc::clone(&job);
//!             async move {
//!                 let scope = taken.scope();
//!                 let (item, running) = taken.start();
//!                 let report = |cause| running.report(cause);
//!                 let mut result = drive_job(job.call_in(item.clone(), &scope), report).await;
//!                 if result.is_err() {
//!                     result = drive_job(job.call_in(item, &scope), report).await;
//!                 }
//!                 running.complete(result)
//!             }
//!         };
//!         Run::spawn(scope, input, Settings::new("twice", 4), work)
//!     }
//!
//!     /// A run yields one output or failure for each item, so the pattern may be served.
//!     fn is_one_to_one(&self) -> bool {
//!         true
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! let outputs = Twice(Arc::new(|x: u64| async move { Ok(x + 1) })).run([1, 2]).collect().await?;
//! assert_eq!(outputs.iter().sum::<u64>(), 5);
//! # Ok(()) }
//! ```
//!
//! A pattern with settings has a field for [`Settings`], and the builders of [`builders!`]. A pattern crate re-exports
//! [`prelude`] for users.
//!
//! The conformance suite of `towpath-testkit` checks every law of a pattern with one job per item. The particular
//! behaviour of a pattern (here, the second try) needs further tests.

#![forbid(unsafe_code)]

mod client;
mod failure;
mod item;
mod job;
mod limit;
mod limited_job;
mod limiter;
mod observer;
mod pattern;
pub mod prelude;
pub mod queue;
mod report;
mod run;
mod scope;
mod settings;
mod source;
mod stage;
mod upstream;
mod util;

/// The lists, locks and helpers of the engine that the pattern crates of this workspace share. No part of the public API.
#[doc(hidden)]
#[allow(unexpected_cfgs, reason = "no manifest declares a cfg of a single command")]
pub mod internal {
    pub use crate::util::mutex::Mutex;
    pub use crate::util::panic;
    #[cfg(towpath_counted)]
    pub use crate::util::sync::counted::{LockCounts, lock_counts};
    pub use crate::util::ticket_list::{Ticket, TicketList};
    pub use crate::util::wake::WakeList;
}

/// Jobs return `anyhow::Result`.
pub use anyhow;
/// The channels of [`Source::channel`].
pub use async_channel;

pub use client::{Call, Client, Place, TryCallError};
pub use failure::{Cancelled, Cause, Failure, Panic, TimedOut};
pub use job::{
    ItemFn, Job, JobFn, JobGuard, JobResult, Scoped, ScopedFn, StateFn, WithState, drive_job, job_fn, scoped,
    with_state,
};
pub use limit::{IntoJobLimit, IntoLimit, JobLimit, Limit, LiveLimit, WatchLimit, ZeroLimit};
pub use limited_job::{HoldPermits, LimitedJob, hold_permits};
pub use limiter::{Admitted, BothPermits, LimitedBy, Limiter, Limits};
pub use observer::{Ended, ItemInfo, Observer, Observers, Outcome, RunInfo, RunObserver, Start};
pub use pattern::{Pattern, PatternExt, Then, ThenEach};
pub use report::{Counts, Report, StageReport};
pub use run::{Indexed, Monitor, Run};
pub use scope::{Scope, Spawned, TaskHandle};
pub use settings::{OnFailure, Order, Settings};
pub use source::{AsIterator, AsSource, AsStream, Frontier, IntoSource, Kept, Source, Storage, Yield};
pub use stage::{Completed, Running, Taken, Work};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
