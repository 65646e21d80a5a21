//! The semaphore alone: waiters are served in order, and no permit is lost.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle, yield_now};
use towpath_semaphore::{AcquireError, Semaphore, TryAcquireError};

/// The names of the served tasks, in order.
type Line = Arc<Mutex<Vec<&'static str>>>;

/// Spawns a task that enters the wait list for `count` permits, and releases the permits once served.
async fn stand(semaphore: &Semaphore, line: &Line, name: &'static str, count: u32) -> JoinHandle<()> {
    let (semaphore, line) = (semaphore.clone(), Arc::clone(line));
    let task = tokio::spawn(async move {
        let _permit = semaphore.acquire_many(count).await.expect("it is open");
        line.lock().unwrap().push(name);
    });
    yield_now().await;
    task
}

/// Joins a task. On a paused clock, a task that never completes fails the test at once.
async fn soon<T>(task: JoinHandle<T>) -> Result<T, JoinError> {
    let outcome = tokio::time::timeout(Duration::from_secs(10), task).await;
    outcome.expect("the task should not wait forever")
}

fn served(line: &Line) -> Vec<&'static str> {
    line.lock().unwrap().clone()
}

/// Waiters are served in the order of their calls.
#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_the_order_of_their_calls() {
    let (semaphore, line) = (Semaphore::new(1), Line::default());
    let permit = semaphore.acquire().await.expect("it is open");
    let mut tasks = Vec::new();
    for name in ["a", "b", "c", "d"] {
        tasks.push(stand(&semaphore, &line, name, 1).await);
    }
    drop(permit);
    for task in tasks {
        soon(task).await.expect("it does not panic");
    }
    assert_eq!(served(&line), ["a", "b", "c", "d"]);
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (1, 1));
}

/// A released permit belongs to the first waiter, also before the task of the waiter runs.
#[tokio::test(start_paused = true)]
async fn released_permit_is_reserved_for_the_first_waiter() {
    let (semaphore, line) = (Semaphore::new(1), Line::default());
    let permit = semaphore.acquire().await.expect("it is open");
    let first = stand(&semaphore, &line, "first", 1).await;
    drop(permit);
    // The permit belongs to the first waiter, though the task of the waiter has not run since.
    assert_eq!(semaphore.try_acquire().expect_err("it is taken"), TryAcquireError::NoPermits);
    assert_eq!(semaphore.available_permits(), 0);
    let _permit = semaphore.acquire().await.expect("it is open");
    assert_eq!(served(&line), ["first"]);
    soon(first).await.expect("it does not panic");
}

/// A waiter for many permits is not passed over by later calls for a single permit.
#[tokio::test(start_paused = true)]
async fn waiter_for_many_is_not_passed_over_by_smaller_calls() {
    let (semaphore, line) = (Semaphore::new(3), Line::default());
    let permits = [semaphore.acquire().await, semaphore.acquire().await];
    let many = stand(&semaphore, &line, "many", 3).await;
    // A permit is free, and reserved for the waiter.
    assert_eq!(semaphore.try_acquire().expect_err("it is taken"), TryAcquireError::NoPermits);
    let one = stand(&semaphore, &line, "one", 1).await;
    let other = stand(&semaphore, &line, "other", 1).await;
    for permit in permits {
        assert_eq!(served(&line), Vec::<&str>::new());
        drop(permit);
        yield_now().await;
    }
    for task in [many, one, other] {
        soon(task).await.expect("it does not panic");
    }
    assert_eq!(served(&line), ["many", "one", "other"]);
    assert_eq!(semaphore.available_permits(), 3);
}

/// A cancelled waiter leaves the wait list, and the next waiter gets the free permit.
#[tokio::test(start_paused = true)]
async fn cancelled_waiter_leaves_its_share_to_the_next() {
    let (semaphore, line) = (Semaphore::new(3), Line::default());
    let permits = semaphore.acquire_many(2).await.expect("it is open");
    // The free permit is reserved for the first waiter until the waiter is gone.
    let gone = stand(&semaphore, &line, "gone", 3).await;
    let next = stand(&semaphore, &line, "next", 1).await;
    assert_eq!(served(&line), Vec::<&str>::new());
    gone.abort();
    assert!(soon(gone).await.expect_err("it was aborted").is_cancelled());
    soon(next).await.expect("it does not panic");
    assert_eq!(served(&line), ["next"]);
    drop(permits);
    assert_eq!(semaphore.available_permits(), 3);
}

/// If a waiter is cancelled after it was served, the permit goes to the next waiter.
#[tokio::test(start_paused = true)]
async fn permit_of_a_served_cancelled_waiter_goes_to_the_next() {
    let (semaphore, line) = (Semaphore::new(1), Line::default());
    let permit = semaphore.acquire().await.expect("it is open");
    let gone = stand(&semaphore, &line, "gone", 1).await;
    let next = stand(&semaphore, &line, "next", 1).await;
    drop(permit);
    gone.abort();
    assert!(soon(gone).await.expect_err("it was aborted").is_cancelled());
    soon(next).await.expect("it does not panic");
    assert_eq!((served(&line), semaphore.available_permits()), (vec!["next"], 1));
}

