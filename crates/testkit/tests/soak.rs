//! The soak of any of our patterns behind each other.

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
    Soak::new(fanout::AsCompleted)
        .and(fanout::Ordered)
        .and(pipeline::OneStage)
        .and(pipeline::PassJobPass)
        .and(pipeline::OrderedStages)
        .and(producer_consumer::AsCompleted)
        .and(semaphore::AsCompleted)
        .and(semaphore::Ordered)
        .and(semaphore::TwoUnderOne)
        .main(|| HEAP.current_usage())
}
