//! The benchmark's workloads on tokio, futures and rayon alone, one per process.
//!
//! `towpath-peers list`, or `towpath-peers run WORKLOAD SUBJECT ITEMS`.

#![forbid(unsafe_code)]

mod cancel_10k;
mod fanout_cpu;
mod fanout_noop;
mod io_10k;
mod io_1m;
mod memory_100k;
mod protocol;

use std::process::ExitCode;

use protocol::Subject;

const SUBJECTS: &[Subject] = &[
    Subject::new("io-10k", "tokio spawn", io_10k::spawn),
    Subject::new("io-10k", "JoinSet", io_10k::join_set),
    Subject::new("io-10k", "buffer_unordered", io_10k::buffer_unordered),
    Subject::new("io-1m", "tokio spawn + Semaphore", io_1m::semaphore),
    Subject::new("fanout-noop", "buffer_unordered", fanout_noop::buffer_unordered),
    Subject::new("fanout-noop", "tokio spawn", fanout_noop::spawn),
    Subject::new("fanout-cpu", "rayon", fanout_cpu::rayon),
    Subject::new("fanout-cpu", "tokio spawn", fanout_cpu::spawn),
    Subject::new("memory-100k", "tokio spawn", memory_100k::spawn),
    Subject::new("cancel-10k", "JoinSet", cancel_10k::join_set),
];

fn main() -> ExitCode {
    protocol::main(SUBJECTS)
}
