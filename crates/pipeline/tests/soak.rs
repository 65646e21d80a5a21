//! The soak of `cargo xtask soak`; as a test, a few runs of it.

mod subject;

use std::process::ExitCode;

use subject::{OneStage, OrderedStages, PassJobPass};
use towpath_testkit::{PeakAlloc, Soak};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    Soak::new(OneStage).and(PassJobPass).and(OrderedStages).main(|| HEAP.current_usage())
}
