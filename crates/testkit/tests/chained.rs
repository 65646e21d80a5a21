//! The cost of a chain of runs: bytes and polls grow linearly with the number of stages. The test has a process of its
//! own, because it measures the heap.

#[path = "processes/chain.rs"]
mod chain;
#[path = "processes/patterns.rs"]
mod patterns;

use std::future::poll_fn;
use std::pin::{Pin, pin};

use tokio::runtime::Builder;
use towpath_testkit::{Case, PeakAlloc};

use chain::Chain;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The patterns, and the number of stages of the shorter of two chains.
const CHAINS: [(&str, usize); 5] =
    [("fanout", 3_000), ("pipeline", 500), ("semaphore", 500), ("resource", 500), ("producer consumer", 500)];

/// The bytes and polls of a run.
struct Cost {
    bytes: usize,
    polls: usize,
}

type Course = fn(Chain) -> Pin<Box<dyn Future<Output = ()>>>;

const COURSES: [(&str, Course); 5] = [
    ("ends", |chain| Box::pin(chain.ends())),
    ("is cancelled", |chain| Box::pin(chain.is_cancelled())),
    ("is dropped", |chain| Box::pin(chain.is_dropped())),
    ("is cancelled by its scope", |chain| Box::pin(chain.is_cancelled_by_its_scope())),
    ("fails", |chain| Box::pin(chain.fails())),
];

/// Runs a chain on a runtime that polls `course` once between any two polls of tasks.
fn cost(course: Course, chain: Chain) -> Cost {
    // On a paused clock, no poll is slow, so the number of polls is the same on every machine.
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).event_interval(1).build().expect("a runtime");
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let mut polls = 0;
    runtime.block_on(async {
        let mut course = pin!(course(chain));
        poll_fn(|cx| {
            polls += 1;
            let polled = course.as_mut().poll(cx);
            if polled.is_pending() {
                cx.waker().wake_by_ref();
            }
            polled
        })
        .await;
    });
    Cost { bytes: HEAP.peak_usage() - before, polls }
}

#[test]
fn bytes_and_polls_grow_linearly_with_the_stages() {
    let patterns = patterns::all(Case::new(1), &|item: usize| async move { Ok(item) });
    for (name, stages) in CHAINS {
        let position = patterns.iter().position(|named| named.name == name).expect("a pattern of that name");
        for (what, course) in COURSES {
            let some = cost(course, Chain { position, stages });
            let twice = cost(course, Chain { position, stages: 2 * stages });
            for (unit, some, twice) in
                [("bytes", some.bytes, twice.bytes), ("polls", some.polls, twice.polls)]
            {
                println!("{name} {what}: {some} {unit}, {twice} with twice as many stages");
                assert!(
                    2 * twice < 5 * some,
                    "a chain of `{name}` that {what}: {some} {unit}, {twice} with twice as many stages"
                );
            }
        }
    }
}
