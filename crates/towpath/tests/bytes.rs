//! The bytes of a waiting job do not grow. This test is a program of its own, because the allocator counts all memory.

use std::future::pending;

use peak_alloc::PeakAlloc;
use tokio::task::yield_now;
use towpath::prelude::*;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const JOBS: usize = 10_000;

/// Returns the bytes of each of many waiting jobs, whose own futures have no bytes.
async fn bytes_of(pattern: impl Pattern<usize, Out = usize>) -> usize {
    let scope = Scope::default();
    let before = MEMORY.current_usage();
    let run = pattern.run_in(&scope, 0..JOBS);
    while run.report().last().running < JOBS {
        yield_now().await;
    }
    let bytes = (MEMORY.current_usage() - before) / JOBS;
    drop(run);
    scope.wait().await.expect("a dropped run is no failure");
    bytes
}

async fn wait(_: usize) -> anyhow::Result<usize> {
    pending().await
}

/// The maximum of the bytes for each pattern, which is the last count. A change that needs fewer bytes also lowers the
/// number here.
const MOST: [(&str, usize); 5] =
    [("fanout", 181), ("pipeline", 181), ("semaphore", 373), ("resource", 338), ("producer-consumer", 182)];

#[tokio::test]
async fn waiting_job_has_no_more_bytes_than_before() {
    let connections = Semaphore::new(JOBS);
    let connection = resource_fn(async || Ok(()), async |(), _| Ok(()));
    let with_resource =
        WithResource::new(JOBS, connection, |(_guard, item): (ResourceGuard<()>, usize)| wait(item));
    let counted = [
        ("fanout", bytes_of(Fanout::new(JOBS, wait)).await),
        ("pipeline", bytes_of(Pipeline::new(JOBS, wait)).await),
        ("semaphore", bytes_of(WithPermit::new(JOBS, &connections, wait)).await),
        ("resource", bytes_of(with_resource).await),
        ("producer-consumer", bytes_of(ProducerConsumer::items().consumers(JOBS, wait)).await),
    ];
    let grown = counted.iter().zip(MOST).any(|((_, bytes), (_, most))| *bytes > most);
    assert!(!grown, "the bytes are {counted:?}, and at most {MOST:?}");
}
