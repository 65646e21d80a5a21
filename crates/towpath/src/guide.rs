//! The guide, for the docs alone: the module has no items.
//!
//! - [`patterns`]: which pattern for which task.
//! - [`failures`]: policies, deadlines, and the end of a run.
//! - [`services`]: a pattern that answers calls, with time limits, retries and a rate.

#[doc = include_str!("guide/patterns.md")]
pub mod patterns {}

#[doc = include_str!("guide/failures.md")]
pub mod failures {}

#[doc = include_str!("guide/services.md")]
pub mod services {}
