//! Closures that block their thread.

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use tokio::runtime::Builder;
use tokio::time::advance;
use towpath_fanout::{Cause, Fanout, Job, OnFailure, PatternExt, Scope, anyhow};
use towpath_job::{JobExt, blocking, cpu};

use crate::{SetOnDrop, calls, flag, is_pending, seconds, settle};

/// Two channels: a closure reports its start, and waits for the release.
pub fn gate() -> (Gate, Receiver<u64>, Sender<()>) {
    let (started, starts) = channel();
    let (release, released) = channel();
    (Gate { started: Mutex::new(started), released: Mutex::new(released) }, starts, release)
}

pub struct Gate {
    started: Mutex<Sender<u64>>,
    released: Mutex<Receiver<()>>,
}

impl Gate {
    pub fn pass(&self, item: u64) {
        self.started.lock().unwrap().send(item).expect("the test reads the starts");
        self.released.lock().unwrap().recv().expect("the test releases the closure");
    }
}

#[tokio::test]
async fn closure_returns_its_output_or_error() {
    let job = blocking(|x: u64| if x == 7 { anyhow::bail!("seven") } else { Ok(x * 2) });
    let pattern = Fanout::new(2, job).on_failure(OnFailure::Continue).ordered();
    let (outcomes, report) = pattern.run([1, 7, 3]).outcomes().await;
    assert_eq!(outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect::<Vec<_>>(), [&2, &6]);
    assert_eq!(report.last().errored, 1);
}

/// The limit of the run bounds the number of closures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closures_are_never_more_than_the_limit() {
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, most) = (Arc::clone(&now), Arc::clone(&peak));
    let job = blocking(move |x: u64| {
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        running.fetch_sub(1, Ordering::SeqCst);
        Ok(x)
    });
    let outputs = Fanout::new(3, job).run(0..300).collect().await.expect("no failure");
    assert_eq!(outputs.len(), 300);
    assert!((1..=3).contains(&calls(&peak)), "{}", calls(&peak));
}

/// The payload of the panic is the payload of the closure.
#[tokio::test]
async fn panic_of_the_closure_keeps_its_payload() {
    let job = blocking(|x: u64| -> anyhow::Result<()> { panic_any(x) });
    let error = tokio::spawn(async move { job.call(7).await }).await.expect_err("a panic");
    assert_eq!(error.into_panic().downcast_ref::<u64>(), Some(&7));
}

#[tokio::test]
async fn panic_of_the_closure_is_the_panic_of_the_item() {
    let job = blocking(|_: u64| -> anyhow::Result<()> { panic!("a bug") });
    let failure = Fanout::new(1, job).run([1]).collect().await.unwrap_err();
    assert_eq!(
        (failure.index(), failure.to_string().as_str()),
        (Some(0), "item 0 at stage `fanout` panicked: a bug")
    );
    let Cause::Panicked(panic) = failure.cause() else { panic!("{failure:#}") };
    assert!(panic.error().is_none(), "the run has caught the panic itself");
}

/// After a stop, the run is over when the started closure has ended, and not before.
#[tokio::test]
async fn stopped_run_waits_for_a_started_closure() {
    let (gate, starts, release) = gate();
    let (set, is_dropped) = flag();
    let job = blocking(move |item: u64| {
        gate.pass(item);
        Ok(SetOnDrop(Arc::clone(&set)))
    });
    let scope = Scope::new("import");
    let run = Fanout::new(1, job).run_in(&scope, [1, 2]);
    settle().await;
    assert_eq!(starts.recv(), Ok(1));
    scope.cancel();
    let mut end = Box::pin(run.finish());
    assert!(is_pending(&mut end).await, "the closure runs");
    release.send(()).expect("the closure waits");
    let report = end.await;
    assert!(is_dropped(), "the output was dropped before the end of the run");
    assert_eq!((report.last().cancelled, report.last().taken, starts.try_recv().is_err()), (1, 1, true));
}

/// The scope of a dropped run waits for the closure, too.
#[tokio::test]
async fn scope_of_a_dropped_run_waits_for_a_started_closure() {
    let (gate, starts, release) = gate();
    let scope = Scope::new("import");
    let job = blocking(move |item: u64| {
        gate.pass(item);
        Ok(())
    });
    let run = Fanout::new(1, job).run_in(&scope, [1]);
    settle().await;
    assert_eq!(starts.recv(), Ok(1));
    drop(run);
    let scope_of_wait = scope.clone();
    let mut end = Box::pin(async move { scope_of_wait.wait().await });
    assert!(is_pending(&mut end).await, "the closure runs");
    release.send(()).expect("the closure waits");
    end.await.expect("no failure");
}

