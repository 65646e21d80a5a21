//! The workers of a run: their number, and jobs that block their thread.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{block_in_place, yield_now};
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

/// The number of completed jobs, for a job that blocks its thread until the other jobs have completed.
#[derive(Default)]
struct Completed {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Completed {
    fn add(&self) {
        *self.count.lock().expect("no panic") += 1;
        self.changed.notify_all();
    }

    /// Blocks the thread until `count` jobs have completed; returns `false` after a long time.
    fn block_until(&self, count: usize) -> bool {
        let guard = self.count.lock().expect("no panic");
        let (_guard, waited) = self
            .changed
            .wait_timeout_while(guard, Duration::from_secs(20), |completed| *completed < count)
            .expect("no panic");
        !waited.timed_out()
    }
}

/// Two jobs block both threads of the runtime. `waits` says whether the other jobs have waited before.
async fn other_jobs_complete(waits: bool) {
    const ITEMS: usize = 40;
    let (completed, started) = (Arc::<Completed>::default(), Arc::<Completed>::default());
    let job = move |item: usize| {
        let (completed, started) = (Arc::clone(&completed), Arc::clone(&started));
        async move {
            started.add();
            if waits {
                // Every job has started when the first job goes on.
                while *started.count.lock().expect("no panic") < ITEMS {
                    yield_now().await;
                }
            }
            if item < 2 {
                let others = block_in_place(|| completed.block_until(ITEMS - 2));
                anyhow::ensure!(others, "the other jobs were held up");
            } else {
                completed.add();
            }
            Ok(item)
        }
    };
    let run = Run::spawn(
        Scope::default(),
        Source::new(0..ITEMS),
        Settings::new("blocking", ITEMS).ordered(),
        Arc::new(job),
    );
    assert_eq!(run.collect().await.expect("no job is held up"), (0..ITEMS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_block_in_place_hold_up_no_item() {
    other_jobs_complete(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_block_in_place_hold_up_no_waiting_job() {
    other_jobs_complete(true).await;
}
