//! Former defects, each shown by a run that broke a law.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use futures_util::future::join;
use tokio::task::yield_now;
use towpath_pattern::{OnFailure, Run, Scope, Settings, Source, Taken, anyhow, queue};

use crate::{run_in, settle};

/// A stream that forgets its waker whenever it is ready, as the contract allows.
#[derive(Clone, Default)]
struct Forgetful(Arc<Mutex<(VecDeque<u32>, Option<Waker>)>>);

impl Stream for Forgetful {
    type Item = u32;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        let mut shared = self.0.lock().unwrap();
        let item = shared.0.pop_front();
        shared.1 = if item.is_some() { None } else { Some(cx.waker().clone()) };
        item.map_or(Poll::Pending, |item| Poll::Ready(Some(item)))
    }
}

impl Forgetful {
    fn push(&self, item: u32) {
        self.0.lock().unwrap().0.push_back(item);
    }

    fn notify(&self) {
        let waker = self.0.lock().unwrap().1.take();
        waker.into_iter().for_each(Waker::wake);
    }
}

#[tokio::test]
async fn ready_poll_by_another_worker_replaces_the_listener() {
    let source = Forgetful::default();
    let (free, gate) = async_channel::unbounded::<()>();
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let job = move |item: u32| {
        let gate = gate.clone();
        count.fetch_add(1, SeqCst);
        async move {
            match item {
                0 => gate.recv().await?,
                1 => std::future::pending().await,
                _ => {}
            }
            Ok(item)
        }
    };
    let scope = Scope::default();
    let run = run_in(&scope, Source::new(source.clone()), Settings::new("forgetful", 4), job);
    source.push(0);
    source.notify();
    settle().await;
    source.push(1);
    free.try_send(()).expect("there is room");
    settle().await;
    source.notify();
    settle().await;
    source.push(2);
    source.notify();
    settle().await;
    assert_eq!(begun.load(SeqCst), 3);
    drop(run);
}

#[tokio::test(start_paused = true)]
async fn ready_source_lets_other_tasks_run_with_a_paused_clock() {
    const ITEMS: usize = 1_000_000;
    let scope = Scope::default();
    let discard = |taken: Taken<usize, ()>| async move {
        let (_, running) = taken.start();
        running.complete(Ok(()))
    };
    let run = Run::spawn_discarding(scope.clone(), Source::new(0..ITEMS), Settings::new("ready", 2), discard);
    yield_now().await;
    scope.cancel();
    let report = run.finish().await;
    assert!(report.last().taken < ITEMS, "{report}");
}

#[tokio::test(start_paused = true)]
async fn rest_of_a_run_used_as_a_source_runs_again() {
    let scope = Scope::default();
    let first = run_in(&scope, 0..1_000_usize, Settings::new("first", 8), |item| async move { Ok(item) });
    let (source, kept) = Source::new(first).kept();
    let slow = |item: usize| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(item)
    };
    let run = run_in(&scope, source, Settings::new("second", 2), slow);
    tokio::time::sleep(Duration::from_millis(12)).await;
    run.cancel();
    let report = run.finish().await;
    let left = report.last().never_started + report.stages[0].counts.not_yielded();
    let rest = kept.take().expect("the run is over");
    let outputs = run_in(&scope, rest, Settings::new("again", 2), slow).collect().await;
    let outputs = outputs.expect("nothing stops it");
    assert!(left > 0 && outputs.len() >= report.last().never_started, "{report}, then {}", outputs.len());
}

#[tokio::test]
async fn source_that_panicked_gives_back_unstarted_items() {
    let (source, kept) = Source::new(Breaking(0)).kept();
    let scope = Scope::default();
    let job = |item: u32| async move {
        std::future::pending::<()>().await;
        Ok(item)
    };
    let settings = Settings::new("stuck", 1).capacity(8);
    let report = run_in(&scope, source, settings, job).finish().await;
    let mut rest = kept.take().expect("the run is over");
    let mut given_back = 0;
    while let Some(item) = rest.next().await {
        item.expect("a broken source is not polled again");
        given_back += 1;
    }
    assert_eq!((given_back, report.last().never_started), (4, 4), "{report}");
}

