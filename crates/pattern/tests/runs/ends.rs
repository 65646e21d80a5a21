//! Former defects of the end of a run, and of the report of its cause.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use tokio::task::yield_now;
use towpath_pattern::{Failure, OnFailure, Scope, Settings, Source, anyhow};

use crate::{run_in, settle};

#[tokio::test]
async fn failure_held_by_a_dropped_run_is_recorded() {
    for taken in 1..40 {
        let scope = Scope::new("holding");
        let settings = Settings::new("picky", 64).ordered().on_failure(OnFailure::Continue);
        let job = |item: usize| async move {
            anyhow::ensure!(item != 39, "the last");
            Ok(item)
        };
        let mut run = run_in(&scope, 0..40, settings, job);
        settle().await;
        for _ in 0..taken {
            run.next().await.expect("an output").expect("no failure");
        }
        drop(run);
        let told = scope.wait().await.map_err(|failure| format!("{failure:#}"));
        assert_eq!(told, Err("item 39 at stage `picky` failed: the last".to_owned()), "after {taken}");
    }
}

#[tokio::test]
async fn nothing_begins_in_a_scope_that_was_over_before() {
    let cancelled = Scope::new("cancelled");
    cancelled.cancel();
    let late = Scope::new("late").with_timeout(Duration::ZERO);
    for scope in [cancelled, late] {
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let job = move |item: usize| {
            count.fetch_add(1, SeqCst);
            async move { Ok(item) }
        };
        let failure = run_in(&scope, 0..9, Settings::new("late", 4), job).collect().await;
        assert!(failure.expect_err("it was stopped").is_cancelled());
        assert_eq!(begun.load(SeqCst), 0, "in `{}`", scope.name());
    }
}

/// Cancels a scope in its drop.
struct CancelsOnDrop(Scope);

impl Drop for CancelsOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[tokio::test]
async fn failure_before_a_cancellation_is_not_masked_downstream() {
    let (first_scope, second_scope) = (Scope::new("first"), Scope::new("second"));
    let cancels = second_scope.clone();
    // The failure drops the job of item 0. The drop cancels the later stage, before the later stage has noticed the
    // failure.
    let fails = move |item: usize| {
        let guard = (item == 0).then(|| CancelsOnDrop(cancels.clone()));
        async move {
            if guard.is_some() {
                std::future::pending::<()>().await;
            }
            anyhow::ensure!(item != 3, "the true cause");
            Ok(item)
        }
    };
    let first = run_in(&first_scope, 0..9, Settings::new("first", 2), fails);
    let waits = |item: usize| async move {
        std::future::pending::<()>().await;
        Ok(item)
    };
    let second = run_in(&second_scope, first, Settings::new("second", 4), waits);
    let failure = second.collect().await.expect_err("it failed");
    assert!(second_scope.token().is_cancelled());
    assert_eq!(format!("{failure:#}"), "item 3 at stage `first` failed: the true cause");
}

/// Every value panics in its drop.
#[derive(Debug)]
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("dropped loudly");
    }
}

#[tokio::test]
async fn many_values_that_panic_in_their_drop_end_no_process() {
    let scope = Scope::new("loud");
    let loud = |_: u32| async move { Ok(Loud) };
    let report = run_in(&scope, 0..8, Settings::new("outputs", 2), loud).finish().await;
    assert!(!report.failures.is_empty());

    let stuck = |loud: Loud| async move {
        std::mem::forget(loud);
        std::future::pending::<anyhow::Result<()>>().await
    };
    let items = Source::new(Forever);
    let run = run_in(&scope, items, Settings::new("items", 1), stuck);
    settle().await;
    drop(run);
    assert!(scope.wait().await.is_err());
}

/// A stream that is always ready.
struct Forever;

impl Stream for Forever {
    type Item = Loud;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Loud>> {
        Poll::Ready(Some(Loud))
    }
}

#[tokio::test]
async fn panic_of_a_captured_value_is_reported_with_its_message() {
    let scope = Scope::default();
    let captured = Loud;
    let job = move |item: u32| {
        let _ = &captured;
        async move { Ok(item) }
    };
    let report = run_in(&scope, 0..3, Settings::new("captured", 2), job).finish().await;
    assert_eq!(report.last().succeeded, 3);
    let told: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(told, ["stage `captured` panicked: dropped loudly"]);
}

