//! The names for users of patterns. Every pattern crate re-exports the prelude:
//!
//! ```
//! pub use towpath_pattern::prelude::*;
//! ```
//!
//! The prelude has no names for authors of patterns, for example [`Settings`](crate::Settings).

pub use crate::{
    AsIterator, AsSource, AsStream, Call, Cancelled, Cause, Client, Counts, Failure, Frontier, Indexed,
    IntoJobLimit, IntoLimit, IntoSource, Job, Kept, Limit, Limiter, LiveLimit, Monitor, OnFailure, Order,
    Panic, Pattern, PatternExt, Place, Report, Run, Scope, Source, Spawned, StageReport, Storage, TaskHandle,
    Then, ThenEach, TimedOut, TryCallError, Yield, anyhow, async_channel, job_fn, scoped, with_state,
};
