//! The names of everyday use, of every crate with its feature turned on:
//!
//! ```
//! use towpath::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! let double = Fanout::new(4, |x: u64| async move { Ok(x * 2) });
//! assert_eq!(double.ordered().run(1..=3).collect().await?, [2, 4, 6]);
//! # Ok(()) }
//! ```
//!
//! The other names are in the modules of the crates, for example [`RetryBudget`](crate::job::RetryBudget). An import of
//! the same name in a file, for example of `tokio::sync::Semaphore`, takes precedence over the prelude.

#[cfg(feature = "fanout")]
pub use towpath_fanout::Fanout;
#[cfg(feature = "blocking")]
pub use towpath_job::blocking;
#[cfg(feature = "rayon")]
pub use towpath_job::cpu;
#[cfg(feature = "tower")]
pub use towpath_job::service;
#[cfg(feature = "job")]
pub use towpath_job::{FailureExt, JobExt};
#[cfg(feature = "limit")]
pub use towpath_limit::{Rate, per_key};
#[cfg(feature = "observe")]
pub use towpath_observe::Adaptive;
#[cfg(feature = "metrics")]
pub use towpath_observe::Metrics;
#[cfg(feature = "tracing")]
pub use towpath_observe::Spans;
pub use towpath_pattern::prelude::*;
#[cfg(feature = "pipeline")]
pub use towpath_pipeline::Pipeline;
#[cfg(feature = "producer-consumer")]
pub use towpath_producer_consumer::{ProducerConsumer, QueueSender, QueueTrySender, queue};
#[cfg(feature = "resource")]
pub use towpath_resource::{JobOutcome, Resource, ResourceGuard, WithResource, resource_fn};
#[cfg(feature = "semaphore")]
pub use towpath_semaphore::{Semaphore, WithPermit};
