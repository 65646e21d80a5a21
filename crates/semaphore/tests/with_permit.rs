//! Jobs under a semaphore: permits are shared, taken while a job runs, and never lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;
use towpath_semaphore::{Job, OnFailure, PatternExt, Run, Scope, Semaphore, Source, WithPermit};

/// Counts the jobs at the same time, and the maximum.
#[derive(Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

impl Gauge {
    async fn busy(&self) {
        let (now, most) = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
        now.fetch_sub(1, Ordering::Relaxed);
    }

    fn job(&self) -> impl Job<u64, Out = u64> + use<> {
        let gauge = self.clone();
        move |x: u64| {
            let gauge = gauge.clone();
            async move {
                gauge.busy().await;
                Ok(x)
            }
        }
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

async fn pass(x: u64) -> anyhow::Result<u64> {
    Ok(x)
}

async fn for_ever(_: u64) -> anyhow::Result<u64> {
    std::future::pending().await
}

/// Yields until no task is ready.
async fn settle() {
    for _ in 0..1_000 {
        yield_now().await;
    }
}

/// Awaits `future`. On a paused clock, a future that never completes fails the test at once.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    // Not `timeout`: at its end, `timeout` polls the future once more, which hides a lost wake-up.
    tokio::select! {
        biased;
        () = sleep(Duration::from_secs(10)) => panic!("the future should not wait forever"),
        outcome = future => outcome,
    }
}

fn is_whole(semaphore: &Semaphore) {
    assert_eq!(semaphore.available_permits(), semaphore.total_permits(), "a permit was lost");
}

/// Two stages under a semaphore with a single permit complete.
#[tokio::test(start_paused = true)]
async fn two_stages_under_one_permit_complete() {
    let permit = Semaphore::new(1);
    for limit in [1, 3] {
        let gauge = Gauge::default();
        let first = WithPermit::new(limit, &permit, gauge.job());
        let then = first.clone().then(first.capacity(0));
        let outputs = soon(then.run(0..20).collect()).await.expect("nothing fails");
        assert_eq!((outputs.len(), gauge.most()), (20, 1));
        is_whole(&permit);
    }
}

/// Two stages under a semaphore with a single permit complete on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn two_stages_under_one_permit_complete_on_threads() {
    let permit = Semaphore::new(1);
    let pass = WithPermit::new(4, &permit, pass);
    let then = pass.clone().then(pass);
    let outputs = soon(then.run(0..2_000).collect()).await.expect("nothing fails");
    assert_eq!(outputs.len(), 2_000);
    is_whole(&permit);
}

/// Two runs and a direct caller share the permits, and both runs and the caller make progress.
#[tokio::test(start_paused = true)]
async fn runs_and_a_direct_caller_share_the_permits() {
    let semaphore = Semaphore::new(3);
    let gauge = Gauge::default();
    let pattern = WithPermit::new(4, &semaphore, gauge.job());
    let runs = [pattern.run(0..300), pattern.ordered().run(0..300)];
    let direct = async {
        for _ in 0..50 {
            let _permit = semaphore.acquire().await.expect("it is open");
            gauge.busy().await;
        }
    };
    soon(direct).await;
    // In the time of 50 direct calls, both runs have made progress: one permit in nine goes to the direct caller.
    let done = runs.each_ref().map(|run: &Run<u64>| run.report().stages[0].counts.succeeded);
    assert!(done.iter().all(|done| *done > 2), "{done:?}");
    for run in runs {
        for outcome in soon(run.outcomes()).await.0 {
            outcome.expect("nothing fails");
        }
    }
    assert_eq!(gauge.most(), 3);
    is_whole(&semaphore);
}

