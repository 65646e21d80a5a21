//! Guards that outlive their jobs, and runtimes without timers: every resource is released before its run is over.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::sleep;
use towpath_resource::{PatternExt, ResourceGuard, WithResource, anyhow, resource_fn, with};

/// Counts its instances. The size makes a move take a while.
struct Large {
    alive: Arc<AtomicUsize>,
    _room: [u8; 16 * 1024],
}

impl Drop for Large {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

/// A source of one item, whose drop comes right before the end of the run. The drop sets a flag, and takes a while.
struct Last(Option<()>, Arc<AtomicBool>, usize);

impl Iterator for Last {
    type Item = ();

    fn next(&mut self) -> Option<()> {
        self.0.take()
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        self.1.store(true, SeqCst);
        (0..self.2).for_each(|_| spin_loop());
    }
}

/// A resource that is checked in while the run ends is released before the run is over.
#[test]
fn guard_dropped_while_the_run_ends_is_released_in_time() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for round in 0..1_000 {
        let (alive, closing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let made = Arc::clone(&alive);
        let large = resource_fn(
            move || {
                made.fetch_add(1, SeqCst);
                let large = Large { alive: Arc::clone(&made), _room: [0; 16 * 1024] };
                async move { Ok(large) }
            },
            |large: Large, _| async move {
                drop(large);
                Ok(())
            },
        );
        let last = Last(Some(()), Arc::clone(&closing), round % 100 * 16);
        let give_away = move |(held, ()): (ResourceGuard<Large>, ())| {
            let closing = Arc::clone(&closing);
            async move {
                spawn_blocking(move || {
                    while !closing.load(SeqCst) {
                        spin_loop();
                    }
                    drop(held);
                });
                Ok(())
            }
        };
        let finish = async { WithResource::new(1, large, give_away).run(last).finish().await };
        let report = runtime.block_on(finish);
        assert_eq!(alive.load(SeqCst), 0, "round {round}: {report}");
    }
}

/// On a runtime without timers, the run waits for a guard that outlives its job.
#[test]
fn guard_outliving_its_job_without_timers_is_awaited() {
    let released = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&released);
    let resource = resource_fn(
        || async { Ok(()) },
        move |(), _| {
            counted.fetch_add(1, SeqCst);
            async { Ok(()) }
        },
    );
    let give_away = |(held, ()): (ResourceGuard<()>, ())| async move {
        tokio::spawn(async move {
            for _ in 0..50 {
                yield_now().await;
            }
            drop(held);
        });
        Ok(())
    };
    let runtime = Builder::new_current_thread().build().unwrap();
    let report =
        runtime.block_on(async { WithResource::new(1, resource, give_away).run([()]).finish().await });
    assert_eq!((released.load(SeqCst), report.failures.len()), (1, 0), "{report}");
}

/// On a runtime without timers, the run waits for a release.
#[test]
fn waiting_release_without_timers_is_awaited() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let waits = resource_fn(
        || async { Ok(()) },
        |(), _| async {
            yield_now().await;
            Ok(())
        },
    );
    runtime.block_on(with(waits, |_held| async { Ok(()) })).expect("it does not fail");
}

/// A release that panics before it returns a future is a failure of the run.
#[test]
fn panic_of_release_before_its_first_await_is_reported() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let breaks = resource_fn(
        || async { Ok(true) },
        |breaks: bool, _| {
            assert!(!breaks, "broken");
            async { Ok(()) }
        },
    );
    let failure = runtime.block_on(with(breaks, |_held| async { Ok(()) })).expect_err("it panicked");
    assert_eq!(format!("{failure:#}"), "stage `resource` panicked: broken");
}

/// Jobs whose guards outlive the jobs pass one resource on, each after the drop of the previous guard.
#[test]
fn resource_of_a_dropped_guard_goes_to_the_waiting_job() {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let acquired = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&acquired);
    let one = resource_fn(
        move || {
            counted.fetch_add(1, SeqCst);
            async { Ok(()) }
        },
        |(), _| async { Ok(()) },
    );
    let job = |(held, item): (ResourceGuard<()>, u64)| async move {
        tokio::spawn(async move {
            sleep(Duration::from_secs(10)).await;
            drop(held);
        });
        anyhow::ensure!(item < 3, "the last");
        Ok(())
    };
    let pattern = WithResource::new(1, one, job).release_within(Duration::from_secs(1_000));
    let report = runtime.block_on(async {
        let clock = tokio::time::Instant::now();
        let report = pattern.run(0..10).finish().await;
        assert_eq!(clock.elapsed().as_secs(), 40, "each job waits for the guard of the job before");
        report
    });
    assert_eq!((acquired.load(SeqCst), report.failures.len()), (1, 1), "{report}");
}
