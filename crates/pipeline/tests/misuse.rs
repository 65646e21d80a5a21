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

#[test]
fn a_limit_of_zero_panics_where_it_was_written() {
    is_refused_at(line!(), || Pipeline::new(0, |x: u64| async move { Ok(x) }));
    let first = Pipeline::new(1, |x: u64| async move { Ok(x) });
    is_refused_at(line!(), || first.then_stage(0, |x: u64| async move { Ok(x) }));
}

#[test]
fn a_stage_that_does_not_take_what_the_one_before_makes_is_refused_with_a_reason() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}

#[test]
fn a_limit_known_at_run_time_is_checked_without_a_panic() {
    assert_eq!(Limit::try_from(3).map(Limit::get), Ok(3));
    let refused = Limit::try_from(0).expect_err("zero is no limit");
    assert_eq!(refused.to_string(), "a limit of 0 would never run a job; use 1 or more");
}

#[test]
fn a_run_outside_a_runtime_says_what_to_do() {
    let double = Pipeline::new(2, |x: u64| async move { Ok(x * 2) });
    let line = line!() + 1;
    let (message, place) = panic_of(|| double.run([1]));
    assert!(message.starts_with("a run of `stage 1` was started outside a tokio runtime; start it"));
    let place = place.expect("a place");
    assert!(place.contains(&format!("misuse.rs:{line}:")), "the panic was at {place}");
}

#[test]
fn a_deadline_on_a_runtime_without_timers_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (message, _) = panic_of(|| {
        runtime.block_on(async {
            let scope = Scope::new("hurried").with_timeout(Duration::from_secs(1));
            Pipeline::new(2, |x: u64| async move { Ok(x * 2) }).run_in(&scope, [1]).collect().await
        })
    });
    assert!(message.contains("timers are disabled"), "{message}");
}

#[tokio::test]
async fn the_largest_limit_capacity_and_timeout_are_fine() {
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

#[tokio::test]
async fn no_items_are_no_outputs() {
    let outputs = Pipeline::new(1, |x: u64| async move { Ok(x) }).run(Vec::new()).collect().await;
    assert!(outputs.expect("it does not fail").is_empty());
}