/// A direct caller is served in turn, while two runs always have waiting items.
#[tokio::test(start_paused = true)]
async fn direct_caller_among_busy_runs_is_served_in_turn() {
    let semaphore = Semaphore::new(2);
    let gauge = Gauge::default();
    let runs = [0, 1].map(|_| WithPermit::new(4, &semaphore, gauge.job()).run(0..10_000));
    settle().await;
    let began = tokio::time::Instant::now();
    let permit = semaphore.acquire().await.expect("it is open");
    // Eight items were in the wait list before the call, and two are served every 10 ms.
    assert!(began.elapsed() < Duration::from_millis(60), "it waited for {:?}", began.elapsed());
    drop((permit, runs));
}

/// A permit is released before the output of the job is handed on.
#[tokio::test(start_paused = true)]
async fn output_of_a_job_comes_after_the_release() {
    let semaphore = Semaphore::new(1);
    let mut run = WithPermit::new(1, &semaphore, pass).run(0..100);
    let mut outputs = 0;
    while let Some(output) = soon(run.next()).await {
        output.expect("nothing fails");
        outputs += 1;
        is_whole(&semaphore);
    }
    assert_eq!(outputs, 100);
}

/// A permit is taken until the end of the job.
#[tokio::test(start_paused = true)]
async fn permit_of_a_running_job_is_taken_until_its_end() {
    let semaphore = Semaphore::new(2);
    let run = WithPermit::new(1, &semaphore, for_ever).run([1]);
    settle().await;
    assert_eq!(semaphore.available_permits(), 1);
    drop(run);
    settle().await;
    is_whole(&semaphore);
}

/// Runs a pattern, stops the run, and returns the kept items.
async fn never_started(run: impl FnOnce(Source<u64>) -> Run<u64>, stop: impl FnOnce(&Run<u64>)) -> Vec<u64> {
    let (source, kept) = Source::new(0..5).kept();
    let run = run(source);
    settle().await;
    stop(&run);
    run.finish().await;
    let mut rest = kept.take().expect("the run is over");
    let mut items = Vec::new();
    while let Some(item) = rest.next().await {
        items.push(item.expect("the rest of the source is there"));
    }
    items
}

/// An item that waits for a permit when the run stops is never started, and is kept.
#[tokio::test(start_paused = true)]
async fn item_waiting_for_a_permit_at_a_stop_is_kept() {
    let semaphore = Semaphore::new(1);
    let pattern = WithPermit::new(3, &semaphore, for_ever);
    let kept = never_started(|source| pattern.run(source), Run::cancel).await;
    assert_eq!(kept, [1, 2, 3, 4], "one item had the permit");
    is_whole(&semaphore);

    let taken = semaphore.acquire().await.expect("it is open");
    let kept = never_started(|source| pattern.run(source), Run::cancel).await;
    assert_eq!(kept, [0, 1, 2, 3, 4]);
    drop(taken);
    is_whole(&semaphore);

    let run = WithPermit::new(2, &Semaphore::new(0), pass).capacity(0).run(0..5);
    settle().await;
    run.cancel();
    let counts = *run.finish().await.last();
    assert_eq!((counts.taken, counts.never_started, counts.cancelled), (2, 2, 0));
}

