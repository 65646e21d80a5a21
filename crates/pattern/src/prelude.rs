//! The names that a user of any pattern needs: a pattern crate re-exports them all.
//!
//! ```
//! pub use towpath_pattern::prelude::*;
//! ```
//!
//! Names for authors only, such as [`Settings`](crate::Settings), stay out.

pub use crate::{
    Cancelled, Cause, Counts, Failure, Indexed, IntoLimit, Job, Kept, Limit, OnFailure, Order, Pattern,
    PatternExt, Report, Run, Scope, Source, StageReport, Then, TimedOut, Yield, anyhow, async_channel,
};
