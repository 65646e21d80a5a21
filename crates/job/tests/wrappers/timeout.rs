//! The time limit of a job.

use std::future::pending;
use std::sync::Arc;

use tokio::time::{Instant, sleep};
use towpath_fanout::{Cause, Fanout, Job, OnFailure, PatternExt, anyhow};
use towpath_job::JobExt;
use towpath_resource::{JobOutcome, ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

use crate::{SetOnDrop, flag, seconds, settle};

async fn never(_: u64) -> anyhow::Result<()> {
    pending().await
}

/// The item counts as timed out, and the text has the limit.
#[tokio::test(start_paused = true)]
async fn timeout_that_passes_fails_with_the_limit() {
    let started = Instant::now();
    let pattern = Fanout::new(2, never.timeout(seconds(2))).on_failure(OnFailure::Continue);
    let report = pattern.run([1, 2, 3]).finish().await;
    assert_eq!(started.elapsed(), seconds(4), "two at once");
    assert_eq!((report.last().timed_out, report.last().errored), (3, 0));
    assert_eq!(
        format!("{:#}", report.failures[0]),
        "item 0 at stage `fanout` timed out: no result within 2s"
    );
    assert!(matches!(report.failures[0].cause(), Cause::TimedOut(_)));
}

/// A result before the limit is the output.
#[tokio::test(start_paused = true)]
async fn timeout_that_does_not_pass_changes_nothing() {
    let job = |millis: u64| async move {
        sleep(std::time::Duration::from_millis(millis)).await;
        anyhow::ensure!(millis != 7, "seven");
        Ok(millis)
    };
    let job = job.timeout(seconds(1));
    assert_eq!(job.call(999).await.expect("in time"), 999);
    assert_eq!(job.call(7).await.expect_err("its own error").to_string(), "seven");
}

/// The job and the limit are ready in the same poll, and the result of the job counts.
#[tokio::test(start_paused = true)]
async fn result_at_the_last_moment_is_the_output() {
    let job = |x: u64| async move {
        sleep(seconds(2)).await;
        Ok(x)
    };
    assert_eq!(job.timeout(seconds(2)).call(1).await.expect("at the last moment"), 1);
}

/// Of two nested limits, the failure has the limit that passed.
#[tokio::test(start_paused = true)]
async fn nested_timeouts_name_the_limit_that_passed() {
    let inner = never.timeout(seconds(2)).timeout(seconds(5));
    assert_eq!(format!("{:#}", inner.call(1).await.unwrap_err()), "no result within 2s");
    let outer = never.timeout(seconds(5)).named("read").timeout(seconds(2)).named("request");
    assert_eq!(format!("{:#}", outer.call(1).await.unwrap_err()), "the limit `request`: no result within 2s");
}

/// A named limit still counts as a timeout.
#[tokio::test(start_paused = true)]
async fn named_timeout_counts_as_timed_out() {
    let pattern = Fanout::new(1, never.timeout(seconds(2)).named("read")).on_failure(OnFailure::Continue);
    assert_eq!(pattern.run([1]).finish().await.last().timed_out, 1);
}

/// Three jobs of 1.5 s in a row, each under a limit of 2 s: the wait for the slot does not count.
#[tokio::test(start_paused = true)]
async fn wait_for_a_slot_does_not_count() {
    let job = |x: u64| async move {
        sleep(seconds(3) / 2).await;
        Ok(x)
    };
    let outputs = Fanout::new(1, job.timeout(seconds(2))).run([1, 2, 3]).collect().await;
    assert_eq!(outputs.expect("all are in time").len(), 3);
}

/// The wait for a permit of the pattern does not count, either.
#[tokio::test(start_paused = true)]
async fn wait_for_a_permit_does_not_count() {
    let permits = Semaphore::new(1);
    let job = |x: u64| async move {
        sleep(seconds(3) / 2).await;
        Ok(x)
    };
    let pattern = WithPermit::new(1, &permits, job.timeout(seconds(2)));
    assert_eq!(pattern.run([1, 2, 3]).collect().await.expect("all are in time").len(), 3);
}

/// The limit drops the job while the run goes on.
#[tokio::test(start_paused = true)]
async fn timeout_that_passes_drops_the_job() {
    let (set, is_dropped) = flag();
    let job = move |x: u64| {
        let held = (x == 0).then(|| SetOnDrop(Arc::clone(&set)));
        async move {
            let _held = held;
            pending::<()>().await;
            Ok(())
        }
    };
    let pattern = Fanout::new(1, job.timeout(seconds(2))).on_failure(OnFailure::Continue);
    let mut run = pattern.run([0, 1]);
    assert!(run.next().await.expect("a failure").is_err());
    settle().await;
    assert!(is_dropped(), "the second job runs, the first is gone");
    drop(run);
}

/// A limit of zero polls the job once.
#[tokio::test(start_paused = true)]
async fn timeout_of_zero_polls_the_job_once() {
    let ready = |x: u64| async move { Ok(x) };
    assert_eq!(ready.timeout(seconds(0)).call(1).await.expect("ready at once"), 1);
    assert!(never.timeout(seconds(0)).call(1).await.is_err());
}

/// The largest limit never passes.
#[tokio::test(start_paused = true)]
async fn timeout_of_the_largest_duration_never_passes() {
    let job = |x: u64| async move {
        sleep(seconds(1_000_000)).await;
        Ok(x)
    };
    assert_eq!(job.timeout(std::time::Duration::MAX).call(1).await.expect("in time"), 1);
}

/// A job panics in its drop after a timeout: the timeout is the failure of the item.
#[tokio::test(start_paused = true)]
async fn panic_in_the_drop_masks_no_timeout() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    let job = |_: u64| async {
        let _held = Panics;
        pending::<()>().await;
        Ok(())
    };
    let report = Fanout::new(1, job.timeout(seconds(2))).run([1]).finish().await;
    let texts: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(texts[0], "item 0 at stage `fanout` timed out: no result within 2s");
    assert!(texts[1].contains("in the drop"), "{texts:?}");
    assert_eq!(report.last().timed_out, 1);
}

/// The release of the resource gets the timeout as the outcome of the job.
#[tokio::test(start_paused = true)]
async fn release_after_a_timeout_gets_the_timeout() {
    let outcomes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let list = Arc::clone(&outcomes);
    let connection = resource_fn(
        || async { Ok(()) },
        move |(), after: JobOutcome| {
            list.lock().unwrap().push(after);
            async { Ok(()) }
        },
    );
    let job = |(connection, takes): (ResourceGuard<()>, u64)| async move {
        sleep(seconds(takes)).await;
        drop(connection);
        Ok(())
    };
    let pattern = WithResource::new(1, connection, job.timeout(seconds(2))).on_failure(OnFailure::Continue);
    pattern.run([1, 9]).finish().await;
    assert_eq!(*outcomes.lock().unwrap(), [JobOutcome::Timeout]);
}
