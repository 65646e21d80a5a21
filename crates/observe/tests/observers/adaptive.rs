//! Adaptive limits against a simulated server with a known best limit.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use tokio::sync::Semaphore;
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_observe::Adaptive;
use towpath_pattern::Outcome;
use towpath_producer_consumer::ProducerConsumer;

use crate::server::{Server, limits, mean};

fn assert_near(mean: f64, best: f64) {
    assert!((mean - best).abs() <= 0.2 * best, "the mean limit is {mean:.1}, and the best limit is {best}");
}

/// The server refuses the eleventh request.
#[tokio::test(start_paused = true)]
async fn aimd_under_refusals_finds_the_slots() {
    let server = Arc::new(Server { refuses: true, ..Server::new(10) });
    let seen = limits(&Adaptive::aimd(1..=64), server, 4_000).await;
    assert_near(mean(&seen, Duration::from_secs(5)), 10.0);
}

/// The server has a queue, and a latency of a tenth above the service time counts as a failure.
#[tokio::test(start_paused = true)]
async fn aimd_with_a_threshold_finds_the_slots() {
    let limit = Adaptive::aimd(1..=64).latency_threshold(Duration::from_millis(112));
    let seen = limits(&limit, Arc::new(Server::new(10)), 4_000).await;
    assert_near(mean(&seen, Duration::from_secs(5)), 10.0);
}

#[tokio::test(start_paused = true)]
async fn gradient_at_a_queue_finds_the_slots() {
    for slots in [10_u32, 32] {
        let limit = Adaptive::gradient(1..=64);
        let seen = limits(&limit, Arc::new(Server::new(slots as usize)), 20_000).await;
        assert_near(mean(&seen, Duration::from_secs(20)), f64::from(slots));
    }
}

/// A probe measures the base latency again, so that the latency of a slower server is not taken for a queue.
#[tokio::test(start_paused = true)]
async fn gradient_at_a_slower_server_finds_the_slots() {
    let server = Arc::new(Server::new(10));
    let limit = Adaptive::gradient(1..=64);
    limits(&limit, Arc::clone(&server), 5_000).await;
    server.service.store(250, Relaxed);
    let seen = limits(&limit, server, 10_000).await;
    assert_near(mean(&seen, Duration::from_secs(120)), 10.0);
}

/// Sends a request without a run.
async fn one(limit: &Adaptive, server: &Server) {
    let attempt = limit.attempt();
    server.serve(0).await.unwrap();
    attempt.complete(Outcome::Succeeded);
}

/// Two requests at once never raise the limit above twice their number plus one.
#[tokio::test(start_paused = true)]
async fn limit_of_an_idle_run_does_not_drift() {
    for limit in [Adaptive::aimd(1..=64), Adaptive::gradient(1..=64)] {
        let server = Arc::new(Server::new(64));
        let idle = Arc::new(Semaphore::new(2));
        for _ in 0..1_000 {
            let _two = idle.acquire().await.unwrap();
            tokio::join!(one(&limit, &server), one(&limit, &server));
        }
        assert!(limit.limit().get() <= 5, "{limit:?}");
    }
}

/// Every success of every thread counts once: after `1 + 2 + … + (n − 1)` successes, the limit is `n`.
#[test]
fn limit_under_threads_loses_no_update() {
    const THREADS: usize = 4;
    const GROWN: usize = 200;
    let successes = GROWN * (GROWN - 1) / 2;
    let limit = Adaptive::aimd(1..=1_000);
    let held: Vec<_> = (0..GROWN).map(|_| limit.attempt()).collect();
    let barrier = Barrier::new(THREADS);
    let left = AtomicUsize::new(successes);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                    limit.attempt().complete(Outcome::Succeeded);
                }
            });
        }
    });
    drop(held);
    assert_eq!(limit.limit().get(), GROWN);
}

/// The failures of one overload lower the limit once.
#[tokio::test(start_paused = true)]
async fn failures_of_one_overload_lower_the_limit_once() {
    let limit = Adaptive::aimd(10..=64);
    let grown: Vec<_> = (0..20).map(|_| limit.attempt()).collect();
    for attempt in grown {
        attempt.complete(Outcome::Succeeded);
    }
    let before = limit.limit().get();
    let attempts: Vec<_> = (0..before).map(|_| limit.attempt()).collect();
    for attempt in attempts {
        attempt.complete(Outcome::Errored);
    }
    assert_eq!((before, limit.limit().get()), (11, 10));
}

/// A job that is cancelled or panics is not counted.
#[tokio::test(start_paused = true)]
async fn cancelled_and_panicked_jobs_are_not_counted() {
    for outcome in [Outcome::Cancelled, Outcome::Panicked] {
        let limit = Adaptive::aimd(1..=64);
        limit.attempt().complete(Outcome::Succeeded);
        assert_eq!(limit.limit().get(), 2);
        for _ in 0..10 {
            limit.attempt().complete(outcome);
            drop(limit.attempt());
        }
        assert_eq!(limit.limit().get(), 2, "{outcome:?}");
    }
}

#[test]
#[should_panic(expected = "zero jobs")]
fn range_from_zero_panics() {
    let _ = Adaptive::aimd(0..=4);
}

/// Raises the limit to ten, without a run.
fn grown_to_ten() -> Adaptive {
    let limit = Adaptive::aimd(1..=64);
    let attempts: Vec<_> = (0..64).map(|_| limit.attempt()).collect();
    for attempt in attempts.into_iter().take((1..10).sum()) {
        attempt.complete(Outcome::Succeeded);
    }
    assert_eq!(limit.limit().get(), 10);
    limit
}

/// The producers have a limit of their own, and their errors do not lower the limit of the consumers.
#[tokio::test(start_paused = true)]
async fn errors_of_producers_do_not_lower_the_limit() {
    let limit = grown_to_ten();
    let fails = |_: u64, _| async { anyhow::bail!("no page") };
    let jobs = ProducerConsumer::producers(4, fails)
        .consumers(limit.limit(), |item: u64| async move { Ok(item) })
        .on_failure(OnFailure::Continue)
        .observed(limit.clone());
    assert_eq!(jobs.run(0..100).finish().await.stages[0].counts.errored, 100);
    assert_eq!(limit.limit().get(), 10);
}

/// The limit of a stage that is not observed is a number, or the live limit of a different observer.
#[tokio::test(start_paused = true)]
async fn stage_under_a_different_limit_is_not_observed() {
    let limit = grown_to_ten();
    let fails = |_: u64| async { anyhow::Result::<()>::Err(anyhow::anyhow!("busy")) };
    let other = Adaptive::aimd(1..=64);
    for jobs in [Fanout::new(4, fails), Fanout::new(other.limit(), fails)] {
        let jobs = jobs.on_failure(OnFailure::Continue).observed(limit.clone());
        assert_eq!(jobs.run(0..20).finish().await.last().errored, 20);
        assert_eq!(limit.limit().get(), 10);
    }
    Fanout::new(limit.limit(), fails).observed(limit.clone()).run(0..1).finish().await;
    assert_eq!(limit.limit().get(), 9);
}
