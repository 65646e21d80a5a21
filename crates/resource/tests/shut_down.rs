//! A shutdown of the runtime during a run: no further release runs, and earlier failures are reported.

use std::future::pending;

use tokio::runtime::Builder;
use tokio::task::yield_now;
use towpath_resource::{PatternExt, ResourceGuard, Run, Scope, WithResource, resource_fn};

/// Returns a run with a failed release and a job that never completes. The runtime is gone.
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

/// A release that failed before a shutdown of the runtime is in the report of the run.
#[test]
fn failed_release_before_a_shutdown_is_in_the_report() {
    let run = shut_down(&Scope::default());
    let elsewhere = Builder::new_current_thread().build().expect("a runtime");
    let report = elsewhere.block_on(run.finish());
    let told: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert!(told.contains(&"stage `resource` failed: not released".to_owned()), "{told:?}");
    assert_eq!((report.last().succeeded, report.last().cancelled), (1, 1), "{report}");
}

/// A release that failed before a shutdown is recorded by the scope if the run is dropped.
#[test]
fn failed_release_of_a_dropped_run_is_in_the_scope() {
    let scope = Scope::new("around");
    drop(shut_down(&scope));
    let elsewhere = Builder::new_current_thread().build().expect("a runtime");
    let heard = elsewhere.block_on(scope.wait()).expect_err("a release has failed");
    assert_eq!(format!("{heard:#}"), "stage `resource` failed: not released");
}
