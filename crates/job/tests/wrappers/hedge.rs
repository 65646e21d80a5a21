//! A second attempt next to a slow first attempt.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop::consume_budget;
use tokio::time::{Instant, advance, sleep};
use towpath_fanout::{Cause, Fanout, Job, OnFailure, PatternExt, Scope, anyhow};
use towpath_job::{HedgeFailed, JobExt, RetryBudget};

use crate::{SetOnDrop, calls, error, flag, scripted, seconds, settle};

/// Returns a job whose attempts take the given numbers of seconds, and then succeed or fail.
fn timed(attempts: [(u64, bool); 2]) -> (Arc<AtomicUsize>, impl Job<u64, Out = usize>) {
    scripted(move |call| async move {
        let (takes, succeeds) = attempts[call];
        sleep(seconds(takes)).await;
        if succeeds { Ok(call) } else { Err(error(call)) }
    })
}

async fn hedged(attempts: [(u64, bool); 2]) -> (anyhow::Result<usize>, Duration, usize) {
    let started = Instant::now();
    let (counter, job) = timed(attempts);
    let result = job.hedge(seconds(2)).call(0).await;
    (result, started.elapsed(), calls(&counter))
}

#[tokio::test(start_paused = true)]
async fn fast_first_attempt_is_the_only_attempt() {
    let (result, took, attempts) = hedged([(1, true), (0, true)]).await;
    assert_eq!((result.expect("a success"), took, attempts), (0, seconds(1), 1));
}

#[tokio::test(start_paused = true)]
async fn second_attempt_that_is_faster_wins() {
    let (result, took, attempts) = hedged([(9, true), (1, true)]).await;
    assert_eq!((result.expect("a success"), took, attempts), (1, seconds(3), 2));
}

#[tokio::test(start_paused = true)]
async fn first_attempt_that_is_still_faster_wins() {
    let (result, took, attempts) = hedged([(4, true), (9, true)]).await;
    assert_eq!((result.expect("a success"), took, attempts), (0, seconds(4), 2));
}

/// A hedge is no retry: an error before the second attempt is the error of the job.
#[tokio::test(start_paused = true)]
async fn error_before_the_second_attempt_is_returned_at_once() {
    let (result, took, attempts) = hedged([(1, false), (0, true)]).await;
    assert_eq!((format!("{:#}", result.unwrap_err()).as_str(), took, attempts), ("error 0", seconds(1), 1));
}

#[tokio::test(start_paused = true)]
async fn second_attempt_goes_on_after_an_error_of_the_first() {
    let (result, took, _) = hedged([(3, false), (5, true)]).await;
    assert_eq!((result.expect("a success"), took), (1, seconds(7)));
}

#[tokio::test(start_paused = true)]
async fn first_attempt_goes_on_after_an_error_of_the_second() {
    let (result, took, _) = hedged([(5, true), (1, false)]).await;
    assert_eq!((result.expect("a success"), took), (0, seconds(5)));
}

/// A wake-up of the first attempt does not poll the failed second attempt again.
#[tokio::test(start_paused = true)]
async fn failed_second_attempt_is_not_polled_again() {
    let (_, job) = scripted(|call| async move {
        sleep(seconds(3)).await;
        anyhow::ensure!(call == 0, "refused");
        sleep(seconds(5)).await;
        sleep(seconds(1)).await;
        Ok(call)
    });
    assert_eq!(job.hedge(seconds(1)).call(0).await.expect("the first attempt"), 0);
}

/// The error of the job is the error of the attempt that failed first, and the context has the later error.
#[tokio::test(start_paused = true)]
async fn errors_of_both_attempts_are_in_the_failure() {
    for (attempts, first, later) in [([(3, false), (5, false)], 0, 1), ([(9, false), (1, false)], 1, 0)] {
        let (result, _, calls) = hedged(attempts).await;
        let error = result.unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!("both attempts failed, the later with `error {later}`: error {first}")
        );
        let failed = error.downcast_ref::<HedgeFailed>().expect("the context");
        assert_eq!((failed.later().to_string(), calls), (format!("error {later}"), 2));
    }
}

