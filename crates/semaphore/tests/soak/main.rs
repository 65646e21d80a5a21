//! The soak of the pattern and of a semaphore alone, for `cargo xtask soak`; as a test, a few runs of the soak.

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