/// A closure that panics after the stop has no job any more, and the panic is in the report of the run.
#[tokio::test]
async fn panic_after_the_stop_is_reported() {
    let (gate, starts, release) = gate();
    let scope = Scope::new("import");
    let job = blocking(move |item: u64| -> anyhow::Result<()> {
        gate.pass(item);
        panic!("a late bug")
    });
    let run = Fanout::new(1, job).run_in(&scope, [1]);
    settle().await;
    assert_eq!(starts.recv(), Ok(1));
    scope.cancel();
    let mut end = Box::pin(run.finish());
    assert!(is_pending(&mut end).await);
    release.send(()).expect("the closure waits");
    let report = end.await;
    let texts: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert!(texts.iter().any(|text| text == "stage `blocking` panicked: a late bug"), "{texts:?}");
}

/// The closure has panicked, and the stop comes before the next poll of the job: the panic is not lost.
#[test]
fn panic_before_the_stop_that_no_poll_has_seen_is_reported() {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (gate, starts, release) = gate();
        let scope = Scope::new("import");
        let job = blocking(move |item: u64| -> anyhow::Result<()> {
            gate.pass(item);
            panic!("an early bug")
        });
        let run = Fanout::new(1, job).run_in(&scope, [1]);
        settle().await;
        assert_eq!(starts.recv(), Ok(1));
        release.send(()).expect("the closure waits");
        // The only thread runs this closure after the end of the first.
        let (end, ended) = channel();
        tokio::task::spawn_blocking(move || end.send(()));
        assert_eq!(ended.recv(), Ok(()));
        scope.cancel();
        let report = run.finish().await;
        let texts: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
        assert!(texts.iter().any(|text| text == "stage `blocking` panicked: an early bug"), "{texts:?}");
    });
}

/// An error after the stop is discarded, as an output is.
#[tokio::test]
async fn error_after_the_stop_is_discarded() {
    let (gate, starts, release) = gate();
    let scope = Scope::new("import");
    let job = blocking(move |item: u64| -> anyhow::Result<()> {
        gate.pass(item);
        anyhow::bail!("late")
    });
    let run = Fanout::new(1, job).run_in(&scope, [1]);
    settle().await;
    assert_eq!(starts.recv(), Ok(1));
    scope.cancel();
    release.send(()).expect("the closure waits");
    let report = run.finish().await;
    assert!(report.failures.iter().all(towpath_fanout::Failure::is_cancelled), "{:?}", report.failures);
}

/// A time limit fails the item and frees the slot, the closure goes on, and the run waits for the closure.
#[tokio::test(start_paused = true)]
async fn closure_goes_on_after_a_time_limit() {
    let (gate, starts, release) = gate();
    let job = blocking(move |item: u64| {
        gate.pass(item);
        Ok(item)
    });
    let pattern = Fanout::new(1, job.timeout(seconds(1))).on_failure(OnFailure::Continue);
    let mut run = pattern.run([1]);
    settle().await;
    assert_eq!(starts.recv(), Ok(1));
    // The runtime does not advance the clock while a closure runs.
    advance(seconds(2)).await;
    {
        let mut next = Box::pin(run.next());
        assert!(!is_pending(&mut next).await, "the limit has passed");
    }
    let mut end = Box::pin(run.finish());
    assert!(is_pending(&mut end).await, "the closure runs");
    release.send(()).expect("the closure waits");
    let report = end.await;
    assert_eq!((report.last().timed_out, report.failures.len()), (1, 0), "{report}");
}

