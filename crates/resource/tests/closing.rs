//! What happens while the resources of a run are being released: a shutdown, a cancellation behind it.

#[allow(dead_code, reason = "the tests of releases use all of it")]
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

#[test]
fn a_run_whose_runtime_goes_during_a_release_does_not_end_well() {
    let log = Logged::default();
    let runtime = paused();
    let run = runtime.block_on(async {
        let run = WithResource::new(1, log.clone(), number).run(0..1);
        sleep(RELEASE / 2).await;
        run
    });
    drop(runtime);
    let failure = paused().block_on(run.collect()).expect_err("its resource was not released");
    assert_eq!(failure.to_string(), "stage `resource`: cancelled: the runtime was shut down");
    assert!(log.released().is_empty() && log.alive() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_of_the_stage_before_that_fails_later_masks_no_cancellation() {
    let first = WithResource::new(1, Logged::with_releases_that(Releases::Fail), number);
    let second =
        WithResource::new(1, nothing(), |(_, _): (ResourceGuard<()>, u32)| pending::<anyhow::Result<()>>());
    let mut run = first.then(second).run(0..1);
    sleep(RELEASE / 2).await;
    run.cancel();
    let failure = run.next().await.expect("a failure").expect_err("it was cancelled");
    assert!(failure.is_cancelled(), "{failure}");
    assert!(run.next().await.is_none());
    let report = run.finish().await;
    assert_eq!(report.failures.len(), 1, "the release's failure is told: {report}");
}

#[test]
fn what_was_never_begun_is_kept_where_the_runtime_goes_while_the_stage_before_is_closing() {
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
