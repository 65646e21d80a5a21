//! Jobs with a resource, acquired before the job and released afterwards with an await, however the job ends.
//!
//! # When not to use it
//!
//! - For a resource that is released without an await (a file, a lock, memory): an owned value with a `Drop`.
//! - For a pool that outlives a run, with health checks and a minimum of idle connections: a crate such as `deadpool` or `bb8`.
//! - For a limit alone: `towpath-fanout`, or `towpath-semaphore` if several runs share the limit.
//!
//! The pattern has the uses of `async with` and `defer`: connections, sessions, temporary files, and other resources whose
//! release must be awaited, which Rust's `Drop` cannot do. A resource is passed from job to job, and released after a
//! success, an error, a panic, a timeout and a cancellation.
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
//!             _ => Ok(connection.close()), // the connection is in an unknown state
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
//!     // Two connections for four items. `collect` returns after the release of both connections.
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
//! [`with`] is for a single piece of work, without items. For a resource inside a resource, such as a transaction on a
//! connection, call [`with_in`] with the [scope](ResourceGuard::scope) of the outer resource.
//!
//! # Guarantees of the release
//!
//! | the run | the resources |
//! |---|---|
//! | completes or fails | are released before the end of the run; the failure of a release is yielded, or is in the report behind the first cause |
//! | is cancelled, or passes the deadline | the same; a release is not cancelled, and has a [time limit](WithResource::release_within) of its own |
//! | is dropped | are released in tasks of the runtime; [`Scope::wait`] waits for the releases, and returns their failures |
//! | has a job that panics | the resource of the job is released with [`JobOutcome::Panic`]; the next job gets a new resource |
//! | has a job with runs or tasks in the [scope](ResourceGuard::scope) of its resource | the scope ends before the resource is released or reused; if the job fails or is stopped, the scope is cancelled |
//! | has a job that moves its guard elsewhere | the resource is released after the drop of the guard; after the time limit, the run fails, and the resource is dropped |
//! | ends with a shutdown of the runtime | are dropped, since no await is possible |

#![forbid(unsafe_code)]

mod guard;
mod lease;
mod pool;
mod resource;
mod shard;
mod time;
mod with;
mod with_resource;

pub use towpath_pattern::prelude::*;

pub use guard::ResourceGuard;
pub use resource::{JobOutcome, Resource, resource_fn};
pub use with::{with, with_in};
pub use with_resource::WithResource;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
