//! Towpath's nine laws as a conformance suite for any pattern.
//!
//! Not for testing programs that use a pattern: `#[tokio::test(start_paused = true)]` and the pattern itself
//! do for that. This is for whoever writes one.
//!
//! A pattern comes to the suite as a [`Subject`]: something that makes the pattern from any job and any
//! [`Case`], the limit, the capacity and what a failure does. In `tests/conformance.rs`, which is a test of
//! the manifest with `harness = false`:
//!
//! ```no_run
//! use towpath_fanout::Fanout;
//! use towpath_pattern::{Job, Order, Pattern};
//! use towpath_testkit::{Case, Conformance, Subject};
//!
//! #[derive(Clone)]
//! struct AsCompleted;
//!
//! impl Subject for AsCompleted {
//!     fn name(&self) -> String {
//!         "fanout".to_owned()
//!     }
//!
//!     fn order(&self) -> Order {
//!         Order::AsCompleted
//!     }
//!
//!     fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
//!     where
//!         In: Clone + Send + 'static,
//!         J: Job<In, Out: Clone>,
//!     {
//!         Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure)
//!     }
//! }
//!
//! fn main() {
//!     Conformance::new(AsCompleted).main()
//! }
//! ```
//!
//! # How it looks at a pattern
//!
//! From outside. The suite has its own record of every item (handed out by the source, begun, ended,
//! dropped), made by its sources, its jobs and the items themselves, and compares the pattern's report with
//! it. Nothing about the pattern is known but the trait, the laws, and in how many stages it runs.
//!
//! Checks are made on a current-thread runtime whose clock is paused, so that what has to do with time is
//! exact and a hang is seen at once, and on a multi-thread one. A check that hangs all the same is given up
//! after 20 s and fails its law, not the suite. Many checks play generated games, the same ones in every
//! run; with `TOWPATH_LONG=1` many more of them.
//!
//! The trials named `every_law/…` play small runs, always the same, on a runtime that makes one poll at a time. Each
//! run is played again and again, and each time stopped one poll later, until its end.
//!
//! # Who tests the suite
//!
//! `tests/broken/` has patterns that are broken on purpose, at least one for each law; [`verdicts`] must
//! name that law, and no law that the flaw does not touch.

#![forbid(unsafe_code)]

mod bench;
mod chained;
mod check;
mod conformance;
mod game;
mod laws;
mod panics;
mod polls;
mod probe;
mod runtime;
mod soak;
mod subject;
mod testable;
mod until_poll;
mod while_holding;

pub use bench::Benchmark;
pub use chained::Chained;
pub use check::Law;
pub use conformance::{Conformance, Verdict, verdicts};
pub use panics::panic_of;
/// The allocator that a [`Soak`] asks how much is allocated.
pub use peak_alloc::PeakAlloc;
pub use runtime::Runtime;
pub use soak::Soak;
pub use subject::{Boxed, Case, Subject};
pub use until_poll::until_poll;
pub use while_holding::while_holding;
