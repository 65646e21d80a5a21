//! The soak of the pattern and of a queue alone, for `cargo xtask soak`; as a test, a few runs of the soak.

mod queue;
#[path = "../subject/mod.rs"]
mod subject;

use std::process::ExitCode;

use towpath_testkit::{PeakAlloc, Soak};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    Soak::new(subject::producer_consumer()).with("queue", queue::soak).main(|| HEAP.current_usage())
}
