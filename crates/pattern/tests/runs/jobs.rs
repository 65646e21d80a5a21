//! The three ways to share state with a job, and jobs with an error type of their own.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::yield_now;
use towpath_pattern::{Cause, Job, Scope, Settings, anyhow, job_fn, with_state};

use super::{run_in, settle};

#[derive(Debug, PartialEq)]
struct TooMany(u64);

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is too many", self.0)
    }
}

impl std::error::Error for TooMany {}

async fn at_most_three(x: u64) -> Result<u64, TooMany> {
    if x > 3 { Err(TooMany(x)) } else { Ok(x) }
}

fn settings() -> Settings {
    Settings::new("jobs", 2).ordered()
}

/// `job_fn` keeps the error by value, with its type.
#[tokio::test]
async fn job_fn_with_own_error_fails_with_that_error() {
    let run = || run_in(&Scope::default(), [1, 2], settings(), job_fn(at_most_three));
    assert_eq!(run().collect().await.expect("few items"), [1, 2]);

    for failed in [
        run_in(&Scope::default(), [1, 4], settings(), job_fn(at_most_three)).collect().await,
        run_in(&Scope::default(), [4], settings(), job_fn(async |x: u64| at_most_three(x).await))
            .collect()
            .await,
    ] {
        let Cause::Errored(error) = failed.expect_err("four is too many").into_cause() else {
            panic!("the cause is the error of the job");
        };
        assert_eq!(error.downcast_ref::<TooMany>(), Some(&TooMany(4)));
    }
}

/// Panics in its drop.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in the drop of the job");
    }
}

/// A future that fails, and panics in its drop. Only the owner of the future can report both.
struct FailsAndPanics(PanicsInDrop);

impl Future for FailsAndPanics {
    type Output = Result<u64, TooMany>;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        let _ = &self.0;
        std::task::Poll::Ready(Err(TooMany(9)))
    }
}

/// A panic in the drop of the future of a function is a further failure, and does not replace the error.
#[tokio::test]
async fn drop_that_panics_does_not_mask_the_error() {
    struct Shared;
    struct Converted(FailsAndPanics);

    impl Future for Converted {
        type Output = anyhow::Result<u64>;

        fn poll(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Self::Output> {
            std::pin::Pin::new(&mut self.0).poll(cx).map_err(anyhow::Error::from)
        }
    }

    let own_error = |_: u64| FailsAndPanics(PanicsInDrop);
    let with_shared = |_: &Shared, _: u64| Converted(FailsAndPanics(PanicsInDrop));
    let runs = [
        run_in(&Scope::default(), [0], settings(), job_fn(own_error)),
        run_in(&Scope::default(), [0], settings(), with_state(Shared, with_shared)),
        run_in(&Scope::default(), [0], settings(), |_: u64| Converted(FailsAndPanics(PanicsInDrop))),
    ];
    for run in runs {
        let report = run.finish().await;
        let causes: Vec<_> = report.failures.iter().map(|failure| failure.cause().to_string()).collect();
        assert_eq!(causes.len(), 2, "{causes:?}");
        assert!(causes[0].contains("9 is too many"), "{causes:?}");
        assert!(causes[1].contains("in the drop of the job"), "{causes:?}");
    }
}

/// State that counts calls, records its drop, and is never cloned.
#[derive(Default)]
struct State {
    calls: AtomicUsize,
    dropped: Arc<AtomicBool>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

impl Clone for State {
    fn clone(&self) -> Self {
        panic!("the state is borrowed, and never cloned");
    }
}

/// The jobs of all items borrow the same state.
#[tokio::test]
async fn with_state_gives_all_jobs_the_same_state() {
    async fn count(state: &State, x: u64) -> anyhow::Result<usize> {
        yield_now().await;
        anyhow::ensure!(x < 100, "too many");
        Ok(state.calls.fetch_add(1, Ordering::Relaxed))
    }

    let run = run_in(&Scope::default(), 0..10, settings(), with_state(State::default(), count));
    let mut seen = run.collect().await.expect("few items");
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..10));

    let closure = with_state(State::default(), async |state: &State, x: u64| {
        yield_now().await;
        Ok(x + state.calls.load(Ordering::Relaxed) as u64)
    });
    assert_eq!(
        run_in(&Scope::default(), 0..3, settings(), closure).collect().await.expect("few items"),
        [0, 1, 2]
    );
}

/// Counts in its drop, if the state is still alive.
struct Witness<'a> {
    state: &'a State,
    alive: Arc<AtomicUsize>,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if !self.state.dropped.load(Ordering::Relaxed) {
            self.alive.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A cancelled run drops the jobs, and then the state that the jobs borrow.
#[tokio::test]
async fn state_outlives_the_jobs_of_a_cancelled_run() {
    struct Shared {
        state: State,
        alive: Arc<AtomicUsize>,
    }

    let (dropped, alive) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let state = State { calls: AtomicUsize::new(0), dropped: Arc::clone(&dropped) };
    let shared = Shared { state, alive: Arc::clone(&alive) };
    let scope = Scope::new("cancelled");
    let run = run_in(
        &scope,
        0..2,
        settings(),
        with_state(shared, async |shared: &Shared, _: u64| {
            let _witness = Witness { state: &shared.state, alive: Arc::clone(&shared.alive) };
            pending::<anyhow::Result<u64>>().await
        }),
    );
    settle().await;
    assert_eq!((alive.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed)), (0, false));
    scope.cancel();
    assert!(run.collect().await.expect_err("it was cancelled").is_cancelled());
    scope.wait().await.expect("nothing else fails");
    assert_eq!((alive.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed)), (2, true));
}

/// A type with a field borrows the field, without an `Arc`.
#[tokio::test]
async fn type_that_implements_job_borrows_its_field() {
    struct Worker {
        state: State,
    }

    impl Job<u64> for Worker {
        type Out = usize;

        async fn call(&self, _: u64) -> anyhow::Result<usize> {
            let state = &self.state;
            yield_now().await;
            Ok(state.calls.fetch_add(1, Ordering::Relaxed))
        }
    }

    let run = run_in(&Scope::default(), 0..4, settings(), Worker { state: State::default() });
    let mut seen = run.collect().await.expect("it does not fail");
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3]);
}
