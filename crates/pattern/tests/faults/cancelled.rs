//! Runs that are stopped at any moment: no item is lost, no item counts twice, and no job is left.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures_core::Stream;
use tokio::task::{consume_budget, yield_now};
use towpath_pattern::{Run, Scope, Settings, Source};

use crate::{one_step, run_in, settle, soon};

/// Counts the jobs that are alive.
#[derive(Clone, Default)]
struct Alive(Arc<()>);

impl Alive {
    fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

#[tokio::test(start_paused = true)]
async fn scope_wait_of_a_stopped_run_leaves_no_job_alive() {
    let stops: [fn(&Scope, Run<u32>); 2] = [
        |_, run| drop(run),
        |scope, run| {
            scope.cancel();
            drop(run);
        },
    ];
    for (way, stop) in stops.into_iter().enumerate() {
        // In a task, which takes turns with the workers.
        let alive = tokio::spawn(alive_after(stop)).await.expect("no panic");
        assert_eq!(alive, 0, "jobs are left after the stop {way}");
    }
}

/// Stops a run with many jobs, waits for the end of its scope, and returns the number of jobs that are still alive.
async fn alive_after(stop: fn(&Scope, Run<u32>)) -> usize {
    // More than a worker cancels in one poll.
    const JOBS: u32 = 20_000;
    let (scope, alive) = (Scope::new("stopped"), Alive::default());
    let guard = alive.clone();
    let job = move |item: u32| {
        let guard = Alive(Arc::clone(&guard.0));
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok(item)
        }
    };
    let run = run_in(&scope, 0..JOBS, Settings::new("endless", JOBS as usize), job);
    // The job function holds a guard, too.
    while alive.count() <= JOBS as usize {
        yield_now().await;
    }
    stop(&scope, run);
    soon("the end of the scope", scope.wait()).await.expect("no failure");
    alive.count()
}

#[tokio::test]
async fn job_completed_before_a_stop_keeps_its_outcome() {
    let own: Arc<Mutex<Option<Run<u32>>>> = Arc::default();
    let stopping = Arc::clone(&own);
    let job = move |item: u32| {
        let stopping = Arc::clone(&stopping);
        async move {
            if item == 5 {
                stopping.lock().unwrap().as_ref().expect("it was started").cancel();
            }
            Ok(item)
        }
    };
    let settings = Settings::new("stops itself", 1).capacity(100);
    let run = run_in(&Scope::default(), 0..100, settings, job);
    *own.lock().unwrap() = Some(run);
    settle().await;
    let mut run = own.lock().unwrap().take().expect("no other code takes the run");
    let mut outputs = Vec::new();
    let failure = loop {
        match run.next().await.expect("a failure comes last") {
            Ok(output) => outputs.push(output),
            Err(failure) => break failure,
        }
    };
    assert!(failure.is_cancelled(), "{failure:#}");
    assert_eq!(outputs, [0, 1, 2, 3, 4, 5]);
    let counts = *run.finish().await.last();
    assert_eq!((counts.succeeded, counts.cancelled, counts.delivered), (6, 0, 6), "{counts}");
}

/// Polls a run the given number of times and drops the run. Returns the numbers of started and of returned items.
async fn dropped_after(polls: usize, items: usize) -> (usize, usize) {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let job = move |item: usize| {
        count.fetch_add(1, SeqCst);
        async move {
            if item.is_multiple_of(50) {
                yield_now().await;
            }
            if item % 50 == 7 {
                // Uses up the budget of the worker, which returns to the runtime with the rest of its batch.
                for _ in 0..200 {
                    consume_budget().await;
                }
            }
            Ok(item)
        }
    };
    let (scope, (source, kept)) = (Scope::new("dropped"), Source::new(0..items).kept());
    let mut run = run_in(&scope, source, Settings::new("counting", 16), job);
    for _ in 0..polls {
        let _ = poll_fn(|cx| Poll::Ready(Pin::new(&mut run).poll_next(cx))).await;
        one_step().await;
    }
    drop(run);
    soon("the end of the scope", scope.wait()).await.expect("no failure");
    let mut rest = kept.take().expect("the run is over");
    let mut given_back = 0;
    while let Some(item) = rest.next().await {
        item.expect("an iterator does not fail");
        given_back += 1;
    }
    (begun.load(SeqCst), given_back)
}

#[tokio::test(start_paused = true)]
async fn run_dropped_after_any_poll_loses_no_item() {
    const ITEMS: usize = 300;
    for polls in 0..400 {
        // In a task, which takes turns with the workers.
        let (begun, given_back) = tokio::spawn(dropped_after(polls, ITEMS)).await.expect("no panic");
        assert_eq!(begun + given_back, ITEMS, "{begun} started, {given_back} returned, after {polls} polls");
    }
}

/// Cancels its run in its drop.
struct CancelsItsRun(Arc<Mutex<Option<Run<u32>>>>);

impl Drop for CancelsItsRun {
    fn drop(&mut self) {
        self.0.lock().unwrap().as_ref().expect("it was started").cancel();
    }
}

#[tokio::test]
async fn cancellation_right_after_a_failure_does_not_mask_it() {
    let own: Arc<Mutex<Option<Run<u32>>>> = Arc::default();
    let stopping = Arc::clone(&own);
    let job = move |item: u32| {
        // The failure of item 1 drops the job of item 0, and the drop cancels the run.
        let guard = (item == 0).then(|| CancelsItsRun(Arc::clone(&stopping)));
        async move {
            if guard.is_some() {
                std::future::pending::<()>().await;
            }
            anyhow::bail!("the true cause")
        }
    };
    let run = run_in(&Scope::default(), 0..2, Settings::new("cancelled late", 2), job);
    *own.lock().unwrap() = Some(run);
    settle().await;
    let run = own.lock().unwrap().take().expect("no other code takes the run");
    let failure = run.collect().await.expect_err("item 1 failed");
    assert_eq!(format!("{failure:#}"), "item 1 at stage `cancelled late` failed: the true cause");
}
