//! DOC
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