/// With one thread, the second closure waits for the thread. The stop drops the item of the second closure, and the
/// closure never starts.
#[test]
fn closure_without_a_thread_does_not_start_after_the_stop() {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (gate, starts, release) = gate();
        let (set, is_dropped) = flag();
        let started = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&started);
        let job = blocking(move |(item, _held): (u64, Option<SetOnDrop>)| {
            counter.fetch_add(1, Ordering::SeqCst);
            gate.pass(item);
            Ok(())
        });
        let scope = Scope::new("import");
        let run = Fanout::new(2, job).run_in(&scope, [(1, None), (2, Some(SetOnDrop(set)))]);
        settle().await;
        assert_eq!(starts.recv(), Ok(1));
        scope.cancel();
        let mut end = Box::pin(run.finish());
        assert!(is_pending(&mut end).await, "the first closure runs");
        assert!(is_dropped(), "the item of the second closure is gone");
        release.send(()).expect("the closure waits");
        assert_eq!(end.await.last().cancelled, 2);
        assert_eq!(calls(&started), 1);
    });
}

/// A stopped run does not wait for a closure in the queue of the threads. A started closure alone holds up a run.
#[test]
fn run_does_not_wait_for_the_queue_of_threads() {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (busy, starts, release) = gate();
        let foreign = tokio::task::spawn_blocking(move || busy.pass(0));
        settle().await;
        assert_eq!(starts.recv(), Ok(0));
        let scope = Scope::new("import");
        let run = Fanout::new(1, blocking(|item: u64| Ok(item))).run_in(&scope, [1]);
        settle().await;
        scope.cancel();
        let report = run.finish().await;
        assert_eq!(report.last().cancelled, 1);
        release.send(()).expect("the foreign closure waits");
        foreign.await.expect("no panic");
    });
}

/// A future that is not polled starts no closure. The only thread runs the closures in the order of their starts.
#[test]
fn job_that_is_not_polled_starts_no_closure() {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let counter = Arc::new(AtomicUsize::new(0));
        let started = Arc::clone(&counter);
        let job = blocking(move |_: u64| Ok(started.fetch_add(1, Ordering::SeqCst)));
        let unpolled = job.call(1);
        tokio::task::spawn_blocking(|| ()).await.expect("no panic");
        assert_eq!(calls(&counter), 0);
        drop(unpolled);
    });
}

/// The shared state of the closure is dropped before the end of the run.
#[tokio::test]
async fn state_of_the_closure_is_dropped_with_the_pattern() {
    let (set, is_dropped) = flag();
    let held = SetOnDrop(set);
    let job = blocking(move |x: u64| {
        let _ = &held;
        Ok(x)
    });
    let run = Fanout::new(2, job).run(0..10);
    run.collect().await.expect("no failure");
    settle().await;
    assert!(is_dropped());
}

/// A shutdown of the runtime drops the item of a closure that has no thread yet.
#[test]
fn shutdown_of_the_runtime_drops_an_unstarted_closure() {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (busy, starts, release) = gate();
    let (set, is_dropped) = flag();
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let run = runtime.block_on(async {
        tokio::task::spawn_blocking(move || busy.pass(0));
        assert_eq!(starts.recv(), Ok(0));
        let job = blocking(move |_held: SetOnDrop| Ok(count.fetch_add(1, Ordering::SeqCst)));
        let run = Fanout::new(1, job).run([SetOnDrop(set)]);
        settle().await;
        run
    });
    assert_eq!((run.report().last().running, is_dropped()), (1, false), "the closure waits for the thread");
    runtime.shutdown_background();
    assert!(is_dropped());
    release.send(()).expect("the foreign closure waits");
    drop(run);
    assert_eq!(calls(&started), 0);
}

/// Runs that are stopped at different moments: when a run is over, no closure of the run runs.
async fn no_closure_outlives_its_run<J, F>(wrap: F)
where
    F: Fn(Box<dyn Fn(u64) -> anyhow::Result<u64> + Send + Sync>) -> J,
    J: Job<u64, Out = u64>,
{
    for moment in 0..40 {
        let running = Arc::new(AtomicUsize::new(0));
        let now = Arc::clone(&running);
        let job = wrap(Box::new(move |item| {
            now.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(item)
        }));
        let scope = Scope::new("import");
        let run = Fanout::new(4, job).run_in(&scope, 0..20);
        for _ in 0..moment {
            tokio::task::yield_now().await;
        }
        scope.cancel();
        if moment % 2 == 0 {
            run.finish().await;
        } else {
            drop(run);
            scope.wait().await.expect("no failure");
        }
        assert_eq!(calls(&running), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_closure_outlives_its_stopped_run() {
    no_closure_outlives_its_run(blocking).await;
    no_closure_outlives_its_run(cpu).await;
}
