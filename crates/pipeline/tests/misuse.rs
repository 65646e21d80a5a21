//! Wrong uses, and the messages for them.

use std::time::Duration;

use towpath_pipeline::{Limit, PatternExt, Pipeline, Scope};
use towpath_testkit::panic_of;

#[track_caller]
fn is_refused_at<R>(line: u32, wrong: impl FnOnce() -> R) {
    let (message, place) = panic_of(wrong);
    assert_eq!(message, "a limit of 0 would never run a job; use 1 or more");
    let place = place.expect("a place");
    assert!(place.contains(&format!("misuse.rs:{line}:")), "the panic was at {place}");
}

/// A limit of zero panics in `new` and in `then_stage`, and the location is the line of the caller.
#[test]
fn limit_of_zero_panics_at_the_caller() {
    is_refused_at(line!(), || Pipeline::new(0, |x: u64| async move { Ok(x) }));
    let first = Pipeline::new(1, |x: u64| async move { Ok(x) });
    is_refused_at(line!(), || first.then_stage(0, |x: u64| async move { Ok(x) }));
}

/// A stage whose item type is not the output type of the stage before does not compile, and the error names the types.
#[test]
fn stage_of_another_item_type_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}

/// `Limit::try_from` returns an error for zero.
#[test]
fn limit_from_a_number_is_checked_without_a_panic() {
    assert_eq!(Limit::try_from(3).map(Limit::get), Ok(3));
    let refused = Limit::try_from(0).expect_err("zero is no limit");
    assert_eq!(refused.to_string(), "a limit of 0 would never run a job; use 1 or more");
}

/// A run outside a tokio runtime panics at the caller, and the message has the remedy.
#[test]
fn run_outside_a_runtime_panics_with_advice() {
    let double = Pipeline::new(2, |x: u64| async move { Ok(x * 2) });
    let line = line!() + 1;
    let (message, place) = panic_of(|| double.run([1]));
    assert!(message.starts_with("a run of `stage 1` was started outside a tokio runtime; start it"));
    let place = place.expect("a place");
    assert!(place.contains(&format!("misuse.rs:{line}:")), "the panic was at {place}");
}

/// A deadline on a runtime without timers panics, and the message names the timers.
#[test]
fn deadline_without_timers_panics_with_the_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (message, _) = panic_of(|| {
        runtime.block_on(async {
            let scope = Scope::new("hurried").with_timeout(Duration::from_secs(1));
            Pipeline::new(2, |x: u64| async move { Ok(x * 2) }).run_in(&scope, [1]).collect().await
        })
    });
    assert!(message.contains("timers are disabled"), "{message}");
}

/// A run with the largest limit, capacity and timeout completes.
#[tokio::test]
async fn largest_limit_capacity_and_timeout_run_all_jobs() {
    let scope = Scope::new("patient").with_timeout(Duration::MAX);
    for ordered in [false, true] {
        let pass = Pipeline::new(usize::MAX, |x: u64| async move { Ok(x) }).capacity(usize::MAX);
        let double = pass.then_stage(usize::MAX, |x: u64| async move { Ok(x * 2) });
        let mut double = double.capacity(usize::MAX);
        if ordered {
            double = double.ordered();
        }
        let outputs = double.run_in(&scope, 0..1_000).collect().await.expect("it does not fail");
        assert_eq!(outputs.iter().sum::<u64>(), 999_000);
    }
}

/// A run without items completes without outputs.
#[tokio::test]
async fn run_of_no_items_yields_no_outputs() {
    let outputs = Pipeline::new(1, |x: u64| async move { Ok(x) }).run(Vec::new()).collect().await;
    assert!(outputs.expect("it does not fail").is_empty());
}

/// A stage over elements may start no job or several jobs for an input, so a call would have no output of its own.
#[tokio::test]
async fn stage_over_elements_is_no_service() {
    let double = |x: u64| async move { Ok(x * 2) };
    let stages = Pipeline::new(2, double).then_stage(2, |x: u64| async move { Ok(Some(x)) });
    drop(stages.clone().serve(&Scope::default(), 1));
    let elements = stages.then_each_stage(2, double);
    let (message, _) = panic_of(|| drop(elements.serve(&Scope::default(), 1)));
    assert!(message.contains("a call would have no output of its own"), "{message}");
    let (message, _) = panic_of(|| drop(elements.clone().then_stage(2, double).serve(&Scope::default(), 1)));
    assert!(message.contains("a call would have no output of its own"), "{message}");
}
