//! Wrong uses, and the messages for them.

use std::time::Duration;

use towpath_fanout::{Fanout, Limit, PatternExt, Scope};
use towpath_testkit::panic_of;

#[test]
fn a_limit_of_zero_panics_where_it_was_written() {
    let line = line!() + 1;
    let (message, place) = panic_of(|| Fanout::new(0, |x: u64| async move { Ok(x) }));
    assert_eq!(message, "a limit of 0 would never run a job; use 1 or more");
    let place = place.expect("a place");
    assert!(place.contains(&format!("misuse.rs:{line}:")), "the panic was at {place}");
}

#[test]
fn a_limit_known_at_run_time_is_checked_without_a_panic() {
    assert_eq!(Limit::try_from(3).map(Limit::get), Ok(3));
    let refused = Limit::try_from(0).expect_err("zero is no limit");
    assert_eq!(refused.to_string(), "a limit of 0 would never run a job; use 1 or more");
}

#[test]
fn a_run_outside_a_runtime_says_what_to_do() {
    let double = Fanout::new(2, |x: u64| async move { Ok(x * 2) });
    let line = line!() + 1;
    let (message, place) = panic_of(|| double.run([1]));
    assert!(message.starts_with("a run of `fanout` was started outside a tokio runtime; start it"));
    let place = place.expect("a place");
    assert!(place.contains(&format!("misuse.rs:{line}:")), "the panic was at {place}");
}

#[test]
fn a_deadline_on_a_runtime_without_timers_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (message, _) = panic_of(|| {
        runtime.block_on(async {
            let scope = Scope::new("hurried").with_timeout(Duration::from_secs(1));
            Fanout::new(2, |x: u64| async move { Ok(x * 2) }).run_in(&scope, [1]).collect().await
        })
    });
    assert!(message.contains("timers are disabled"), "{message}");
}

#[tokio::test]
async fn the_largest_limit_capacity_and_timeout_are_fine() {
    let scope = Scope::new("patient").with_timeout(Duration::MAX);
    for ordered in [false, true] {
        let mut double = Fanout::new(usize::MAX, |x: u64| async move { Ok(x * 2) }).capacity(usize::MAX);
        if ordered {
            double = double.ordered();
        }
        let outputs = double.run_in(&scope, 0..1_000).collect().await.expect("it does not fail");
        assert_eq!(outputs.iter().sum::<u64>(), 999_000);
    }
}

#[tokio::test]
async fn no_items_are_no_outputs() {
    let outputs = Fanout::new(1, |x: u64| async move { Ok(x) }).run(Vec::new()).collect().await;
    assert!(outputs.expect("it does not fail").is_empty());
}
