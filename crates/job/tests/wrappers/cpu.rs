//! Closures that compute.

use std::panic::panic_any;
use std::sync::Arc;

use rayon::ThreadPoolBuilder;
use towpath_fanout::{Fanout, Job, OnFailure, PatternExt, Scope, anyhow};
use towpath_job::cpu;

use crate::blocking::gate;
use crate::{is_pending, settle};

#[tokio::test]
async fn computation_returns_its_output_or_error() {
    let job = cpu(|x: u64| if x == 7 { anyhow::bail!("seven") } else { Ok((0..x).sum::<u64>()) });
    let report = Fanout::new(2, job.clone()).on_failure(OnFailure::Continue).run([3, 7]).finish().await;
    assert_eq!((report.last().succeeded, report.last().errored), (1, 1));
    assert_eq!(Fanout::new(2, job).ordered().run([3, 4]).collect().await.expect("no failure"), [3, 6]);
}

/// The computation runs on a thread of rayon.
#[tokio::test]
async fn computation_runs_on_a_thread_of_rayon() {
    let job = cpu(|_: u64| Ok(rayon::current_thread_index().is_some()));
    assert!(job.call(1).await.expect("no failure"));
}

/// A pool that is passed to `on` runs the closures on its own threads.
#[tokio::test]
async fn computation_on_a_pool_runs_on_its_threads() {
    let pool = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "digests".to_owned()).build().unwrap();
    let job = cpu(|_: u64| Ok(std::thread::current().name().map(str::to_owned))).on(Arc::new(pool));
    assert_eq!(job.call(1).await.expect("no failure").as_deref(), Some("digests"));
}

#[tokio::test]
async fn panic_of_a_computation_keeps_its_payload() {
    let job = cpu(|x: u64| -> anyhow::Result<()> { panic_any(x) });
    let error = tokio::spawn(async move { job.call(7).await }).await.expect_err("a panic");
    assert_eq!(error.into_panic().downcast_ref::<u64>(), Some(&7));
}

#[tokio::test]
async fn stopped_run_waits_for_a_started_computation() {
    let (gate, starts, release) = gate();
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    let job = cpu(move |item: u64| {
        gate.pass(item);
        Ok(())
    });
    let scope = Scope::new("digests");
    let run = Fanout::new(2, job.on(pool)).run_in(&scope, [1, 2]);
    settle().await;
    assert_eq!(starts.recv(), Ok(1));
    scope.cancel();
    let mut end = Box::pin(run.finish());
    assert!(is_pending(&mut end).await, "the computation runs");
    release.send(()).expect("the computation waits");
    assert_eq!(end.await.last().cancelled, 2);
    assert!(starts.try_recv().is_err(), "the second computation never starts");
}
