//! The soak of `cargo xtask soak`, of the pattern and of a semaphore by itself; as a test, a few runs of it.

mod permits;
#[path = "../subject/mod.rs"]
mod subject;

use std::process::ExitCode;

use towpath_testkit::{PeakAlloc, Soak};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    Soak::new(subject::semaphore())
        .and(subject::semaphore_ordered())
        .and(subject::two_under_one_semaphore())
        .with("permits", permits::soak)
        .main(|| HEAP.current_usage())
}
