//! A runtime without timers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use towpath_pattern::{PatternExt, Scope};
use towpath_testkit::Case;

use crate::child::in_child;
use crate::patterns;

fn without_timers() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut kind| kind.build().expect("a runtime"))
}

async fn pass(item: usize) -> anyhow::Result<usize> {
    tokio::task::yield_now().await;
    Ok(item)
}

#[test]
fn without_a_deadline_no_pattern_needs_a_timer() {
    let child = in_child("timers::without_a_deadline_no_pattern_needs_a_timer", || {
        for runtime in without_timers() {
            for patterns::Named { name, pattern } in patterns::all(Case::new(4), &pass) {
                let outputs = runtime.block_on(async { pattern.run(0..1_000).collect().await });
                assert_eq!(outputs.expect("nothing fails").len(), 1_000, "{name}");
            }
        }
    });
    child.well();
}

#[test]
fn with_a_deadline_the_start_says_that_there_is_no_timer() {
    let child = in_child("timers::with_a_deadline_the_start_says_that_there_is_no_timer", || {
        for runtime in without_timers() {
            for patterns::Named { name, pattern } in patterns::all(Case::new(4), &pass) {
                let scope = Scope::new("timers").with_timeout(Duration::from_secs(1));
                let entered = runtime.enter();
                let started = catch_unwind(AssertUnwindSafe(|| drop(pattern.run_in(&scope, 0..10))));
                drop(entered);
                let panic = started.expect_err("there is no timer");
                let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                assert!(message.contains("timers are disabled"), "{name}: {message}");
                runtime.block_on(scope.wait()).expect("nothing began");
            }
        }
    });
    child.well();
}
