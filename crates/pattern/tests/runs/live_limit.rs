//! A limit that changes while a run uses it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use tokio::sync::Semaphore;
use tokio::task::yield_now;
use towpath_pattern::{LiveLimit, Run, Scope, Settings, Source};

use super::run_in;

/// Lets every task of the runtime run until the task waits.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// A run of 20 jobs that wait for a permit each, and the number of started jobs.
fn gated(limit: &LiveLimit, gate: &Arc<Semaphore>) -> (Run<()>, Arc<AtomicUsize>) {
    let started = Arc::new(AtomicUsize::new(0));
    let (gate, count) = (Arc::clone(gate), Arc::clone(&started));
    let job = move |_: u32| {
        let gate = Arc::clone(&gate);
        count.fetch_add(1, SeqCst);
        async move {
            gate.acquire().await?.forget();
            Ok(())
        }
    };
    let settings = Settings::new("gated", limit).capacity(20);
    (run_in(&Scope::default(), 0..20, settings, job), started)
}

#[tokio::test]
async fn lowered_limit_starts_no_job_until_fewer_run() {
    let (limit, gate) = (LiveLimit::new(4), Arc::new(Semaphore::new(0)));
    let (run, started) = gated(&limit, &gate);
    settle().await;
    assert_eq!(started.load(SeqCst), 4);
    limit.set(2);
    // Four run, then three, then two.
    for _ in 0..2 {
        gate.add_permits(1);
        settle().await;
        assert_eq!(started.load(SeqCst), 4);
    }
    assert_eq!(run.report().last().running, 2);
    gate.add_permits(1);
    settle().await;
    assert_eq!(started.load(SeqCst), 5, "one runs, and the limit is two");
    gate.add_permits(20);
    assert_eq!(run.finish().await.last().succeeded, 20);
}

#[tokio::test]
async fn raised_limit_starts_further_jobs_at_once() {
    let (limit, gate) = (LiveLimit::new(1), Arc::new(Semaphore::new(0)));
    let (run, started) = gated(&limit, &gate);
    settle().await;
    assert_eq!(started.load(SeqCst), 1);
    // From a thread outside the runtime.
    let dial = limit.clone();
    thread::spawn(move || dial.set(7)).join().expect("the change");
    settle().await;
    assert_eq!(started.load(SeqCst), 7);
    gate.add_permits(20);
    assert_eq!(run.finish().await.last().succeeded, 20);
}

#[tokio::test]
async fn limit_of_zero_pauses_the_run() {
    let (limit, gate) = (LiveLimit::new(0), Arc::new(Semaphore::new(20)));
    let (run, started) = gated(&limit, &gate);
    settle().await;
    assert_eq!(started.load(SeqCst), 0);
    limit.set(3);
    assert_eq!(run.finish().await.last().succeeded, 20);
}

/// The default capacity is the number of the limit, and changes with the limit.
#[tokio::test]
async fn capacity_changes_with_the_limit() {
    let limit = LiveLimit::new(1);
    let run =
        run_in(&Scope::default(), 0..100, Settings::new("quick", &limit), |n: u32| async move { Ok(n) });
    settle().await;
    assert_eq!(run.report().last().succeeded, 2);
    limit.set(10);
    settle().await;
    assert_eq!(run.report().last().succeeded, 20);
    limit.set(1);
    assert_eq!(run.collect().await.expect("no failure").len(), 100);
}

/// The jobs of a batch run one after the other on a worker. The change comes from a job of the batch.
#[tokio::test]
async fn limit_of_zero_within_a_batch_starts_no_further_job() {
    let limit = LiveLimit::new(1);
    let started = Arc::new(AtomicUsize::new(0));
    let (dial, count) = (limit.clone(), Arc::clone(&started));
    let job = move |n: u32| {
        count.fetch_add(1, SeqCst);
        if n == 500 {
            dial.set(0);
        }
        async move { Ok(n) }
    };
    let settings = Settings::new("quick", &limit).capacity(1_000).ordered();
    let run = run_in(&Scope::default(), 0..1_000, settings, job);
    settle().await;
    assert_eq!(started.load(SeqCst), 501);
    limit.set(1);
    let outputs = run.collect().await.expect("no failure");
    assert!(outputs.into_iter().eq(0..1_000));
}

#[tokio::test]
async fn paused_run_ends_with_its_cancellation() {
    let limit = LiveLimit::new(0);
    let (source, kept) = Source::new(0..20).kept();
    let run =
        run_in(&Scope::default(), source, Settings::new("paused", &limit), |n: u32| async move { Ok(n) });
    settle().await;
    run.cancel();
    assert_eq!(run.finish().await.last().succeeded, 0);
    limit.set(4);
    let mut rest = kept.take().expect("the run is over");
    for n in 0..20 {
        assert_eq!(rest.next().await.expect("an item").expect("no failure"), n);
    }
}

/// Thousands of changes under several threads. Every start checks the number of running jobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changed_limit_bounds_every_start() {
    const CHANGES: usize = 3_000;
    let limit = LiveLimit::new(4);
    let [running, allowed, exceeded] = [0, 4, 0].map(|n| Arc::new(AtomicUsize::new(n)));
    let stop = Arc::new(AtomicUsize::new(0));
    let job = {
        let (running, allowed, exceeded) =
            (Arc::clone(&running), Arc::clone(&allowed), Arc::clone(&exceeded));
        move |n: u32| {
            // The number is read first, since the number falls only after the engine has counted the running jobs.
            let most = allowed.load(SeqCst);
            if running.fetch_add(1, SeqCst) >= most.max(allowed.load(SeqCst)) {
                exceeded.fetch_add(1, SeqCst);
            }
            let running = Arc::clone(&running);
            async move {
                if n.is_multiple_of(3) {
                    yield_now().await;
                }
                running.fetch_sub(1, SeqCst);
                Ok(())
            }
        }
    };
    let items = (0..).take_while({
        let stop = Arc::clone(&stop);
        move |_: &u32| stop.load(SeqCst) == 0
    });
    let settings = Settings::new("dial", &limit).capacity(64);
    let run = Run::spawn_discarding(Scope::default(), Source::new(items), settings, Arc::new(job));
    let monitor = run.monitor();
    let dial = limit.clone();
    let changes = tokio::spawn(async move {
        for change in 0..CHANGES {
            let before = dial.get();
            let jobs = [0, 1, 3, 2, 64, 4][change % 6];
            allowed.store(before.max(jobs), SeqCst);
            dial.set(jobs);
            while monitor.report().last().running > jobs {
                yield_now().await;
            }
            allowed.store(jobs, SeqCst);
            for _ in 0..change % 4 {
                yield_now().await;
            }
        }
        dial.set(2);
        stop.store(1, SeqCst);
    });
    changes.await.expect("the changes");
    let report = run.finish().await;
    assert_eq!(exceeded.load(SeqCst), 0, "{report}");
    assert_eq!(report.last().taken, report.last().succeeded);
}
