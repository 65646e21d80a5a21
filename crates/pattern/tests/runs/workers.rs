//! How many workers a run has: as many as there is something to do for, one job at a time each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use towpath_pattern::{Run, Scope, Settings, Source};

/// Jobs that wait at the same time.
const MANY: u32 = 300;

#[tokio::test]
async fn jobs_that_wait_are_no_tasks() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let permits = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&permits);
    let job = move |item: u32| {
        let waits = Arc::clone(&waits);
        async move {
            waits.acquire().await?.forget();
            Ok(item)
        }
    };
    let (sender, source) = Source::channel(MANY as usize);
    let mut run =
        Run::spawn(Scope::default(), source, Settings::new("workers", MANY as usize), Arc::new(job));
    for _ in 0..3 {
        for item in 0..MANY {
            sender.send(item).await.expect("somebody receives");
        }
        while run.report().stages[0].counts.running < MANY as usize {
            yield_now().await;
        }
        assert!(alive() <= before + 3, "{} more tasks than before", alive() - before);
        permits.add_permits(MANY as usize);
        for _ in 0..MANY {
            run.next().await.expect("an output").expect("no failure");
        }
        for _ in 0..MANY {
            yield_now().await;
        }
        // The worker that listens, an idle worker for the thread, and the supervisor.
        assert!(alive() <= before + 3, "{} more tasks than before", alive() - before);
    }
    drop(sender);
    assert!(run.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_limit_of_one_no_two_jobs_compute_at_the_same_time() {
    let at_work = Arc::new(AtomicUsize::new(0));
    let met = Arc::new(AtomicBool::new(false));
    let (counted, seen) = (Arc::clone(&at_work), Arc::clone(&met));
    let job = move |item: u32| {
        let others = counted.fetch_add(1, Ordering::SeqCst);
        seen.fetch_or(others > 0, Ordering::SeqCst);
        for _ in 0..200 {
            std::hint::spin_loop();
        }
        counted.fetch_sub(1, Ordering::SeqCst);
        std::future::ready(Ok(item))
    };
    let (sender, source) = Source::channel(8);
    let settings = Settings::new("alone", 1).capacity(16);
    let run = Run::spawn(Scope::default(), source, settings, Arc::new(job));
    let sending = async {
        for item in 0..20_000 {
            sender.send(item).await.expect("somebody receives");
        }
        drop(sender);
    };
    let (outputs, ()) = tokio::join!(run.collect(), sending);
    assert_eq!(outputs.expect("no failure").len(), 20_000);
    assert!(!met.load(Ordering::SeqCst), "two jobs ran at the same time");
}
