//! The soak of chains of the patterns of this workspace.

use std::process::ExitCode;

use towpath_testkit::{PeakAlloc, Soak};

#[path = "../../fanout/tests/subject/mod.rs"]
mod fanout;
#[path = "../../pipeline/tests/subject/mod.rs"]
mod pipeline;
#[path = "../../producer-consumer/tests/subject/mod.rs"]
mod producer_consumer;
#[path = "../../semaphore/tests/subject/mod.rs"]
mod semaphore;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    Soak::new(fanout::fanout())
        .and(fanout::fanout_ordered())
        .and(pipeline::pipeline())
        .and(pipeline::pipeline_of_three())
        .and(pipeline::pipeline_of_three_ordered())
        .and(producer_consumer::producer_consumer())
        .and(semaphore::semaphore())
        .and(semaphore::semaphore_ordered())
        .and(semaphore::two_under_one_semaphore())
        .main(|| HEAP.current_usage())
}
