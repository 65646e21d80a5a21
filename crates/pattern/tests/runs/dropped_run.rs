//! A run that is dropped: the scope reports the first failure, and not a later panic of a drop.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};

use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::yield_now;
use towpath_pattern::{
    Cause, Completed, Failure, OnFailure, Order, Run, Scope, Settings, Source, Taken, Work, anyhow,
};

use crate::{Bomb, Leaves, run_in, settle};

fn roomy(limit: usize, order: Order) -> Settings {
    let mut settings = Settings::new("dropped", limit).capacity(10).on_failure(OnFailure::Continue);
    settings.order = order;
    settings
}

/// Item 0 waits forever, item 1 has an output, and the remaining items fail.
async fn waits_gives_fails(item: u32) -> anyhow::Result<Bomb> {
    match item {
        0 => pending().await,
        1 => Ok(Bomb("of the output")),
        _ => Err(anyhow::anyhow!("the error")),
    }
}

/// Drops the run, and returns the failure that the scope reports.
async fn reported_after_drop<Out: Send + 'static>(run: Run<Out>, scope: Scope) -> String {
    drop(run);
    format!("{:#}", scope.wait().await.expect_err("a job failed"))
}

#[tokio::test]
async fn error_is_recorded_before_the_panic_of_an_output() {
    let scope = Scope::new("around");
    let job = |item: u32| async move {
        anyhow::ensure!(item != 0, "the error");
        Ok(Bomb("of the output"))
    };
    let run = run_in(&scope, 0..2, roomy(1, Order::AsCompleted), job);
    settle().await;
    assert_eq!(reported_after_drop(run, scope).await, "item 0 at stage `dropped` failed: the error");
}

#[tokio::test]
async fn error_precedes_an_output_next_to_waiting_jobs() {
    for order in [Order::AsCompleted, Order::Ordered] {
        let scope = Scope::new("around");
        let run = run_in(&scope, 0..3, roomy(2, order), waits_gives_fails);
        settle().await;
        assert_eq!(
            reported_after_drop(run, scope).await,
            "item 2 at stage `dropped` failed: the error",
            "{order:?}"
        );
    }
}

#[tokio::test]
async fn error_precedes_an_output_if_the_run_holds_both() {
    let scope = Scope::new("around");
    let job = |item: u32| async move {
        match item {
            0 => Ok(None),
            1 => Ok(Some(Bomb("of the output"))),
            2 => Err(anyhow::anyhow!("the error")),
            _ => pending().await,
        }
    };
    let mut run = run_in(&scope, 0..4, roomy(2, Order::AsCompleted), job);
    settle().await;
    assert!(run.next().await.is_some());
    assert_eq!(reported_after_drop(run, scope).await, "item 2 at stage `dropped` failed: the error");
}

#[tokio::test]
async fn error_precedes_the_panic_of_the_dropped_job() {
    for (takes_one, is_over) in [(false, true), (false, false), (true, false)] {
        let scope = Scope::new("around");
        let job = |item: u32| -> Pin<Box<dyn Future<Output = anyhow::Result<u32>> + Send>> {
            match item {
                0 => Box::pin(async { Ok(0) }),
                1 => Box::pin(Leaves::new(Err(anyhow::anyhow!("the error")))),
                _ => Box::pin(pending()),
            }
        };
        let items = if is_over { 2 } else { 3 };
        let mut run = run_in(&scope, 0..items, roomy(2, Order::AsCompleted), job);
        settle().await;
        if takes_one {
            assert!(run.next().await.is_some());
        }
        let reported = reported_after_drop(run, scope).await;
        assert_eq!(reported, "item 1 at stage `dropped` failed: the error", "{takes_one} {is_over}");
    }
}

/// Fails, and then fails in `shutdown`.
struct ClosesBadly;

impl Work<u32, u32> for ClosesBadly {
    async fn work(&self, taken: Taken<u32, u32>, _: &Scope) -> Completed<u32, u32> {
        taken.start().1.complete(Err(anyhow::anyhow!("the error")))
    }

