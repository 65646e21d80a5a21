//! The uniform benchmark of Towpath: each workload written once, against the trait, for any pattern.
//!
//! Not for programs that use a pattern, and not for the laws: a pattern is tested with `towpath-testkit`. This crate
//! is not published. It is a neighbour of the pattern crates, so that a pattern crate that is copied out of the
//! workspace finds both by a path.

#![forbid(unsafe_code)]

mod benchmark;
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
