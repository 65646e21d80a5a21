//! The nine laws of Towpath as tests of any pattern.
//!
//! Not for tests of a program around a pattern: `#[tokio::test(start_paused = true)]` and the pattern are enough.
//! Not for the particular behaviour of a pattern, for example a retry: the laws are common to all patterns.
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
//! [`conformance!`] writes an ordinary `#[test]` for every check, so `cargo test` lists, filters and runs the checks. A
//! [`Case`] has the settings of a pattern in one check: the limit, the capacity and the failure policy. [`subjects!`]
//! writes the same subject for several programs, for example for the soak.
//!
//! # How a check works
//!
//! A check sees a pattern from outside. The sources, jobs and items of the suite keep a record of every item (taken,
//! started, completed, dropped), and the check compares the report of the pattern with the record. The suite knows the
//! trait, the laws and the number of stages, and no further property of the pattern.
//!
//! A check runs on one or more runtimes: a current-thread runtime with a paused clock, for exact times and quick
//! detection of a hang; a multi-thread runtime; a current-thread runtime with the real clock; a current-thread runtime
//! with a single poll at a time. A watchdog fails a check after 20 s. Every check is made of the subject, and of two
//! chains of the subject with itself ([`Subject::chains_with_itself`]).
//!
//! Many checks play generated games. The games are the same in every run. `TOWPATH_SEED=7` plays different games, and
//! the message of a failure then has the seed; `TOWPATH_LONG=1` plays many more games. `TOWPATH_REPEAT=100` makes every
//! check a hundred times in one process, of the subject and of the two chains in turn, for faults of the order of
//! threads.
//!
//! The checks `every_law::…` play small runs poll by poll. A run is played again and again, is stopped a poll later
//! every time, and must keep all nine laws.
//!
//! # Patterns with limiters
//!
//! Under limiters, fewer jobs than the limit may run at once, and a start may wait. A subject states this with
//! [`Subject::allowed`], and some checks then have a weakened form. The README lists these checks; all further checks
//! are the same for every subject. [`violations`] makes all checks of a subject that a test generates.
//!
//! # The soak
//!
//! The feature `soak` adds `Soak`: runs of up to three patterns in a chain, with all settings chosen at random, for as
//! long as a command allows. A soak finds faults that need many runs, and measures memory. The feature is off by
//! default: a soak is a program with arguments, and has further dependencies.
//!
//! # Tests of the suite
//!
//! The patterns in `tests/broken/` are broken on purpose, at least one for every law. [`verdicts`] must name the broken
//! law, and no law without a relation to the flaw.

#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "soak"), allow(dead_code, reason = "the soak shares the probes of the checks"))]

mod allowed;
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
mod share;
#[cfg(feature = "soak")]
mod soak;
mod subject;
mod testable;
mod until_poll;
mod while_holding;

pub use allowed::Allowed;
pub use chained::Chained;
pub use check::Law;
pub use conformance::{Verdict, verdicts, violations};
pub use panics::panic_of;
#[cfg(feature = "soak")]
/// The allocator of a [`Soak`]. The allocator counts the allocated bytes.
pub use peak_alloc::PeakAlloc;
pub use runtime::Runtime;
#[cfg(feature = "soak")]
pub use soak::Soak;
pub use subject::{Boxed, Case, Share, Subject};
pub use until_poll::until_poll;
pub use while_holding::while_holding;

/// The names in the expansions of the macros.
#[doc(hidden)]
pub mod __private {
    pub use towpath_pattern::{Job, Order, Pattern};

    pub use crate::conformance::check;
}
