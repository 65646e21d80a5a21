//! The soak of `cargo xtask soak`; as a test, a few runs of it.

mod subject;

use std::process::ExitCode;

use subject::{AsCompleted, Ordered};
use towpath_testkit::{PeakAlloc, Soak};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    Soak::new(AsCompleted).and(Ordered).main(|| HEAP.current_usage())
}
