//! A job that goes wrong twice: what came first is told as its outcome, and what came later is told, too.

use std::sync::Arc;

use towpath_pattern::{OnFailure, Run, Scope, Settings, Taken, anyhow, result_of};

use crate::{Bomb, Leaves};

/// What the reports of runs of a job that leaves something behind say: their counts, and their failures in order. One
/// is of the job itself, the other of a work that awaits it.
async fn said(on_failure: OnFailure, result: fn() -> anyhow::Result<Bomb>) -> [(String, Vec<String>); 2] {
    let settings = || Settings { on_failure, ..Settings::new("twice", 1) };
    let job = move |_: u32| Leaves::new(result());
    let awaits = move |taken: Taken<u32, Bomb>| async move {
        let (item, begun) = taken.begin();
        begun.end(result_of(job(item)).await)
    };
    let runs = [
        Run::spawn(Scope::default(), vec![0].into(), settings(), Arc::new(job)),
        Run::spawn(Scope::default(), vec![0].into(), settings(), awaits),
    ];
    let mut said = Vec::new();
    for run in runs {
        let report = run.finish().await;
        let failures = report.failures.iter().map(ToString::to_string).collect();
        said.push((report.last().to_string(), failures));
    }
    said.try_into().expect("two")
}

#[tokio::test]
async fn an_output_and_its_future_that_both_panic_as_they_are_dropped_are_both_told() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        for (counts, failures) in said(on_failure, || Ok(Bomb("of the output"))).await {
            assert!(counts.starts_with("1 taken, 1 panicked"), "{on_failure:?}: {counts}");
            let panicked = "item 0 at stage `twice`: panicked: of the ";
            assert_eq!(
                failures,
                [format!("{panicked}future"), format!("{panicked}output")],
                "{on_failure:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_error_is_not_masked_by_a_panic_of_its_future() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        for (counts, failures) in said(on_failure, || Err(anyhow::anyhow!("the error"))).await {
            assert!(counts.starts_with("1 taken, 1 errored"), "{on_failure:?}: {counts}");
            let wanted =
                ["item 0 at stage `twice`: the error", "item 0 at stage `twice`: panicked: of the future"];
            assert_eq!(failures, wanted, "{on_failure:?}");
        }
    }
}

#[tokio::test]
async fn finish_goes_to_the_end_though_outputs_that_it_drops_panic_where_failures_stop_nothing() {
    let settings = Settings { on_failure: OnFailure::Continue, ..Settings::new("twice", 1) };
    let job = |_: u32| async { Ok(Bomb("of the output")) };
    let report = Run::spawn(Scope::default(), (0..100).into(), settings, Arc::new(job)).finish().await;
    assert_eq!((report.last().succeeded, report.failures.len()), (100, 100), "{report}");
}