    async fn shutdown(&self) -> Vec<Cause> {
        vec![Cause::Errored(anyhow::anyhow!("not closed"))]
    }
}

#[tokio::test]
async fn error_precedes_the_failure_of_the_shutdown() {
    let scope = Scope::new("around");
    let run = Run::spawn(scope.clone(), Source::new(vec![0]), roomy(1, Order::AsCompleted), ClosesBadly);
    settle().await;
    assert_eq!(reported_after_drop(run, scope).await, "item 0 at stage `dropped` failed: the error");
}

#[tokio::test]
async fn panic_of_an_output_held_by_the_run_is_recorded() {
    let scope = Scope::new("around");
    let job = |item: u32| async move { Ok((item == 1).then_some(Bomb("of the output"))) };
    let mut run = run_in(&scope, 0..2, roomy(2, Order::AsCompleted), job);
    settle().await;
    assert!(run.next().await.is_some());
    assert_eq!(reported_after_drop(run, scope).await, "stage `dropped` panicked: of the output");
}

#[test]
fn error_of_a_dropped_collect_precedes_an_output() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    for round in 0..1_000 {
        let scope = Scope::new("around");
        let job = |item: u32| async move {
            match item {
                0 => Err(anyhow::anyhow!("the error")),
                1 => Ok(Bomb("of the output")),
                _ => pending().await,
            }
        };
        let reported = runtime.block_on(async {
            let run = run_in(&scope, 0..3, roomy(1, Order::AsCompleted), job);
            while run.report().stages[0].counts.errored == 0 {
                yield_now().await;
            }
            {
                let mut collecting = pin!(run.collect());
                assert!(collecting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            scope.wait().await.expect_err("a job failed")
        });
        assert_eq!(format!("{reported:#}"), "item 0 at stage `dropped` failed: the error", "round {round}");
    }
}

/// Its drop lets the shutdown of the work complete, and panics.
struct Output(Arc<Notify>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.notify_one();
        panic!("of the output");
    }
}

/// Fails twice, and then returns an output. The shutdown waits for the drop of the output.
struct Meets {
    output_dropped: Arc<Notify>,
    closing: mpsc::Sender<()>,
}

impl Work<u32, Output> for Meets {
    async fn work(&self, taken: Taken<u32, Output>, _: &Scope) -> Completed<u32, Output> {
        let (item, running) = taken.start();
        running.complete(match item {
            0 => Err(anyhow::anyhow!("the error")),
            1 => Err(anyhow::anyhow!("the next error")),
            _ => Ok(Output(Arc::clone(&self.output_dropped))),
        })
    }

    async fn shutdown(&self) -> Vec<Cause> {
        self.closing.send(()).expect("the test goes on");
        self.output_dropped.notified().await;
        Vec::new()
    }
}

#[test]
fn error_precedes_an_output_dropped_during_the_end() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let (closing, closes) = mpsc::channel();
    let scope = Scope::new("around");
    let run = {
        let _entered = runtime.enter();
        let work = Meets { output_dropped: Arc::new(Notify::new()), closing };
        Run::spawn(scope.clone(), Source::new(vec![0, 1, 2]), roomy(1, Order::AsCompleted), work)
    };
    closes.recv().expect("it closes");
    drop(run);
    let first = runtime.block_on(scope.wait()).expect_err("a job failed");
    assert_eq!(first.index(), Some(0));
    let others: Vec<_> = scope.take_failures().iter().map(Failure::index).collect();
    assert_eq!(others, [Some(1), None], "the next error, and the panic of the output");
}

#[tokio::test]
async fn report_has_the_error_before_the_panic_of_a_held_output() {
    let run = run_in(&Scope::default(), 0..3, roomy(2, Order::Ordered), waits_gives_fails);
    settle().await;
    run.cancel();
    let report = run.finish().await;
    let told: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    let wanted = [
        "stage `dropped` was cancelled: the run was cancelled",
        "item 2 at stage `dropped` failed: the error",
        "stage `dropped` panicked: of the output",
    ];
    assert_eq!(told, wanted);
}
