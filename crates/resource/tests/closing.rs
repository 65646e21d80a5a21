//! Events during the releases of a run: a shutdown of the runtime, and a cancellation of the next stage.

#[allow(dead_code, reason = "the tests of releases use the whole module")]
mod log;

use std::future::pending;

use log::{Logged, RELEASE, Releases, State};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;
use towpath_resource::{PatternExt, Resource, ResourceGuard, Source, WithResource, anyhow, resource_fn};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

fn nothing() -> impl Resource<State = ()> {
    resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) })
}

async fn number((_held, number): (ResourceGuard<State>, u32)) -> anyhow::Result<u32> {
    Ok(number)
}

/// A run whose runtime shuts down during a release fails as cancelled.
#[test]
fn run_whose_runtime_shuts_down_in_a_release_is_cancelled() {
    let log = Logged::default();
    let runtime = paused();
    let run = runtime.block_on(async {
        let run = WithResource::new(1, log.clone(), number).run(0..1);
        sleep(RELEASE / 2).await;
        run
    });
    drop(runtime);
    let failure = paused().block_on(run.collect()).expect_err("its resource was not released");
    assert_eq!(format!("{failure:#}"), "stage `resource` was cancelled: the runtime was shut down");
    assert!(log.released().is_empty() && log.alive() == 0);
}

/// A release of the stage before that fails after a cancellation does not mask the cancellation.
#[tokio::test(start_paused = true)]
async fn failed_release_of_the_stage_before_masks_no_cancel() {
    let first = WithResource::new(1, Logged::with_releases_that(Releases::Fail), number);
    let second =
        WithResource::new(1, nothing(), |(_, _): (ResourceGuard<()>, u32)| pending::<anyhow::Result<()>>());
    let mut run = first.then(second).run(0..1);
    sleep(RELEASE / 2).await;
    run.cancel();
    let failure = run.next().await.expect("a failure").expect_err("it was cancelled");
    assert!(failure.is_cancelled(), "{failure:#}");
    assert!(run.next().await.is_none());
    let report = run.finish().await;
    assert_eq!(report.failures.len(), 1, "the failure of the release is reported: {report}");
}

/// Items that were never started are kept if the runtime shuts down while the stage before releases its resources.
#[test]
fn unstarted_items_at_a_shutdown_while_closing_are_kept() {
    let runtime = paused();
    let (run, kept) = runtime.block_on(async {
        let before = WithResource::new(1, Logged::default(), number).run(0..2);
        let (source, kept) = Source::new(before).kept();
        let never = resource_fn(pending::<anyhow::Result<()>>, |(), _| async { Ok(()) });
        let run =
            WithResource::new(2, never, |(_, number): (ResourceGuard<()>, u32)| async move { Ok(number) })
                .run(source);
        sleep(RELEASE / 4).await;
        run.cancel();
        sleep(RELEASE / 4).await;
        (run, kept)
    });
    drop(runtime);
    paused().block_on(async {
        let report = run.finish().await;
        let mut rest = kept.take().expect("the run is over");
        for number in 0..2 {
            assert_eq!(rest.next().await.expect("an item").expect("no failure"), number, "{report}");
        }
    });
}