/// The error that came first decides the group of the item.
#[tokio::test(start_paused = true)]
async fn first_error_decides_the_group_of_the_item() {
    let job = scripted(|call| async move {
        sleep(seconds(3)).await;
        if call == 1 {
            pending::<()>().await;
        }
        Err::<(), _>(error(call))
    });
    let job = job.1.timeout(seconds(9)).hedge(seconds(2));
    let report = Fanout::new(1, job).on_failure(OnFailure::Continue).run([1]).finish().await;
    assert_eq!((report.last().errored, report.last().timed_out), (1, 0), "{:?}", report.failures);
    assert!(format!("{:#}", report.failures[0]).contains("no result within 9s"));
}

#[tokio::test(start_paused = true)]
async fn hedge_makes_at_most_two_attempts() {
    let (counter, job) = scripted(|_| pending::<anyhow::Result<()>>());
    assert!(job.hedge(seconds(1)).timeout(seconds(60)).call(0).await.is_err());
    assert_eq!(calls(&counter), 2);
}

/// The slower attempt is dropped while the run goes on.
#[tokio::test(start_paused = true)]
async fn slower_attempt_is_dropped_at_the_first_success() {
    let (set, is_dropped) = flag();
    let job = scripted(move |call| {
        let held = (call == 0).then(|| SetOnDrop(Arc::clone(&set)));
        async move {
            if held.is_some() || call > 1 {
                pending::<()>().await;
            }
            Ok(call)
        }
    });
    let mut run = Fanout::new(1, job.1.hedge(seconds(1))).run([0, 1]);
    assert_eq!(run.next().await.expect("an output").expect("a success"), 1);
    settle().await;
    assert!(is_dropped());
    drop(run);
}

/// A stop of the run drops both attempts.
#[tokio::test(start_paused = true)]
async fn stop_drops_both_attempts() {
    struct Count(Arc<AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&dropped);
    let (attempts, job) = scripted(move |_| {
        let held = Count(Arc::clone(&counter));
        async move {
            let _held = held;
            pending::<anyhow::Result<()>>().await
        }
    });
    let scope = Scope::new("crawl");
    let run = Fanout::new(1, job.hedge(seconds(1))).run_in(&scope, [0]);
    settle().await;
    advance(seconds(2)).await;
    settle().await;
    assert_eq!(calls(&attempts), 2);
    scope.cancel();
    assert_eq!(run.finish().await.last().cancelled, 1);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

/// An empty budget leaves the first attempt alone, and a success refills the budget.
#[tokio::test(start_paused = true)]
async fn empty_budget_allows_no_second_attempt() {
    let budget = RetryBudget::new(1.0).with_reserve(1);
    let (counter, job) = scripted(|call| async move {
        sleep(seconds(5)).await;
        if call < 2 { Err(error(call)) } else { Ok(call) }
    });
    let job = job.hedge(seconds(1)).budget(&budget);
    assert!(job.call(0).await.is_err(), "both attempts fail");
    assert_eq!((calls(&counter), budget.attempts_left()), (2, 0));
    assert_eq!(job.call(0).await.expect("a success"), 2);
    assert_eq!((calls(&counter), budget.attempts_left()), (3, 1), "no second attempt");
}

#[tokio::test(start_paused = true)]
async fn panic_of_the_second_attempt_is_the_panic_of_the_job() {
    let (_, job) = scripted(|call| async move {
        assert!(call != 1, "a bug");
        pending::<anyhow::Result<()>>().await
    });
    let failure = Fanout::new(1, job.hedge(seconds(1))).run([0]).collect().await.unwrap_err();
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "a bug"));
}

/// The first attempt uses up the cooperative budget of the task in every poll. The timer and the second attempt still
/// make progress.
#[tokio::test(start_paused = true)]
async fn greedy_first_attempt_does_not_starve_the_second() {
    let (_, job) = scripted(|call| async move {
        if call == 1 {
            consume_budget().await;
            return Ok(call);
        }
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            while pin!(consume_budget()).poll(cx).is_ready() {}
            if polls < 10_000 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        Ok(call)
    });
    let run = Fanout::new(1, job.hedge(seconds(1))).run([0]);
    settle().await;
    advance(seconds(2)).await;
    assert_eq!(run.collect().await.expect("a success"), [1]);
}
