//! The uniform benchmark of Towpath: every workload is written once, against the trait, for any pattern.
//!
//! Not for programs around a pattern, and not for the laws: `towpath-testkit` tests a pattern. The crate is not
//! published. The folder is next to the pattern crates, so a copied pattern crate finds both by a path.

#![forbid(unsafe_code)]

mod benchmark;
mod counted;
mod growth;
mod hash;
mod latency;
mod measured;
mod mixed;
mod paths;
mod process;
mod times;
mod workloads;

pub use benchmark::Benchmark;
pub use hash::short_hash;