#[test]
fn runtime_shutdown_is_reported_in_any_order_of_task_drops() {
    // The order depends on the numbers of the tasks. Every round uses up one more number.
    for round in 0..16 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut run = runtime.block_on(async {
            let job = |item: u32| async move {
                std::future::pending::<()>().await;
                Ok(item)
            };
            let run = run_in(&Scope::new("shut down"), [0, 1], Settings::new("pass", 2), job);
            settle().await;
            for _ in 0..round {
                tokio::spawn(async {}).await.unwrap();
            }
            run
        });
        drop(runtime);
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let failure =
            other.block_on(run.next()).expect("an end with a failure").expect_err("it was cancelled");
        assert_eq!(format!("{failure:#}"), "stage `pass` was cancelled: the runtime was shut down");
    }
}

#[test]
fn runtime_dropped_by_a_panic_is_reported_as_shut_down() {
    let mut run = None;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let waits = |_: u32| std::future::pending::<anyhow::Result<u32>>();
            run = Some(run_in(&Scope::new("unwound"), [0, 1], Settings::new("pass", 2), waits));
            settle().await;
            panic!("of something else");
        })
    }));
    assert!(panicked.is_err());
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = other.block_on(run.expect("it began").finish());
    let told: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(told, ["stage `pass` was cancelled: the runtime was shut down"]);
    assert_eq!(report.last().settled(), 2);
}

/// A job of a later stage may compute for a long time. The earlier stages stop without a wait for this job.
#[tokio::test]
async fn stop_reaches_the_first_stage_at_once() {
    for failing in [false, true] {
        let polls = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&polls);
        let first = move |item: u32| {
            let seen = Arc::clone(&seen);
            async move {
                for _ in 0..item * 1_000 {
                    seen.fetch_add(1, SeqCst);
                    yield_now().await;
                }
                Ok(item)
            }
        };
        let next = move |item: u32| async move {
            settle().await;
            anyhow::ensure!(!failing, "item {item} is bad");
            Ok(item)
        };
        let scope = Scope::default();
        let before = run_in(&scope, 0..2, Settings::new("first", 2), first);
        let run = run_in(&scope, before, Settings::new("next", 1), next);
        // A worker of the later stage ends only after a further poll.
        let stopped = loop {
            yield_now().await;
            let counts = run.report().stages[1].counts;
            if !failing && counts.running == 1 {
                run.cancel();
                break polls.load(SeqCst);
            }
            if counts.errored == 1 {
                break polls.load(SeqCst);
            }
        };
        run.finish().await;
        let more = polls.load(SeqCst) - stopped;
        assert!(more <= 1, "a job of the first stage was polled {more} times after the stop");
    }
}

#[tokio::test]
async fn failure_taken_by_a_dropped_future_is_recorded() {
    let job = |item: u32| async move {
        if item == 1 {
            std::future::pending::<()>().await;
        }
        if item == 0 { Err(anyhow::anyhow!("item {item} is bad")) } else { Ok(item) }
    };
    let settings = || Settings::new("bad", 2).on_failure(OnFailure::Continue);
    let is_told = |failure: &Failure| format!("{failure:#}") == "item 0 at stage `bad` failed: item 0 is bad";

    let scope = Scope::default();
    let mut collecting = Box::pin(run_in(&scope, 0..2, settings(), job).collect());
    for _ in 0..50 {
        assert!(collecting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        yield_now().await;
    }
    drop(collecting);
    let told = scope.wait().await.expect_err("item 0 has failed");
    assert!(is_told(&told), "{told:#}");

    let mut outcomes = Box::pin(run_in(&scope, 0..2, settings(), job).outcomes());
    for _ in 0..50 {
        assert!(outcomes.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        yield_now().await;
    }
    drop(outcomes);
    let told = scope.wait().await.expect_err("item 0 has failed");
    assert!(is_told(&told), "{told:#}");
}

/// A stage whose jobs all wait takes no item, so no poll of the source shows the failure to the stage.
#[tokio::test]
async fn failure_stops_a_downstream_stage_whose_jobs_all_wait() {
    let fails = |item: u32| async move {
        if item == 1 {
            settle().await;
            anyhow::bail!("item {item} is bad");
        }
        Ok(item)
    };
    let waits = |_: u32| std::future::pending::<anyhow::Result<u32>>();
    let scope = Scope::default();
    let first = run_in(&scope, 0..9, Settings::new("first", 1), fails);
    let mut run = run_in(&scope, first, Settings::new("next", 1), waits);
    let mut next = Box::pin(run.next());
    let mut polled = Poll::Pending;
    for _ in 0..500 {
        yield_now().await;
        polled = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_ready() {
            break;
        }
    }
    let Poll::Ready(Some(Err(failure))) = polled else { panic!("it is not stopped") };
    assert_eq!(format!("{failure:#}"), "item 1 at stage `first` failed: item 1 is bad");
}
