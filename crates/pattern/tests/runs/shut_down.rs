//! A runtime is shut down during a run: the owner of the run gets a failure, and every item is accounted for.

use std::future::{Future, pending};
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use towpath_pattern::{Job, Run, Scope, Settings, Source, Taken};

fn single() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// Returns the number of runs, of 8,000 runs of `items` jobs, that end without a failure and with too few outputs after
/// the shutdown of their runtime. tokio drops the tasks of a runtime on one thread while another thread still polls
/// some of them.
fn silent<J>(items: usize, job: J) -> usize
where
    J: Job<usize, Out = usize> + Clone,
{
    let start = move || {
        Run::spawn(Scope::default(), Source::new(0..items), Settings::new("fresh", 3), Arc::new(job.clone()))
    };
    let mut silent = 0;
    for round in 0..200 {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        let start = start.clone();
        let started = runtime.spawn(async move { (0..40).map(|_| start()).collect::<Vec<_>>() });
        let runs = runtime.block_on(started).expect("no panic");
        for _ in 0..round * 50 {
            spin_loop();
        }
        drop(runtime);
        let other = single();
        for run in runs {
            silent += usize::from(other.block_on(run.collect()).is_ok_and(|outputs| outputs.len() < items));
        }
    }
    silent
}

#[test]
fn run_whose_workers_vanish_first_does_not_end_as_complete() {
    let job = |item: usize| async move {
        yield_now().await;
        Ok(item)
    };
    assert_eq!(silent(2_000, job), 0, "the number of 8,000 runs that ended well with too few outputs");
}

#[test]
fn run_at_the_end_of_its_source_does_not_end_as_complete() {
    let job = |item: usize| async move {
        for _ in 0..1_000 {
            yield_now().await;
        }
        Ok(item)
    };
    assert_eq!(silent(2, job), 0, "the number of 8,000 runs that ended well with too few outputs");
}

/// A value that a work captures. Its drop counts a scope that has ended before, and panics.
struct Captured {
    scope: Scope,
    too_late: Arc<AtomicUsize>,
}

impl Drop for Captured {
    fn drop(&mut self) {
        let closed = pin!(self.scope.wait()).poll(&mut Context::from_waker(Waker::noop()));
        self.too_late.fetch_add(usize::from(closed.is_ready()), SeqCst);
        panic!("what the work has captured");
    }
}

#[test]
fn captured_values_are_dropped_before_the_run_is_over() {
    let too_late = Arc::new(AtomicUsize::new(0));
    // tokio drops its tasks in an order that changes from run to run.
    for _ in 0..50 {
        let scope = Scope::new("shut down");
        let captured = Captured { scope: scope.clone(), too_late: Arc::clone(&too_late) };
        let job = move |item: u32| {
            let _captured = &captured;
            async move {
                pending::<()>().await;
                Ok(item)
            }
        };
        let runtime = single();
        let run = runtime.block_on(async {
            let run = Run::spawn(scope, Source::new(0..5), Settings::new("capturing", 1), Arc::new(job));
            yield_now().await;
            run
        });
        drop(runtime);
        let report = single().block_on(run.finish());
        let told = report.failures.iter().any(|failure| format!("{failure:#}").contains("has captured"));
        assert!(told, "{report}");
    }
    assert_eq!(too_late.load(SeqCst), 0, "the number of scopes that ended before the drop");
}

#[test]
fn unstarted_items_are_kept_after_a_panic_drops_the_runtime() {
    let left = Arc::new(Mutex::new(None));
    let leaves = Arc::clone(&left);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        single().block_on(async move {
            let (source, kept) = Source::new(vec![7, 8]).kept();
            let work = |taken: Taken<u32, u32>| async move {
                let () = pending().await;
                taken.start().1.complete(Ok(0))
            };
            let run = Run::spawn(Scope::default(), source, Settings::new("waiting", 1), work);
            *leaves.lock().expect("no panic yet") = Some((run, kept));
            yield_now().await;
            panic!("of the main task");
        })
    }));
    assert!(panicked.is_err());
    let (run, kept) = left.lock().expect("the lock is not poisoned").take().expect("the run was stored");
    single().block_on(async {
        let report = run.finish().await;
        assert_eq!((report.last().panicked, report.last().never_started), (0, 1), "{report}");
        let mut rest = kept.take().expect("the run is over");
        for item in [7, 8] {
            assert_eq!(rest.next().await.expect("an item").expect("no failure"), item);
        }
    });
}

#[test]
fn item_between_two_stages_counts_as_cancelled_downstream() {
    let runtime = single();
    let run = runtime.block_on(async {
        let roomy = Settings::new("first", 1).capacity(10);
        let first = Run::spawn(
            Scope::default(),
            Source::new(0..5),
            roomy,
            Arc::new(|item: u32| async move { Ok(item) }),
        );
        let tight = Settings::new("second", 1).capacity(0);
        let endless = |_: u32| pending::<towpath_pattern::anyhow::Result<u32>>();
        let run = Run::spawn(Scope::default(), Source::new(first), tight, Arc::new(endless));
        for _ in 0..50 {
            yield_now().await;
        }
        run
    });
    drop(runtime);
    let report = single().block_on(run.finish());
    let [first, second] = &report.stages[..] else { panic!("two stages, not {report}") };
    assert_eq!((first.counts.succeeded, second.counts.taken, second.counts.cancelled), (5, 5, 5), "{report}");
}