/// A stream of five items that panics in place of the sixth item.
struct Breaking(u32);

impl Stream for Breaking {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
        self.0 += 1;
        assert!(self.0 <= 5, "no more of these");
        Poll::Ready(Some(self.0))
    }
}

#[tokio::test]
async fn generator_may_send_from_a_task_of_its_own() {
    let mut source = Source::generate(|out| async move {
        let sends = async move {
            for item in 0..3 {
                out.send(item).await;
            }
        };
        tokio::spawn(sends).await.expect("it does not panic");
    });
    for expected in 0..3 {
        assert_eq!(source.next().await.expect("an item").expect("no failure"), expected);
    }
    assert!(source.next().await.is_none());
}

#[tokio::test]
async fn concurrent_sends_of_a_generator_take_turns() {
    let mut source = Source::generate(|out| async move {
        let endless = |item| {
            let out = &out;
            async move {
                loop {
                    out.send(item).await;
                }
            }
        };
        // `join` always polls the first future first. Without turns, the second future would never send.
        join(endless(0), endless(1)).await;
    });
    let mut sum = 0;
    for _ in 0..100 {
        sum += source.next().await.expect("an item").expect("no failure");
    }
    assert_eq!(sum, 50);
}

/// A worker that adds another worker makes its taken items ready again, so the first worker to run starts with the
/// first item. On two threads the second item may start a moment earlier. The test therefore counts the runs in which
/// the first item starts first: nearly all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_item_starts_first() {
    const RUNS: usize = 500;
    let mut in_order = 0;
    for _ in 0..RUNS {
        let first = Arc::new(AtomicUsize::new(usize::MAX));
        let seen = Arc::clone(&first);
        let work = move |taken: Taken<usize, ()>| {
            let seen = Arc::clone(&seen);
            async move {
                let (item, running) = taken.start();
                let _ = seen.compare_exchange(usize::MAX, item, SeqCst, SeqCst);
                running.complete(Ok(()))
            }
        };
        let run = Run::spawn(Scope::default(), Source::new(0..8), Settings::new("first", 4), work);
        run.finish().await;
        in_order += usize::from(first.load(SeqCst) == 0);
    }
    assert!(in_order > RUNS / 2, "in {in_order} of {RUNS} runs");
}

/// A producer may close the queue while other producers are still running: the run waits for all producers.
#[tokio::test(start_paused = true)]
async fn queue_closed_by_one_sender_delivers_items_of_the_others() {
    let (producer, consumer) = queue::bounded::<u64>(4);
    let closing = producer.clone();
    let producing = Run::spawn_discarding(
        Scope::default(),
        Source::new(vec![1, 2]),
        Settings::new("producers", 2),
        move |taken: Taken<u64, ()>| {
            let closing = closing.clone();
            async move {
                let (item, running) = taken.start();
                closing.try_send(item).ok();
                closing.close();
                tokio::time::sleep(Duration::from_secs(item)).await;
                running.complete(Ok(()))
            }
        },
    );
    let source = Source::produced(producing, consumer);
    let run =
        Run::spawn(Scope::default(), source, Settings::new("consumers", 2), |taken: Taken<u64, u64>| async {
            let (item, running) = taken.start();
            running.complete(Ok(item))
        });
    let report = run.finish().await;
    assert_eq!((report.stages[0].counts.succeeded, report.stages[1].counts.succeeded), (2, 1));
}

/// Discarded outputs have no order: a failure does not wait for a discarded output.
#[tokio::test(start_paused = true)]
async fn discarding_run_ends_in_any_order() {
    let settings = Settings::new("discarding", 1).ordered().on_failure(OnFailure::Continue).capacity(0);
    let work = |taken: Taken<u32, ()>| async move {
        let (item, running) = taken.start();
        running.complete(if item == 0 { Ok(()) } else { Err(anyhow::anyhow!("not to my taste")) })
    };
    let run = Run::spawn_discarding(Scope::default(), Source::new(0..10), settings, work);
    let report = tokio::time::timeout(Duration::from_secs(10), run.finish()).await.expect("it ends");
    assert_eq!((report.last().succeeded, report.last().errored), (1, 9));
}
