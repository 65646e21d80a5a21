//! The workers of a run: their number, and jobs that block their thread.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
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
            sender.send(item).await.expect("the receiver is alive");
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
            sender.send(item).await.expect("the receiver is alive");
        }
        drop(sender);
    };
    let (outputs, ()) = tokio::join!(run.collect(), sending);
    assert_eq!(outputs.expect("no failure").len(), 20_000);
    assert!(!met.load(Ordering::SeqCst), "two jobs ran at the same time");
}

/// Yields to the end of the queue of the runtime. The `yield_now` of tokio also waits for a poll of the timers.
async fn wake_itself() {
    let mut woken = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[tokio::test]
async fn job_that_wakes_itself_lets_other_tasks_run() {
    const POLLS: usize = 100;
    let turns = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            wake_itself().await;
        }
    });
    let job = |item: u32| async move {
        for _ in 0..POLLS {
            wake_itself().await;
        }
        Ok(item)
    };
    let run = Run::spawn(Scope::default(), Source::new([0]), Settings::new("wakes itself", 1), Arc::new(job));
    run.collect().await.expect("no failure");
    other.abort();
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= POLLS, "{turns} turns of the other task in {POLLS} polls of the job");
}

/// A number of events, for a job that blocks its thread until enough events have happened.
#[derive(Default)]
struct Events {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Events {
    fn add(&self) {
        *self.count.lock().expect("no panic") += 1;
        self.changed.notify_all();
    }

    fn count(&self) -> usize {
        *self.count.lock().expect("no panic")
    }

    /// Blocks the thread until `count` events have happened; returns `false` after a long time.
    fn block_until(&self, count: usize) -> bool {
        let guard = self.count.lock().expect("no panic");
        let (_guard, waited) = self
            .changed
            .wait_timeout_while(guard, Duration::from_secs(20), |events| *events < count)
            .expect("no panic");
        !waited.timed_out()
    }
}

/// The jobs of two items block both threads of the runtime, until the jobs of all other items have completed.
const BLOCKING: usize = 2;
const OTHERS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_block_in_place_hold_up_no_item() {
    let completed = Arc::<Events>::default();
    let job = move |item: usize| {
        let completed = Arc::clone(&completed);
        async move {
            if item < BLOCKING {
                let others = block_in_place(|| completed.block_until(OTHERS));
                anyhow::ensure!(others, "the other items were held up");
            } else {
                completed.add();
            }
            Ok(item)
        }
    };
    let settings = Settings::new("blocking", BLOCKING + OTHERS);
    let run = Run::spawn(Scope::default(), Source::new(0..BLOCKING + OTHERS), settings, Arc::new(job));
    assert_eq!(run.collect().await.expect("no item is held up").len(), BLOCKING + OTHERS);
}

/// The other jobs are woken while both threads are blocked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_block_in_place_hold_up_no_waiting_job() {
    let (gate, completed, blocked) =
        (Arc::new(Semaphore::new(0)), Arc::<Events>::default(), Arc::<Events>::default());
    let waiting = Arc::<Events>::default();
    let job = move |item: usize| {
        let (gate, completed) = (Arc::clone(&gate), Arc::clone(&completed));
        let (blocked, waiting) = (Arc::clone(&blocked), Arc::clone(&waiting));
        async move {
            if item >= BLOCKING {
                waiting.add();
                gate.acquire().await?.forget();
                completed.add();
                return Ok(item);
            }
            while waiting.count() < OTHERS {
                yield_now().await;
            }
            let others = block_in_place(|| {
                blocked.add();
                if !blocked.block_until(BLOCKING) {
                    return false;
                }
                if item == 0 {
                    gate.add_permits(OTHERS);
                }
                completed.block_until(OTHERS)
            });
            anyhow::ensure!(others, "the other jobs were held up");
            Ok(item)
        }
    };
    let settings = Settings::new("blocking", BLOCKING + OTHERS);
    let run = Run::spawn(Scope::default(), Source::new(0..BLOCKING + OTHERS), settings, Arc::new(job));
    assert_eq!(run.collect().await.expect("no job is held up").len(), BLOCKING + OTHERS);
}
