//! Work that drops its item before the start: the item goes to another worker. If the work panics at once, the item
//! counts as panicked.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use towpath_pattern::{Completed, OnFailure, Order, Run, Scope, Settings, Source, Taken};

/// The behaviour of the first job with its item. The other jobs complete their items after a second.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    DropsItAndPanics,
    DropsItAndPanicsLater,
    WaitsAndDropsIt,
    WaitsAndDropsItAndPanicsLater,
}

async fn job(first: Option<First>, taken: Taken<u32, u32>) -> Completed<u32, u32> {
    match first {
        None => {}
        Some(First::DropsItAndPanics) => {
            drop(taken);
            panic!("after it went back");
        }
        Some(First::DropsItAndPanicsLater) => {
            drop(taken);
            sleep(Duration::from_secs(5)).await;
            panic!("after it went back");
        }
        Some(First::WaitsAndDropsIt) => {
            sleep(Duration::from_secs(1)).await;
            drop(taken);
            return pending().await;
        }
        Some(First::WaitsAndDropsItAndPanicsLater) => {
            sleep(Duration::from_millis(500)).await;
            drop(taken);
            sleep(Duration::from_secs(5)).await;
            panic!("after it went back");
        }
    }
    sleep(Duration::from_secs(1)).await;
    let (item, running) = taken.start();
    running.complete(Ok(item))
}

fn run(source: Source<u32>, settings: Settings, first: First) -> Run<u32> {
    let is_first = AtomicBool::new(true);
    let work = move |taken| job(is_first.swap(false, SeqCst).then_some(first), taken);
    Run::spawn(Scope::default(), source, settings, work)
}

#[tokio::test(start_paused = true)]
async fn panic_after_a_dropped_item_is_reported_once() {
    for order in [Order::AsCompleted, Order::Ordered] {
        for limit in [1, 2] {
            for (first, panicked) in [
                (First::DropsItAndPanics, 1),
                (First::DropsItAndPanicsLater, 0),
                (First::WaitsAndDropsItAndPanicsLater, 0),
            ] {
                let at = format!("{order:?}, limit {limit}, {first:?}");
                let mut settings = Settings::new("dropping", limit).on_failure(OnFailure::Continue);
                settings.order = order;
                let run = run(Source::new(vec![7, 8, 9]), settings, first);
                let (outcomes, report) = timeout(Duration::from_secs(100), run.outcomes()).await.expect(&at);
                let outputs = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                let counts = *report.last();
                assert_eq!(
                    (outputs, counts.succeeded, counts.panicked),
                    (3 - panicked, 3 - panicked, panicked),
                    "{at}"
                );
                assert_eq!((counts.taken, counts.settled()), (3, 3), "{at}: {report}");
                let told =
                    outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).chain(&report.failures);
                assert_eq!(told.count(), 1, "{at}: {report}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn panic_long_after_a_dropped_item_stops_the_run() {
    let failure =
        run(Source::new(vec![7]), Settings::new("dropping", 2), First::DropsItAndPanicsLater).collect().await;
    let failure = failure.expect_err("it panicked");
    assert_eq!(format!("{failure:#}"), "stage `dropping` panicked: after it went back");
}

#[tokio::test(start_paused = true)]
async fn item_that_is_dropped_after_an_await_goes_to_another_worker() {
    let (sender, source) = Source::channel(4);
    let mut run = run(source, Settings::new("dropping", 4), First::WaitsAndDropsIt);
    sender.send(5).await.expect("the receiver is alive");
    let output = timeout(Duration::from_secs(100), run.next()).await.expect("another worker has it");
    assert_eq!(output.expect("an output").expect("no failure"), 5);
}

#[tokio::test(start_paused = true)]
async fn items_dropped_by_a_third_task_go_to_other_workers() {
    let stolen = Arc::new(Mutex::new(Vec::new()));
    let dropped = Arc::new(Notify::new());
    let jobs = AtomicUsize::new(0);
    let work = {
        let (stolen, dropped) = (Arc::clone(&stolen), Arc::clone(&dropped));
        move |taken: Taken<u32, u32>| {
            let is_first = jobs.fetch_add(1, SeqCst) < 2;
            let (stolen, dropped) = (Arc::clone(&stolen), Arc::clone(&dropped));
            async move {
                if is_first {
                    stolen.lock().expect("not poisoned").push(taken);
                    dropped.notified().await;
                    return pending().await;
                }
                let (item, running) = taken.start();
                running.complete(Ok(item))
            }
        }
    };
    let (sender, source) = Source::channel(4);
    let mut run = Run::spawn(Scope::default(), source, Settings::new("dropping", 4), work);
    for item in [5, 6] {
        sender.send(item).await.expect("the receiver is alive");
    }
    while stolen.lock().expect("not poisoned").len() < 2 {
        yield_now().await;
    }
    drop(std::mem::take(&mut *stolen.lock().expect("not poisoned")));
    dropped.notify_waiters();

    let mut outputs = Vec::new();
    for _ in 0..2 {
        let output = timeout(Duration::from_secs(100), run.next()).await.expect("another worker has it");
        outputs.push(output.expect("an output").expect("no failure"));
    }
    outputs.sort_unstable();
    assert_eq!(outputs, [5, 6]);
}
