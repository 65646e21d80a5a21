//! Jobs that each hold a resource, acquired before and released after with an await, whatever becomes of the job.
//!
//! What `async with` and `defer` are for: connections, sessions, temporary files, anything whose end must be awaited,
//! which Rust's `Drop` cannot do. Each resource goes from job to job, and is released on success, error, panic, timeout
//! and cancellation.
//!
//! # When not to use it
//!
//! - For what is given up without an await (a file, a lock, memory): an owned value, whose `Drop` does it.
//! - For a pool that outlives a run, with health checks and a minimum of idle connections: a crate for that, such as
//!   `deadpool` or `bb8`.
//! - For a limit alone: `towpath-fanout`, or `towpath-semaphore` where several runs share it.
//!
//! # Example
//!
//! ```
//! use towpath_resource::{JobOutcome, ResourceGuard, WithResource, PatternExt, Resource};
//!
//! # struct Connection;
//! # impl Connection {
//! #     async fn open(_: &str) -> anyhow::Result<Self> { Ok(Self) }
//! #     async fn get(&mut self, path: &str) -> anyhow::Result<usize> { Ok(path.len()) }
//! #     async fn say_goodbye(self) -> anyhow::Result<()> { Ok(()) }
//! #     fn close(self) {}
//! # }
//! struct Database {
//!     address: &'static str,
//! }
//!
//! impl Resource for Database {
//!     type State = Connection;
//!
//!     async fn acquire(&self) -> anyhow::Result<Connection> {
//!         Connection::open(self.address).await
//!     }
//!
//!     async fn release(&self, connection: Connection, after: JobOutcome) -> anyhow::Result<()> {
//!         match after {
//!             JobOutcome::Success => connection.say_goodbye().await,
//!             _ => Ok(connection.close()), // nobody knows what it still has to say
//!         }
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let database = Database { address: "db.example" };
//!     let lengths = WithResource::new(2, database, |(mut connection, path): (ResourceGuard<Connection>, &'static str)| async move {
//!         connection.get(path).await
//!     });
//!     // Two connections for four items; when the outputs are there, both are released.
//!     let lengths = lengths.ordered().run(["/", "/a", "/bc", "/def"]).collect().await?;
//!     assert_eq!(lengths, [1, 2, 3, 4]);
//!     Ok(())
//! }
//! ```
//!
//! State that all jobs share, besides the resource that each job holds, is a field of a type that implements [`Job`]. Every
//! job borrows the field, without an `Arc`; a closure cannot do so. [`Job`] has two further ways to share state,
//! [`with_state`] and a clone for every item:
//!
//! ```
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! use towpath_resource::{Job, PatternExt, ResourceGuard, WithResource, anyhow, resource_fn};
//!
//! /// Counts the bytes of all jobs.
//! struct Write {
//!     bytes: AtomicUsize,
//! }
//!
//! impl Job<(ResourceGuard<Vec<String>>, String)> for Write {
//!     type Out = usize;
//!
//!     async fn call(&self, (mut log, line): (ResourceGuard<Vec<String>>, String)) -> anyhow::Result<usize> {
//!         let before = self.bytes.fetch_add(line.len(), Ordering::Relaxed);
//!         log.push(line);
//!         Ok(before)
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let log = resource_fn(|| async { Ok(Vec::new()) }, |_log, _after| async { Ok(()) });
//!     let write = WithResource::new(1, log, Write { bytes: AtomicUsize::new(0) }).ordered();
//!     let before = write.run(["one".to_owned(), "two".to_owned()]).collect().await?;
//!     assert_eq!(before, [0, 3]);
//!     Ok(())
//! }
//! ```
//!
//! For one piece of work and no items, there is [`with`]; for a resource inside another, a transaction on a connection,
//! [`with_in`] the [scope](ResourceGuard::scope) of the outer one.
//!
//! # What a release can count on
//!
//! | the run | its resources |
//! |---|---|
//! | comes to its end, or fails | released before the end is yielded; a release that fails is yielded as a failure, or is in the report behind the first one |
//! | is cancelled, or passes its deadline | the same; the release itself is not cancelled, but has [its own time](WithResource::release_within) |
//! | is dropped | released beside whoever dropped it; [`Scope::wait`] waits for it, and returns what failed |
//! | has a job that panics | that job's resource is released with [`JobOutcome::Panic`], and made anew for the next |
//! | has a job that started something in the [scope](ResourceGuard::scope) of its resource | that is over before the resource is released or lent again; where the job was stopped or failed, it is stopped |
//! | has a job that gave its resource away | as when it is given back; one that takes longer for that than a release may is a failure, and dropped |
//! | ends because its runtime is shut down | dropped: nothing can be awaited any more |

#![forbid(unsafe_code)]

mod held;
mod lease;
mod pool;
mod resource;
mod slot;
mod time;
mod with;
mod with_resource;

pub use towpath_pattern::prelude::*;

pub use held::ResourceGuard;
pub use resource::{JobOutcome, Resource, resource_fn};
pub use with::{with, with_in};
pub use with_resource::WithResource;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
