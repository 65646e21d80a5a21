//! The concurrency patterns of Python's asyncio and of Go on tokio: fan-out, pipeline, semaphore, resource, producer and
//! consumer. Every run is bounded, polls every job that it has started, accounts for every item and every panic, and
//! leaves nothing behind when it ends.
//!
//! # When not to use it
//!
//! - For two or three futures with names: `tokio::join!` or `tokio::try_join!`.
//! - For one task: `tokio::spawn`.
//! - For computation on every core without an await: rayon.
//! - For jobs that borrow, that are not `Send`, or that run without tokio: `buffer_unordered` of the futures crate.
//! - For one pattern: the crate of the pattern. This crate only re-exports the crates, and its default features build all
//!   five patterns.
//!
//! # Example
//!
//! ```
//! use towpath::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Failure> {
//!     let parse = Fanout::new(4, |line: &'static str| async move { Ok(line.trim().parse::<u64>()?) });
//!     let numbers = parse.ordered().run(["1", " 2", "3 "]).collect().await?;
//!     assert_eq!(numbers, [1, 2, 3]);
//!     Ok(())
//! }
//! ```
//!
//! # The crates
//!
//! Every crate is a module of this crate, behind the feature of the same name. The five patterns are the default features.
//!
//! | module | given | has |
//! |---|---|---|
//! | [`fanout`] | items and a job for each, N at once | [`Fanout`](fanout::Fanout) |
//! | [`pipeline`] | items that pass through stages, each with a limit | [`Pipeline`](pipeline::Pipeline) |
//! | [`semaphore`] | a limit that several runs share | [`Semaphore`](semaphore::Semaphore), [`WithPermit`](semaphore::WithPermit) |
//! | [`resource`] | a connection for each job, closed with an await | [`WithResource`](resource::WithResource), [`with`](resource::with) |
//! | [`producer_consumer`] | jobs that find more items, or several producers | [`ProducerConsumer`](producer_consumer::ProducerConsumer), [`queue`](producer_consumer::queue) |
//! | [`job`] | a time limit, retries, a second attempt, closures on threads | [`JobExt`](job::JobExt) |
//! | [`limit`] | a rate, a rate for each key, an order for equal keys | [`Rate`](limit::Rate), [`per_key`](limit::per_key()) |
//! | [`observe`] | a limit that adapts, a span for each job, metrics | [`Adaptive`](observe::Adaptive) |
//! | [`pattern`] | a pattern that is not here | [`Pattern`](pattern::Pattern), [`Run`](pattern::Run), [`Scope`](pattern::Scope) |
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `fanout`, `pipeline`, `semaphore`, `resource`, `producer-consumer` | the module of the pattern; on by default |
//! | `job`, `limit`, `observe` | the module |
//! | `retry` | [`JobExt::retry`](job::JobExt::retry), with backon; turns `job` on |
//! | `blocking` | [`blocking`](job::blocking()), closures on the threads of tokio; turns `job` on |
//! | `rayon` | [`cpu`](job::cpu()), closures on the threads of rayon; turns `job` on |
//! | `tower` | [`service`](job::service()), a tower service as a job; turns `job` on |
//! | `tracing` | [`Spans`](observe::Spans); turns `observe` on |
//! | `metrics` | [`Metrics`](observe::Metrics); turns `observe` on |
//! | `full` | every feature |
//!
//! The [guide] has three pages: which pattern when, failures and the end of a run, and a service.

#![forbid(unsafe_code)]
// The docs have links to every feature; a build without a feature has no target for the link.
#![cfg_attr(not(feature = "full"), allow(rustdoc::broken_intra_doc_links))]

#[cfg(any(doc, doctest))]
pub mod guide;
pub mod prelude;

#[cfg(feature = "fanout")]
pub use towpath_fanout as fanout;
#[cfg(feature = "job")]
pub use towpath_job as job;
#[cfg(feature = "limit")]
pub use towpath_limit as limit;
#[cfg(feature = "observe")]
pub use towpath_observe as observe;
pub use towpath_pattern as pattern;
#[cfg(feature = "pipeline")]
pub use towpath_pipeline as pipeline;
#[cfg(feature = "producer-consumer")]
pub use towpath_producer_consumer as producer_consumer;
#[cfg(feature = "resource")]
pub use towpath_resource as resource;
#[cfg(feature = "semaphore")]
pub use towpath_semaphore as semaphore;

#[cfg(all(doctest, feature = "fanout"))]
#[doc = include_str!("../README.md")]
struct Readme;
