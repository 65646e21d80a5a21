//! The one trait behind Towpath's concurrency patterns, and what they are built from.
//!
//! # When not to use it
//!
//! To *use* a pattern, depend on its own crate, such as `towpath-fanout`, which re-exports what you need
//! from here. Depend on this crate to *write* a pattern, or to take patterns as `dyn Pattern`. For a single
//! task, tokio's `spawn` is enough; for a group of tasks without items, [`Scope::spawn`], or tokio's
//! `JoinSet` if you need each one's value.
//!
//! # The parts
//!
//! - [`Pattern`] is a way to run many jobs at once; [`PatternExt`] is what everybody can do with one.
//!   Its documentation states the laws that every pattern keeps.
//! - [`Source`] is where items come from: iterators, streams, channels, generators, other runs.
//! - [`Job`] is what is applied to an item: an async function that may fail.
//! - [`Run`] is a pattern at work: a stream of outputs. [`Report`] says what became of every item.
//! - [`Scope`] is where runs live and are stopped: a token, a deadline, a place to wait for the end.
//! - [`Failure`] is any way in which an item can fail.
//!
//! # Writing a pattern
//!
//! [`Run::spawn`] takes a source, [`Settings`], and the [`Work`] to be done with each [`Taken`] item:
//! begin it, run something, end it. The laws hold by construction. This is a whole pattern, which tries
//! its job a second time:
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
//!                 let (item, begun) = taken.begin();
//!                 let tell = |cause| begun.tell(cause);
//!                 let mut result = drive_job(job.call_in(item.clone(), &scope), tell).await;
//!                 if result.is_err() {
//!                     result = drive_job(job.call_in(item, &scope), tell).await;
//!                 }
//!                 begun.end(result)
//!             }
//!         };
//!         Run::spawn(scope, input, Settings::new("twice", 4), work)
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
//! The conformance suite of `towpath-testkit` drives it with one job an item, through every law. What is
//! particular to a pattern (here, the second try) needs tests of its own.

#![forbid(unsafe_code)]

mod failure;
mod item;
mod job;
mod limit;
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

/// Jobs return `anyhow::Result`.
pub use anyhow;
/// The channels that [`Source::channel`] and [`Source::receiver`] are about.
pub use async_channel;

pub use failure::{Cancelled, Cause, Failure, TimedOut};
pub use job::{Job, Scoped, ScopedFn, drive_job, scoped};
pub use limit::{IntoLimit, Limit, ZeroLimit};
pub use pattern::{Pattern, PatternExt, Then};
pub use report::{Counts, Report, StageReport};
pub use run::{Indexed, Run};
pub use scope::Scope;
pub use settings::{OnFailure, Order, Settings};
pub use source::{Kept, Source, Yield};
pub use stage::{Begun, Ended, Taken, Work};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
