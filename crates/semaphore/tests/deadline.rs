//! The deadline of a scope stops a loop with a free permit in every round.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::advance;
use towpath_semaphore::{Scope, Semaphore};

/// The rounds of a loop, which take far longer than the time to the deadline.
const PERMITS: usize = 1_000_000;

const AWAY: Duration = Duration::from_millis(2);

async fn stopped_at_the_deadline(owned: bool, paused: bool) -> bool {
    let (scope, permits) = (Scope::new("limited").with_timeout(AWAY), Semaphore::new(1));
    scope.spawn("always ready", async move {
        for _ in 0..PERMITS {
            if owned {
                drop(permits.acquire_owned().await?);
            } else {
                drop(permits.acquire().await?);
            }
        }
        Ok(())
    });
    if paused {
        // The clock advances in a task of its own, because a paused clock stands still while a task is ready.
        tokio::spawn(advance(AWAY));
    }
    scope.wait().await.is_err_and(|failure| failure.is_cancelled())
}

/// A loop with a free permit in every round is stopped at the deadline, on a runtime of one thread.
#[test]
fn acquire_loop_at_the_deadline_is_stopped_on_one_thread() {
    for owned in [false, true] {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        assert!(runtime.block_on(stopped_at_the_deadline(owned, true)), "owned: {owned}");
    }
}

/// A loop with a free permit in every round is stopped at the deadline, on a runtime of two threads.
#[test]
fn acquire_loop_at_the_deadline_is_stopped_on_two_threads() {
    for owned in [false, true] {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        assert!(runtime.block_on(stopped_at_the_deadline(owned, false)), "owned: {owned}");
    }
}
