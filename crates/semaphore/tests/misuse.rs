//! Wrong uses, and the messages they get.

use std::time::Duration;

use towpath_semaphore::{Limit, PatternExt, Permitted, Scope, Semaphore};
use towpath_testkit::panic_of;

#[test]
fn a_limit_of_zero_panics_where_it_was_written() {
    let pass = Permitted::new(&Semaphore::new(1), |x: u64| async move { Ok(x) });
    let line = line!() + 1;
    let (message, place) = panic_of(|| pass.limit(0));
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
    let double = Permitted::new(&Semaphore::new(2), |x: u64| async move { Ok(x * 2) });
    let (message, _) = panic_of(|| double.run([1]));
    assert!(message.starts_with("a run of `semaphore` was started outside a tokio runtime; start it"));
}

#[test]
fn a_deadline_on_a_runtime_without_timers_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (message, _) = panic_of(|| {
        runtime.block_on(async {
            let scope = Scope::new("hurried").with_timeout(Duration::from_secs(1));
            let pass = Permitted::new(&Semaphore::new(2), |x: u64| async move { Ok(x) });
            pass.run_in(&scope, [1]).collect().await
        })
    });
    assert!(message.contains("timers are disabled"), "{message}");
}

#[tokio::test]
async fn the_most_permits_and_the_largest_limit_and_capacity_are_fine() {
    let scope = Scope::new("patient").with_timeout(Duration::MAX);
    let semaphore = Semaphore::new(usize::MAX);
    assert_eq!(
        (semaphore.permits(), semaphore.available()),
        (Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS)
    );
    let double = Permitted::new(&semaphore, |x: u64| async move { Ok(x * 2) });
    let limited = double.clone().limit(usize::MAX).capacity(usize::MAX);
    for pattern in [double, limited.clone(), limited.ordered()] {
        let outputs = pattern.run_in(&scope, 0..1_000).collect().await.expect("it does not fail");
        assert_eq!(outputs.iter().sum::<u64>(), 999_000);
    }
    assert_eq!(semaphore.available(), Semaphore::MAX_PERMITS);
}

#[tokio::test]
async fn more_permits_than_there_is_room_for_are_not_added() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS - 2);
    let permit = semaphore.acquire().await.expect("it is open");
    for more in [1, 5, usize::MAX] {
        semaphore.add_permits(more);
    }
    assert_eq!(semaphore.permits(), Semaphore::MAX_PERMITS);
    drop(permit);
    assert_eq!(semaphore.available(), Semaphore::MAX_PERMITS);
}

#[tokio::test]
async fn no_items_are_no_outputs_and_want_no_permit() {
    let pass = Permitted::new(&Semaphore::new(0), |x: u64| async move { Ok(x) });
    let outputs = pass.run(Vec::new()).collect().await;
    assert!(outputs.expect("it does not fail").is_empty());
}
