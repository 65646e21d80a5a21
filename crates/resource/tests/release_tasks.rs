//! Releases at the end of a run: no release holds up another, and a shutdown of the runtime drops every resource.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::block_in_place;
use towpath_resource::{PatternExt, ResourceGuard, WithResource, resource_fn};

/// The time limit of a blocked thread in a test that fails. No other limit ends the wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// A count that a thread can wait for.
#[derive(Default)]
struct Count {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Count {
    fn add(&self) -> usize {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        self.changed.notify_all();
        *count
    }

    /// Blocks the thread until the count is `wanted`.
    fn wait_for(&self, wanted: usize) -> anyhow::Result<()> {
        let count = self.count.lock().unwrap();
        let (_guard, timeout) =
            self.changed.wait_timeout_while(count, PATIENCE, |count| *count < wanted).unwrap();
        anyhow::ensure!(!timeout.timed_out(), "{wanted} releases did not start");
        Ok(())
    }
}

/// Runs `jobs` jobs at once on two threads, so that all resources are idle at the end of the run.
fn run<S, R, Fut>(
    jobs: usize,
    state: impl Fn() -> S + Send + Sync + 'static,
    release: R,
) -> anyhow::Result<()>
where
    S: Send + 'static,
    R: Fn(S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let resource = resource_fn(move || std::future::ready(Ok(state())), move |state, _| release(state));
    let all = Arc::new(tokio::sync::Barrier::new(jobs));
    let job = move |(_held, ()): (ResourceGuard<S>, ())| {
        let all = Arc::clone(&all);
        async move {
            all.wait().await;
            Ok(())
        }
    };
    let pattern = WithResource::new(towpath_resource::Limit::try_from(jobs)?, resource, job);
    runtime.block_on(async { pattern.run(vec![(); jobs]).collect().await })?;
    Ok(())
}

/// More releases than threads run at the same time, each in `block_in_place`.
#[test]
fn release_in_block_in_place_holds_up_no_other() {
    let started = Arc::new(Count::default());
    let release = move |()| {
        let started = Arc::clone(&started);
        async move {
            started.add();
            block_in_place(|| started.wait_for(6))
        }
    };
    run(6, || (), release).expect("all releases started");
}

/// A release that blocks its thread does not hold up the resources that a thread with a pending release could take.
#[test]
fn release_that_blocks_holds_up_no_free_thread() {
    for _ in 0..20 {
        let (started, unblocked) = (Arc::new(Count::default()), Arc::new(Notify::new()));
        let release = move |()| {
            let (started, unblocked) = (Arc::clone(&started), Arc::clone(&unblocked));
            async move {
                match started.add() {
                    1 => {
                        unblocked.notified().await;
                        Ok(())
                    }
                    2 => {
                        let waited = started.wait_for(3);
                        unblocked.notify_one();
                        waited
                    }
                    _ => Ok(()),
                }
            }
        };
        run(3, || (), release).expect("the third release started");
    }
}

/// A resource that panics when it is dropped.
struct Fragile(Arc<AtomicUsize>);

impl Drop for Fragile {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("dropped");
    }
}

/// A shutdown of the runtime drops all idle resources, also if the drops panic.
#[test]
fn shutdown_with_drops_that_panic_drops_all() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let of_resource = Arc::clone(&dropped);
    let resource = resource_fn(
        move || std::future::ready(Ok(Fragile(Arc::clone(&of_resource)))),
        |_, _| std::future::ready(Ok(())),
    );
    let all_idle = Arc::new(Barrier::new(2));
    let signal = Arc::clone(&all_idle);
    let used = Arc::new(tokio::sync::Barrier::new(4));
    let job = move |(held, waits): (ResourceGuard<Fragile>, bool)| {
        let (used, signal) = (Arc::clone(&used), Arc::clone(&signal));
        async move {
            used.wait().await;
            if waits {
                drop(held);
                block_in_place(|| signal.wait());
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    };
    let run = {
        let _entered = runtime.enter();
        WithResource::new(4, resource, job).run([false, false, false, true])
    };
    all_idle.wait();
    drop(runtime);
    drop(run);
    assert_eq!(dropped.load(SeqCst), 4);
}
