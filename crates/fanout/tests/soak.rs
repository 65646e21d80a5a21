//! The soak of `cargo xtask soak`; as a test, a few runs of the soak.

use std::process::ExitCode;

use towpath_testkit::{PeakAlloc, Soak};

mod subject;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    Soak::new(subject::fanout()).and(subject::fanout_ordered()).main(|| HEAP.current_usage())
}
