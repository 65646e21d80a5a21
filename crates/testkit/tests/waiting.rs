//! The memory of a waiting job. The test has a process of its own, because it measures the heap.

use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use towpath_fanout::Fanout;
use towpath_pattern::PatternExt;
use towpath_testkit::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const JOBS: usize = 10_000;

/// The measured number is 277. The job, which waits for a permit, takes 168 bytes, and a seat and a slot take the rest.
/// The allocator rounds both sizes up to a multiple of 16.
const MOST_BYTES_EACH: usize = 300;

#[test]
fn waiting_job_costs_a_seat_and_a_slot() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let gate = Arc::new(Semaphore::new(0));
        let at_gate = Arc::clone(&gate);
        let waits = move |_: usize| {
            let (gate, begun) = (Arc::clone(&at_gate), Arc::clone(&at_gate));
            async move {
                begun.add_permits(0);
                Ok(gate.acquire().await.is_err())
            }
        };
        let before = HEAP.current_usage();
        let mut run = Fanout::new(JOBS, waits).run(0..JOBS);
        while run.report().stages[0].counts.running < JOBS {
            yield_now().await;
        }
        let each = (HEAP.current_usage() - before) / JOBS;
        assert!(each <= MOST_BYTES_EACH, "{each} bytes for each job, at most {MOST_BYTES_EACH} are allowed");
        gate.close();
        while let Some(waited) = run.next().await {
            assert!(waited.expect("no failure"), "the semaphore is closed without a permit");
        }
    });
}
