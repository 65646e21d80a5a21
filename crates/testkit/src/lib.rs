//! The nine laws of Towpath as tests of any pattern.
//!
//! Not for tests of a program that *uses* a pattern: `#[tokio::test(start_paused = true)]` and the pattern are enough.
//! Not for a pattern whose outputs cannot be made from one job an item: the checks of such a pattern need a stage behind
//! the pattern, or do not apply. The particular behaviour of a pattern needs tests of its own.
//!
//! The kit is one dev-dependency. In `tests/conformance.rs`:
//!
//! ```
//! # use towpath_fanout::Fanout;
//! // use my_pattern::Fanout;
//! towpath_testkit::conformance! {
//!     fanout(case, job) -> AsCompleted =>
//!         Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure);
//! }
//! # fn main() {}
//! ```
//!
//! [`conformance!`] writes an ordinary `#[test]` for each check, so `cargo test` lists, filters and runs the checks. A
//! [`Case`] has the settings of a pattern in one check: the limit, the capacity and the failure policy. [`subjects!`] writes
//! the same subject for several programs, for example for a [`Soak`].
//!
//! # How a check works
//!
//! A check sees a pattern from outside. The suite keeps its own record of every item (taken, started, completed, dropped),
//! by means of its sources, its jobs and the items themselves, and compares the report of the pattern with the record. A
//! check knows the trait, the laws and the number of stages, and nothing else of the pattern.
//!
//! Every check runs on the runtimes that it needs: a current-thread runtime with a paused clock, which makes times exact
//! and detects a hang at once; a multi-thread runtime; a current-thread runtime with the real clock; a current-thread
//! runtime that makes one poll at a time. A watchdog fails a check that hangs for 20 s. Every check is made of the
//! subject, and of the subject in front of itself and behind itself ([`Subject::chains_with_itself`]).
//!
//! Many checks play generated games. The games are the same in every run. `TOWPATH_SEED=7` plays other games, and a failure
//! of such a game has the seed in its message; `TOWPATH_LONG=1` plays many more games.
//!
//! The checks `every_law::…` play small runs on the runtime that makes one poll at a time. Each run is played again and
//! again, is stopped one poll later each time, and must keep all nine laws.
//!
//! # Tests of the suite
//!
//! The patterns in `tests/broken/` are broken on purpose, at least one for each law. [`verdicts`] must name that law, and no
//! law that the flaw does not touch.

#![forbid(unsafe_code)]

mod chained;
mod check;
mod conformance;
mod environment;
mod game;
mod laws;
mod macros;
mod panics;
mod polls;
mod probe;
mod runtime;
mod soak;
mod subject;
mod testable;
mod until_poll;
mod while_holding;

pub use chained::Chained;
pub use check::Law;
pub use conformance::{Verdict, verdicts};
pub use panics::panic_of;
/// The allocator that a [`Soak`] asks how much is allocated.
pub use peak_alloc::PeakAlloc;
pub use runtime::Runtime;
pub use soak::Soak;
pub use subject::{Boxed, Case, Subject};
pub use until_poll::until_poll;
pub use while_holding::while_holding;

/// The names that the macros write.
#[doc(hidden)]
pub mod __private {
    pub use towpath_pattern::{Job, Order, Pattern};

    pub use crate::conformance::check;
}
