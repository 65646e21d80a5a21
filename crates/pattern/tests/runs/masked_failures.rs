//! A job with two failures: the first failure is the outcome of the job, and the later failure is reported, too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use towpath_pattern::{OnFailure, Run, Scope, Settings, Source, Taken, anyhow, drive_job};

use crate::{Bomb, Leaves};

/// The reports of two runs of one job: their counts, and their failures in order. The first run has the job itself. The
/// second run has a work that awaits the job.
async fn said<Out, Fut>(on_failure: OnFailure, job: fn() -> Fut) -> [(String, Vec<String>); 2]
where
    Out: Send + 'static,
    Fut: Future<Output = anyhow::Result<Out>> + Send + 'static,
{
    let settings = || Settings::new("twice", 1).on_failure(on_failure);
    let awaits = move |taken: Taken<u32, Out>| async move {
        let (_, running) = taken.start();
        let result = drive_job(job(), |cause| running.report(cause)).await;
        running.complete(result)
    };
    let runs = [
        Run::spawn(Scope::default(), Source::new(vec![0]), settings(), Arc::new(move |_: u32| job())),
        Run::spawn(Scope::default(), Source::new(vec![0]), settings(), awaits),
    ];
    let mut said = Vec::new();
    for run in runs {
        let report = run.finish().await;
        let failures = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
        said.push((report.last().to_string(), failures));
    }
    said.try_into().expect("two")
}

#[tokio::test]
async fn panics_of_an_output_and_of_its_future_are_both_reported() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        for (counts, failures) in said(on_failure, || Leaves::new(Ok(Bomb("of the output")))).await {
            assert!(counts.starts_with("1 taken, 1 panicked"), "{on_failure:?}: {counts}");
            let wanted =
                ["item 0 at stage `twice` panicked: of the future", "stage `twice` panicked: of the output"];
            assert_eq!(failures, wanted, "{on_failure:?}");
        }
    }
}

#[tokio::test]
async fn error_is_not_masked_by_a_panic_of_its_future() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        let fails = || Leaves::new(Err::<u32, _>(anyhow::anyhow!("the error")));
        for (counts, failures) in said(on_failure, fails).await {
            assert!(counts.starts_with("1 taken, 1 errored"), "{on_failure:?}: {counts}");
            let wanted =
                ["item 0 at stage `twice` failed: the error", "stage `twice` panicked: of the future"];
            assert_eq!(failures, wanted, "{on_failure:?}");
        }
    }
}

/// Panics in its poll, and again in its drop.
struct Panics {
    _later: Bomb,
}

impl Future for Panics {
    type Output = anyhow::Result<u32>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        panic!("of the job");
    }
}

#[tokio::test]
async fn job_that_panics_twice_is_reported_twice() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        for (counts, failures) in said(on_failure, || Panics { _later: Bomb("of the future") }).await {
            assert!(counts.starts_with("1 taken, 1 panicked"), "{on_failure:?}: {counts}");
            let wanted =
                ["item 0 at stage `twice` panicked: of the job", "stage `twice` panicked: of the future"];
            assert_eq!(failures, wanted, "{on_failure:?}");
        }
    }
}

/// A future that panics in its drop, even after its completion.
struct Loud<F> {
    future: Pin<Box<F>>,
    _later: Bomb,
}

impl<F: Future> Future for Loud<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(cx)
    }
}

#[tokio::test]
async fn job_and_work_with_panicking_drops_have_one_outcome() {
    for result in [|| Ok(1), || Err(anyhow::anyhow!("the error"))] {
        let work = move |taken: Taken<u32, u32>| {
            let future = async move {
                let (_, running) = taken.start();
                let result = drive_job(Leaves::new(result()), |cause| running.report(cause)).await;
                running.complete(result)
            };
            Loud { future: Box::pin(future), _later: Bomb("of the work") }
        };
        let settings = Settings::new("twice", 1).on_failure(OnFailure::Continue);
        let run = Run::spawn(Scope::default(), Source::new(vec![0]), settings, work);
        let (outcomes, report) = run.outcomes().await;
        assert_eq!((outcomes.len(), report.last().delivered), (1, 1), "{report}");
        let first = format!("{:#}", outcomes[0].as_ref().expect_err("both fail"));
        let mut told: Vec<_> =
            [first].into_iter().chain(report.failures.iter().map(|failure| format!("{failure:#}"))).collect();
        if result().is_err() {
            assert_eq!(told.remove(0), "item 0 at stage `twice` failed: the error");
        }
        assert!(
            told.len() == 2 && told[0].ends_with("of the future") && told[1].ends_with("of the work"),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn finish_with_panicking_outputs_reaches_the_end() {
    let settings = Settings::new("twice", 1).on_failure(OnFailure::Continue);
    let job = |_: u32| async { Ok(Bomb("of the output")) };
    let report = Run::spawn(Scope::default(), Source::new(0..100), settings, Arc::new(job)).finish().await;
    assert_eq!((report.last().succeeded, report.failures.len()), (100, 100), "{report}");
}

#[tokio::test]
async fn and_is_stopped_by_one_where_failures_stop() {
    let job = |_: u32| async { Ok(Bomb("of the output")) };
    let run = Run::spawn(Scope::default(), Source::new(0..), Settings::new("twice", 1), Arc::new(job));
    let report = run.finish().await;
    assert_eq!(format!("{:#}", report.failures[0]), "stage `twice` panicked: of the output", "{report}");
}
