//! The inputs of cancelled jobs.

use std::future::pending;
use std::sync::{Arc, Mutex};

use tokio::time::sleep;
use towpath_fanout::{Fanout, Job, OnFailure, PatternExt, Source, anyhow};
use towpath_job::{CancelledInputs, JobExt};

use crate::seconds;

/// Even numbers complete at once, and odd numbers never.
async fn even(x: u64) -> anyhow::Result<u64> {
    if x.is_multiple_of(2) { Ok(x) } else { pending().await }
}

/// Together with `kept`, the handle has every input without an output, in order.
#[tokio::test(start_paused = true)]
async fn cancelled_run_leaves_the_inputs_of_its_jobs() {
    let (job, cancelled) = even.keep_cancelled();
    let (items, kept) = Source::new(0..20).kept();
    let mut run = Fanout::new(4, job).capacity(0).run(items);
    let mut succeeded = Vec::new();
    while let Ok(Some(output)) = tokio::time::timeout(seconds(1), run.next()).await {
        succeeded.push(output.expect("no failure"));
    }
    assert_eq!(succeeded, [0, 2, 4, 6]);
    assert!(cancelled.take().is_empty(), "the jobs still run");
    run.cancel();
    while run.next().await.is_some() {}
    assert_eq!(cancelled.take(), [1, 3, 5, 7]);
    assert!(cancelled.take().is_empty());
    let rest = kept.take().expect("the run is over").collect().await.expect("no failure");
    assert_eq!(rest, (8..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn drain_within_its_budget_leaves_no_input() {
    let job = |_: u64| async move {
        sleep(seconds(1)).await;
        anyhow::Ok(())
    };
    let (job, cancelled) = job.keep_cancelled();
    let run = Fanout::new(4, job).run(0..20);
    sleep(seconds(2)).await;
    let report = run.drain(seconds(10)).await;
    assert!(report.last().succeeded > 0 && !report.forced, "{report}");
    assert!(cancelled.take().is_empty());
}

/// A job that returns an output or an error, or panics, leaves no input.
#[tokio::test(start_paused = true)]
async fn completed_job_leaves_no_input() {
    let job = |x: u64| async move {
        sleep(seconds(1)).await;
        match x % 3 {
            0 => Ok(x),
            1 => anyhow::bail!("one"),
            _ => panic!("two"),
        }
    };
    let (job, cancelled) = job.keep_cancelled();
    let report = Fanout::new(4, job).on_failure(OnFailure::Continue).run(0..9).finish().await;
    let counts = report.last();
    assert_eq!((counts.succeeded, counts.errored, counts.panicked), (3, 3, 3), "{report}");
    assert!(cancelled.take().is_empty());
}

/// The first failure cancels the other running jobs.
#[tokio::test(start_paused = true)]
async fn failure_of_a_job_leaves_the_inputs_of_the_others() {
    let job = |x: u64| async move {
        anyhow::ensure!(x != 2, "two");
        pending::<anyhow::Result<()>>().await
    };
    let (job, cancelled) = job.keep_cancelled();
    let failure = Fanout::new(3, job).run(0..9).collect().await.expect_err("two");
    assert_eq!(failure.index(), Some(2));
    assert_eq!(cancelled.take(), [0, 1]);
}

/// Inside of the wrapper, a time limit is an error of the inner job.
#[tokio::test(start_paused = true)]
async fn timeout_leaves_an_input_outside_of_the_wrapper_only() {
    let hangs = |_: u64| pending::<anyhow::Result<()>>();
    let (inside, cancelled) = hangs.timeout(seconds(1)).keep_cancelled();
    Fanout::new(1, inside).run([1]).collect().await.expect_err("a timeout");
    assert!(cancelled.take().is_empty());
    let (outside, cancelled) = hangs.keep_cancelled();
    Fanout::new(1, outside.timeout(seconds(1))).run([1]).collect().await.expect_err("a timeout");
    assert_eq!(cancelled.take(), [1]);
}

/// Clones of the job share the handle, and a call that is dropped before its first poll counts as cancelled.
#[tokio::test(start_paused = true)]
async fn inputs_are_in_the_order_of_the_calls() {
    let (job, cancelled) = even.keep_cancelled();
    let again = job.clone();
    let mut first = Box::pin(job.call(1));
    assert!(crate::is_pending(&mut first).await);
    let second = again.call(2);
    let third = job.call(3);
    drop(third);
    drop(second);
    drop(first);
    assert_eq!(cancelled.take(), [1, 2, 3]);
}

/// The input enters the list after the drop of the job.
#[tokio::test(start_paused = true)]
async fn input_is_kept_after_the_drop_of_its_job() {
    struct Last(Arc<Mutex<Option<CancelledInputs<u64>>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let handle = self.0.lock().expect("no panic").take().expect("dropped once");
            assert!(handle.take().is_empty());
            *self.0.lock().expect("no panic") = Some(handle);
        }
    }
    let handle = Arc::new(Mutex::new(None));
    let last = Arc::clone(&handle);
    let job = move |_: u64| {
        let last = Last(Arc::clone(&last));
        async move {
            let _last = last;
            pending::<anyhow::Result<()>>().await
        }
    };
    let (job, cancelled) = job.keep_cancelled();
    *handle.lock().expect("no panic") = Some(cancelled);
    drop(job.call(1));
    let cancelled = handle.lock().expect("no panic").take().expect("put back");
    assert_eq!(cancelled.take(), [1]);
}

/// A call that panics before its future exists is a failure of the job, and not a cancellation.
#[tokio::test(start_paused = true)]
async fn call_that_panics_leaves_no_input() {
    let job = |x: u64| {
        assert!(x != 1, "no job for 1");
        async move { anyhow::Ok(x) }
    };
    let (job, cancelled) = job.keep_cancelled();
    let report = Fanout::new(1, job).on_failure(OnFailure::Continue).run(0..3).finish().await;
    assert_eq!((report.last().succeeded, report.last().panicked), (2, 1));
    assert!(cancelled.take().is_empty());
}