/// All permits are free after a run that failed, panicked, was dropped or was cancelled.
#[tokio::test(start_paused = true)]
async fn permits_after_an_unsuccessful_run_are_all_free() {
    let semaphore = Semaphore::new(3);
    let fails = WithPermit::new(5, &semaphore, |x: u64| async move {
        anyhow::ensure!(x != 4, "not {x}");
        for_ever(x).await.or(Ok(x))
    });
    let skipping = WithPermit::new(3, &semaphore, |x: u64| async move {
        anyhow::ensure!(!x.is_multiple_of(3), "not {x}");
        assert!(!x.is_multiple_of(5), "not {x}");
        Ok(x)
    });

    let failure = soon(fails.run([1, 4, 2, 3]).collect()).await.expect_err("item 1 fails");
    assert_eq!(format!("{failure:#}"), "item 1 at stage `semaphore` failed: not 4");
    is_whole(&semaphore);

    let panicked = WithPermit::new(3, &semaphore, |x: u64| async move {
        assert!(x != 4, "not {x}");
        for_ever(x).await
    });
    let failure = soon(panicked.run([1, 4, 2, 3]).collect()).await.expect_err("item 1 panics");
    assert_eq!(format!("{failure:#}"), "item 1 at stage `semaphore` panicked: not 4");
    is_whole(&semaphore);

    let outcomes = soon(skipping.on_failure(OnFailure::Continue).run(0..30).outcomes()).await.0;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 14);
    is_whole(&semaphore);

    let waits = WithPermit::new(7, &semaphore, for_ever);
    let scope = Scope::new("to be dropped");
    let run = waits.run_in(&scope, 0..20);
    settle().await;
    assert_eq!(semaphore.available_permits(), 0);
    drop(run);
    scope.wait().await.expect("nothing failed");
    is_whole(&semaphore);

    let scope = Scope::new("to be cancelled");
    let run = waits.run_in(&scope, 0..20);
    settle().await;
    scope.cancel();
    assert_eq!(run.finish().await.last().cancelled, 3);
    is_whole(&semaphore);

    let scope = Scope::new("hurried").with_timeout(Duration::from_millis(5));
    waits.run_in(&scope, 0..20).collect().await.expect_err("the deadline passes");
    is_whole(&semaphore);
}

/// Under a closed semaphore, every item fails with the message of the error.
#[tokio::test(start_paused = true)]
async fn items_under_a_closed_semaphore_fail_with_the_reason() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire().await.expect("it is open");
    let pattern = WithPermit::new(2, &semaphore, pass).named("downloads");
    let run = pattern.clone().on_failure(OnFailure::Continue).run(0..3);
    settle().await;
    semaphore.close();
    let outcomes = soon(run.outcomes()).await.0;
    assert_eq!(outcomes.len(), 3);
    for outcome in outcomes {
        let failure = outcome.expect_err("it is closed");
        let text = format!("{failure:#}");
        assert!(text.ends_with("at stage `downloads` failed: the semaphore is closed"), "{text}");
    }
    let failure = pattern.run([7]).collect().await.expect_err("it is closed");
    assert_eq!(failure.index(), Some(0));
    drop(held);
}

/// A run under a semaphore without permits takes items up to its bound, and waits.
#[tokio::test(start_paused = true)]
async fn run_without_permits_waits_for_the_first() {
    let none = Semaphore::new(0);
    let run = WithPermit::new(2, &none, pass).capacity(0).run(0..20);
    settle().await;
    assert_eq!(run.report().stages[0].counts.taken, 2);
    none.add_permits(1);
    assert_eq!(soon(run.collect()).await.expect("nothing fails").len(), 20);
}

/// The limit bounds the permits of a single run.
#[tokio::test(start_paused = true)]
async fn limit_of_a_run_bounds_its_permits() {
    let (semaphore, gauge) = (Semaphore::new(10), Gauge::default());
    let outputs = WithPermit::new(4, &semaphore, gauge.job()).run(0..20).collect().await;
    assert_eq!((outputs.expect("nothing fails").len(), gauge.most()), (20, 4));
}

/// An item without a permit was never started, so the drain does not wait for the permit.
#[tokio::test(start_paused = true)]
async fn drain_gives_back_the_items_that_wait_for_a_permit() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.acquire().await.expect("it is open");
    let job = |seconds: u64| async move {
        sleep(Duration::from_secs(seconds)).await;
        Ok(seconds)
    };
    let (source, kept) = Source::new([3, 4, 5, 6, 7]).kept();
    let run = WithPermit::new(3, &semaphore, job).run(source);
    sleep(Duration::from_secs(1)).await;
    let report = run.drain(Duration::from_secs(60)).await;
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 0, false));
    assert_eq!(report.last().taken, 1 + report.last().never_started);
    assert!(report.last().never_started >= 2, "two items wait for the second permit");
    let mut rest = kept.take().expect("the run is over");
    for expected in [4, 5, 6, 7] {
        assert_eq!(rest.next().await.expect("an item").expect("no failure"), expected);
    }
    drop(held);
    assert_eq!(semaphore.available_permits(), 2);
}
