//! A runtime that is shut down in mid-run leaves no time to release; what has failed by then is told all the same.

use std::future::pending;

use tokio::runtime::Builder;
use tokio::task::yield_now;
use towpath_resource::{PatternExt, ResourceGuard, Run, Scope, WithResource, resource_fn};

/// A run with a job that waits for ever, of which a release has failed, and whose runtime is gone.
fn shut_down(scope: &Scope) -> Run<()> {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let resource = resource_fn(|| async { Ok(()) }, |(), _| async { anyhow::bail!("not released") });
        let jobs = WithResource::new(2, resource, |(held, waits): (ResourceGuard<()>, bool)| async move {
            if waits {
                pending::<()>().await;
            }
            ResourceGuard::discard(held);
            Ok(())
        });
        let run = jobs.run_in(scope, [false, true]);
        for _ in 0..50 {
            yield_now().await;
        }
        run
    })
}

#[test]
fn a_release_that_failed_in_mid_run_is_told_after_the_runtime_was_shut_down() {
    let run = shut_down(&Scope::default());
    let elsewhere = Builder::new_current_thread().build().expect("a runtime");
    let report = elsewhere.block_on(run.finish());
    let told: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert!(told.contains(&"stage `resource` failed: not released".to_owned()), "{told:?}");
    assert_eq!((report.last().succeeded, report.last().cancelled), (1, 1), "{report}");
}

#[test]
fn the_scope_hears_of_it_where_the_run_is_dropped() {
    let scope = Scope::new("around");
    drop(shut_down(&scope));
    let elsewhere = Builder::new_current_thread().build().expect("a runtime");
    let heard = elsewhere.block_on(scope.wait()).expect_err("a release has failed");
    assert_eq!(format!("{heard:#}"), "stage `resource` failed: not released");
}
