//! The soak of `cargo xtask soak`, of the pattern and of a queue by itself; as a test, a few runs of it.

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
