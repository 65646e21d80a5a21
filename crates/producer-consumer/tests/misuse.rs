//! Wrong uses, and the messages they get.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Mutex};

use towpath_producer_consumer::{PatternExt, ProducerConsumer, Producers, Put};

/// The message and the place of the panic that `wrong` makes.
fn panic_of<R>(wrong: impl FnOnce() -> R) -> (String, Option<String>) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    let place = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&place);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        *seen.lock().unwrap() = info.location().map(Location::to_string);
    }));
    let caught = catch_unwind(AssertUnwindSafe(|| drop(wrong())));
    std::panic::set_hook(before);
    let payload = caught.expect_err("it should panic");
    let message = payload.downcast_ref::<String>().cloned();
    let message = message.or_else(|| payload.downcast_ref::<&str>().map(|message| (*message).to_owned()));
    (message.expect("a message"), place.lock().unwrap().take())
}

fn counting(limit: usize) -> Producers<u64, u64> {
    ProducerConsumer::producers(limit, |to: u64, queue: Put<u64>| async move {
        for item in 0..to {
            queue.put(item).await?;
        }
        Ok(())
    })
}

#[test]
fn a_limit_of_zero_panics_where_it_was_written() {
    let wrong: [(u32, fn()); 3] = [
        (line!(), || drop(ProducerConsumer::producers(0, |_: u64, _: Put<u64>| async move { Ok(()) }))),
        (line!(), || drop(counting(1).consumers(0, |item: u64| async move { Ok(item) }))),
        (line!(), || drop(counting(1).consumers_that_put(0, |item: u64, _| async move { Ok(item) }))),
    ];
    for (line, wrong) in wrong {
        let (message, place) = panic_of(wrong);
        assert_eq!(message, "a limit of 0 would never run a job; use 1 or more");
        let place = place.expect("a place");
        assert!(
            place.contains(&format!("misuse.rs:{line}:")),
            "the panic was at {place}, not in line {line}"
        );
    }
}

#[test]
fn a_run_outside_a_runtime_says_what_to_do() {
    let both = counting(1).consumers(1, |item: u64| async move { Ok(item) });
    let (message, _) = panic_of(|| both.run([1]));
    assert!(message.starts_with("a run of `producers` was started outside a tokio runtime; start it"));
}

#[tokio::test]
async fn the_largest_limits_and_capacity_are_fine() {
    let both = counting(usize::MAX).consumers(usize::MAX, |item: u64| async move { Ok(item) });
    let outputs = both.capacity(usize::MAX).run([1_000, 1_000]).collect().await.expect("it does not fail");
    assert_eq!(outputs.iter().sum::<u64>(), 999_000);
}

#[tokio::test]
async fn no_inputs_are_no_outputs() {
    let both = counting(1).consumers(1, |item: u64| async move { Ok(item) });
    assert!(both.run([]).collect().await.expect("it does not fail").is_empty());
    assert!(both.run([0, 0]).collect().await.expect("it does not fail").is_empty(), "nothing was put");
}
