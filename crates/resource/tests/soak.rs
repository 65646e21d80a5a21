//! The soak of `cargo xtask soak`; as a test, a few runs of the soak.

use std::process::ExitCode;

use towpath_testkit::{PeakAlloc, Soak};

mod subject;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    Soak::new(subject::resource()).and(subject::resource_ordered()).main(|| HEAP.current_usage())
}
