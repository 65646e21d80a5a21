//! The names that a user of any pattern needs. A pattern crate re-exports them all:
//!
//! ```
//! pub use towpath_pattern::prelude::*;
//! ```
//!
//! Names for authors of patterns, such as [`Settings`](crate::Settings), are not among them.

pub use crate::{
    Cancelled, Cause, Counts, Failure, Indexed, IntoLimit, Job, Kept, Limit, OnFailure, Order, Pattern,
    PatternExt, Report, Run, Scope, Source, StageReport, Then, TimedOut, Yield, anyhow, async_channel,
};