/// A close fails all waiting calls and all later calls.
#[tokio::test(start_paused = true)]
async fn close_fails_all_waiting_and_all_later_calls() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.acquire_owned().await.expect("it is open");
    let waiting: Vec<_> = (1..4)
        .map(|count| {
            let semaphore = semaphore.clone();
            tokio::spawn(async move { semaphore.acquire_many_owned(count).await.map(drop) })
        })
        .collect();
    yield_now().await;
    assert!(!semaphore.is_closed());
    semaphore.clone().close();
    for task in waiting {
        assert_eq!(soon(task).await.expect("it does not panic"), Err(AcquireError));
    }
    assert!(semaphore.is_closed());
    drop(permit);
    assert_eq!(semaphore.acquire().await.expect_err("it is closed"), AcquireError);
    assert_eq!(semaphore.try_acquire().expect_err("it is closed"), TryAcquireError::Closed);
    assert_eq!(semaphore.try_acquire_owned().expect_err("it is closed"), TryAcquireError::Closed);
    assert_eq!(AcquireError.to_string(), TryAcquireError::Closed.to_string());
}

/// A semaphore without permits serves its waiter after `add_permits`.
#[tokio::test(start_paused = true)]
async fn add_permits_to_an_empty_semaphore_serves_a_waiter() {
    let (semaphore, line) = (Semaphore::new(0), Line::default());
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (0, 0));
    let waiting = stand(&semaphore, &line, "waiting", 1).await;
    assert_eq!(served(&line), Vec::<&str>::new());
    semaphore.add_permits(2);
    soon(waiting).await.expect("it does not panic");
    assert_eq!(served(&line), ["waiting"]);
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (2, 2));
}

/// `try_acquire_many` takes all permits or none, and a drop releases all.
#[tokio::test(start_paused = true)]
async fn try_acquire_many_takes_all_permits_or_none() {
    let semaphore = Semaphore::new(5);
    let three = semaphore.try_acquire_many(3).expect("there are five");
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (2, 5));
    assert_eq!(semaphore.try_acquire_many(3).expect_err("there are two"), TryAcquireError::NoPermits);
    assert_eq!(semaphore.available_permits(), 2, "all or none");
    drop(three);
    assert_eq!(semaphore.available_permits(), 5);
}

/// An owned permit can be moved into a task, and is released by the drop there.
#[tokio::test(start_paused = true)]
async fn owned_permit_moved_to_a_task_is_released_there() {
    let semaphore = Semaphore::new(4);
    let one = semaphore.acquire_owned().await.expect("it is open");
    let two = semaphore.acquire_many_owned(2).await.expect("it is open");
    let last = semaphore.try_acquire_owned().expect("one is left");
    assert_eq!(semaphore.available_permits(), 0);
    tokio::spawn(async move { drop((one, two)) }).await.expect("it does not panic");
    assert_eq!(semaphore.available_permits(), 3);
    drop(last);
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (4, 4));
}

/// A permit that is made owned is released once.
#[tokio::test(start_paused = true)]
async fn permit_made_owned_is_released_once() {
    let semaphore = Semaphore::new(2);
    let owned = semaphore.acquire().await.expect("it is open").into_owned();
    assert_eq!(semaphore.available_permits(), 1);
    drop(owned);
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (2, 2));
}

/// A task without budget enters the wait list at its first poll.
#[tokio::test(start_paused = true)]
async fn waiter_without_budget_enters_the_wait_list() {
    let (semaphore, line) = (Semaphore::new(1), Line::default());
    // The loop uses up the budget of the task.
    for _ in 0..10_000 {
        drop(semaphore.acquire().await.expect("it is open"));
    }
    let permit = semaphore.acquire().await.expect("it is open");
    let mut second = pin!(semaphore.acquire());
    tokio::select! {
        biased;
        _ = &mut second => panic!("there is one permit, and it is taken"),
        () = yield_now() => {}
    }
    let third = stand(&semaphore, &line, "third", 1).await;
    drop(permit);
    let second = second.await.expect("it is open");
    assert_eq!(served(&line), Vec::<&str>::new());
    drop(second);
    soon(third).await.expect("it does not panic");
}

/// The debug output has the number of free permits and the total.
#[test]
fn debug_of_a_semaphore_shows_the_free_permits() {
    let semaphore = Semaphore::new(3);
    let _permit = semaphore.try_acquire().expect("three are free");
    let told = format!("{semaphore:?}");
    assert!(told.contains("Permits { free: 2, total: 3, .. }"), "{told}");
}
