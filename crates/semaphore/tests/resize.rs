//! `Semaphore::resize`: exact in both directions, with permits taken, waiters in order, and cancelled waits.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, RwLock};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};
use towpath_semaphore::{
    AcquireError, OwnedSemaphorePermit, PatternExt, Semaphore, SemaphorePermit, TryAcquireError, WithPermit,
};

type Acquiring<'a> = Pin<Box<dyn Future<Output = Result<SemaphorePermit<'a>, AcquireError>> + 'a>>;

/// Returns a call that has entered the wait list.
fn stand(semaphore: &Semaphore, count: u32) -> Acquiring<'_> {
    let mut acquiring: Acquiring<'_> = Box::pin(semaphore.acquire_many(count));
    assert!(now(&mut acquiring).is_none(), "there should be too few permits");
    acquiring
}

fn now<'a>(acquiring: &mut Acquiring<'a>) -> Option<SemaphorePermit<'a>> {
    match acquiring.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(permit) => Some(permit.expect("it is open")),
        Poll::Pending => None,
    }
}

/// Takes `count` permits, one by one.
fn taken(semaphore: &Semaphore, count: usize) -> Vec<SemaphorePermit<'_>> {
    (0..count).map(|_| semaphore.try_acquire().expect("it is free")).collect()
}

fn numbers(semaphore: &Semaphore) -> (usize, usize) {
    (semaphore.available_permits(), semaphore.total_permits())
}

/// A resize changes the free permits at once if enough are free.
#[test]
fn resize_with_free_permits_takes_effect_at_once() {
    let semaphore = Semaphore::new(5);
    let _taken = taken(&semaphore, 2);
    for total in [2, 9, 3, 3, 5] {
        semaphore.resize(total);
        assert_eq!(numbers(&semaphore), (total - 2, total));
    }
}

/// After a shrink below the taken permits, no permit is acquired until fewer than the new total are taken.
#[test]
fn shrink_below_the_taken_waits_for_releases() {
    let semaphore = Semaphore::new(6);
    let mut out = taken(&semaphore, 5);
    semaphore.resize(2);
    let mut first = stand(&semaphore, 1);
    let mut second = stand(&semaphore, 1);
    while out.len() >= 2 {
        assert_eq!(numbers(&semaphore), (0, 2));
        assert_eq!(semaphore.try_acquire().expect_err("too many are out"), TryAcquireError::NoPermits);
        assert!(now(&mut first).is_none() && now(&mut second).is_none(), "{} are out", out.len());
        out.pop();
    }
    let _first = now(&mut first).expect("one of two is out");
    assert!(now(&mut second).is_none());
    out.pop();
    drop(now(&mut second).expect("one of two is out"));
    assert_eq!(numbers(&semaphore), (1, 2));
}

/// Without a waiter, too, the released permits are removed first.
#[test]
fn released_permit_above_the_total_is_not_free() {
    let semaphore = Semaphore::new(3);
    let mut out = taken(&semaphore, 3);
    semaphore.resize(1);
    for free in [0, 0, 1] {
        out.pop();
        assert_eq!(numbers(&semaphore), (free, 1));
        assert_eq!(semaphore.try_acquire().is_ok(), free == 1);
    }
}

/// A growth serves the waiters in the order of their calls, and no waiter behind a larger call.
#[test]
fn growth_serves_waiters_in_order() {
    let semaphore = Semaphore::new(1);
    let _out = taken(&semaphore, 1);
    let mut waiting: Vec<_> = [1, 3, 1].map(|count| stand(&semaphore, count)).into();
    semaphore.resize(4);
    let served: Vec<_> = waiting.iter_mut().map(now).collect();
    assert_eq!(served.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    semaphore.resize(6);
    let later: Vec<_> = waiting[1..].iter_mut().map(now).collect();
    assert!(later.iter().all(Option::is_some));
    assert_eq!(numbers(&semaphore), (0, 6));
}

/// A growth after a shrink counts the permits that are still taken.
#[test]
fn growth_after_a_shrink_counts_the_taken_permits() {
    let semaphore = Semaphore::new(4);
    let out = taken(&semaphore, 4);
    semaphore.resize(0);
    semaphore.resize(3);
    assert_eq!(numbers(&semaphore), (0, 3));
    semaphore.resize(5);
    assert_eq!(numbers(&semaphore), (1, 5));
    semaphore.resize(1);
    semaphore.add_permits(1);
    assert_eq!(numbers(&semaphore), (0, 2));
    drop(out);
    assert_eq!(numbers(&semaphore), (2, 2));
}

/// A waiter that is cancelled while released permits are removed changes nothing for the other waiters.
#[test]
fn cancelled_waiter_during_a_shrink_costs_no_permit() {
    let semaphore = Semaphore::new(3);
    let mut out = taken(&semaphore, 3);
    semaphore.resize(1);
    let gone = stand(&semaphore, 1);
    let mut next = stand(&semaphore, 1);
    out.pop();
    drop(gone);
    assert!(now(&mut next).is_none(), "two of one are out");
    out.pop();
    drop(stand(&semaphore, 1));
    assert!(now(&mut next).is_none(), "one of one is out");
    out.pop();
    drop(now(&mut next).expect("none is out"));
    assert_eq!(numbers(&semaphore), (1, 1));
}

/// A shrink below a call for many permits leaves the call in front, until a growth.
#[test]
fn call_above_a_shrunk_total_is_served_after_a_growth() {
    let semaphore = Semaphore::new(3);
    let out = taken(&semaphore, 1);
    let mut many = stand(&semaphore, 3);
    let mut one = stand(&semaphore, 1);
    semaphore.resize(2);
    drop(out);
    assert!(now(&mut many).is_none() && now(&mut one).is_none(), "the larger call is first");
    semaphore.resize(3);
    drop(now(&mut many).expect("three are free"));
    drop(now(&mut one).expect("it is its turn"));
    assert_eq!(numbers(&semaphore), (3, 3));
}

/// A closed semaphore can be resized, and still counts its permits.
#[test]
fn closed_semaphore_counts_permits_after_a_shrink() {
    let semaphore = Semaphore::new(2);
    let mut out = taken(&semaphore, 2);
    semaphore.resize(1);
    semaphore.close();
    for free in [0, 1] {
        out.pop();
        assert_eq!(numbers(&semaphore), (free, 1));
    }
    assert_eq!(semaphore.try_acquire().expect_err("it is closed"), TryAcquireError::Closed);
}

/// A resize above the maximum panics and changes nothing. The maximum itself is allowed.
#[test]
fn resize_above_the_maximum_panics() {
    let semaphore = Semaphore::new(2);
    let resize = std::panic::AssertUnwindSafe(|| semaphore.resize(Semaphore::MAX_PERMITS + 1));
    let payload = std::panic::catch_unwind(resize).expect_err("it is too many");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.ends_with(&format!("cannot be resized to {}", Semaphore::MAX_PERMITS + 1)), "{message}");
    assert_eq!(numbers(&semaphore), (2, 2));
    let out = taken(&semaphore, 2);
    for total in [Semaphore::MAX_PERMITS, 0, Semaphore::MAX_PERMITS] {
        semaphore.resize(total);
    }
    assert_eq!(numbers(&semaphore), (Semaphore::MAX_PERMITS - 2, Semaphore::MAX_PERMITS));
    drop(out);
    assert_eq!(numbers(&semaphore), (Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS));
}

/// The number of jobs at once follows the total: no job runs at a total of zero, and never more jobs run than the
/// total.
#[tokio::test(start_paused = true)]
async fn run_follows_the_resizes_of_its_semaphore() {
    let semaphore = Semaphore::new(4);
    let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = Arc::clone(&peak);
    let work = WithPermit::new(8, &semaphore, move |n: u64| {
        let (running, highest) = (Arc::clone(&running), Arc::clone(&highest));
        async move {
            highest.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            sleep(Duration::from_secs(1)).await;
            running.fetch_sub(1, SeqCst);
            Ok(n)
        }
    });
    let run = tokio::spawn(work.run(0..100).collect());
    for (total, seconds) in [(4, 3), (0, 3), (8, 2), (1, 4), (3, 3)] {
        semaphore.resize(total);
        // The jobs of the earlier total are over after a second.
        sleep(Duration::from_millis(1_500)).await;
        peak.store(0, SeqCst);
        sleep(Duration::from_secs(seconds)).await;
        assert_eq!(peak.load(SeqCst), total, "jobs at once");
    }
    let all = timeout(Duration::from_secs(1_000), run).await.expect("it ends").expect("it does not panic");
    assert_eq!(all.expect("no job fails").len(), 100);
    assert_eq!(numbers(&semaphore), (3, 3));
}

/// Thousands of resizes between acquisitions, releases and cancelled waits agree with a model of two counts and a list.
#[test]
fn thousands_of_resizes_agree_with_two_counts_and_a_list() {
    let (mut dice, mut shrunk) = (Rng::with_seed(7), 0);
    for _ in 0..200 {
        let semaphore = Semaphore::new(2);
        let mut waiting: VecDeque<(usize, Acquiring<'_>)> = VecDeque::new();
        let (mut total, mut held): (usize, Vec<(usize, SemaphorePermit<'_>)>) = (2, Vec::new());
        for _ in 0..100 {
            let out: usize = held.iter().map(|held| held.0).sum();
            match dice.usize(..6) {
                0 | 1 => {
                    total = dice.usize(..6);
                    shrunk += usize::from(total < out);
                    semaphore.resize(total);
                }
                2 => {
                    let count = 1 + dice.usize(..3);
                    let mut acquiring: Acquiring<'_> =
                        Box::pin(semaphore.acquire_many(u32::try_from(count).expect("small")));
                    let free = waiting.is_empty() && out + count <= total;
                    let permit = now(&mut acquiring);
                    assert_eq!(permit.is_some(), free, "{count} of {total}, {out} are out");
                    match permit {
                        Some(permit) => held.push((count, permit)),
                        None => waiting.push_back((count, acquiring)),
                    }
                }
                3 if !waiting.is_empty() => drop(waiting.remove(dice.usize(..waiting.len()))),
                4 | 5 if !held.is_empty() => drop(held.swap_remove(dice.usize(..held.len()))),
                _ => {}
            }
            let mut out: usize = held.iter().map(|held| held.0).sum();
            while waiting.front().is_some_and(|first| out + first.0 <= total) {
                let (count, mut acquiring) = waiting.pop_front().expect("it is there");
                held.push((count, now(&mut acquiring).expect("it is its turn")));
                out += count;
            }
            assert!(waiting.iter_mut().all(|waiting| now(&mut waiting.1).is_none()), "too early");
            let free = if waiting.is_empty() { total.saturating_sub(out) } else { 0 };
            assert_eq!(numbers(&semaphore), (free, total));
        }
    }
    assert!(shrunk > 500, "{shrunk} of the resizes were below the taken permits");
}

/// While a thread resizes the semaphore thousands of times, no acquisition exceeds the total in force.
#[test]
fn acquisition_during_resizes_never_exceeds_the_total() {
    const RESIZES: usize = 5_000;
    let (semaphore, held, over) = (Semaphore::new(3), AtomicUsize::new(0), AtomicBool::new(false));
    // An acquisition holds the read lock, and a resize holds the write lock: the total in force cannot change between
    // the acquisition and its check.
    let total = RwLock::new(3);
    thread::scope(|scope| {
        for seed in 0..3 {
            let (semaphore, held, over, total) = (&semaphore, &held, &over, &total);
            scope.spawn(move || {
                let (mut dice, mut kept) = (Rng::with_seed(seed), Vec::new());
                while !over.load(SeqCst) {
                    let in_force = total.read().unwrap();
                    if let Ok(permit) = semaphore.try_acquire() {
                        let before = held.fetch_add(1, SeqCst);
                        assert!(before < *in_force, "{before} were held of {in_force}");
                        kept.push(permit);
                    }
                    drop(in_force);
                    if kept.len() > dice.usize(..3) {
                        held.fetch_sub(1, SeqCst);
                        kept.pop();
                    }
                }
                held.fetch_sub(kept.len(), SeqCst);
            });
        }
        let mut dice = Rng::with_seed(11);
        for _ in 0..RESIZES {
            let mut in_force = total.write().unwrap();
            *in_force = dice.usize(..5);
            semaphore.resize(*in_force);
        }
        over.store(true, SeqCst);
    });
    let total = *total.read().unwrap();
    assert_eq!((held.load(SeqCst), numbers(&semaphore)), (0, (total, total)));
}

/// Tasks that wait, cancel their wait and release on four threads lose no permit and no wake-up to thousands of resizes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waits_during_resizes_lose_no_permit_or_wake_up() {
    let semaphore = Semaphore::new(4);
    let mut tasks = JoinSet::new();
    for seed in 0..16 {
        let semaphore = semaphore.clone();
        tasks.spawn(async move {
            let mut dice = Rng::with_seed(seed);
            for _ in 0..500 {
                let count = u32::try_from(1 + dice.usize(..3)).expect("small");
                let acquiring = semaphore.acquire_many_owned(count);
                let permit: Option<OwnedSemaphorePermit> = if dice.usize(..4) == 0 {
                    tokio::select! {
                        biased;
                        permit = acquiring => Some(permit.expect("it is open")),
                        () = yield_now() => None,
                    }
                } else {
                    Some(acquiring.await.expect("it is open"))
                };
                if dice.usize(..2) == 0 {
                    yield_now().await;
                }
                drop(permit);
            }
        });
    }
    let mut dice = Rng::with_seed(99);
    for _ in 0..3_000 {
        semaphore.resize(dice.usize(..6));
        yield_now().await;
    }
    semaphore.resize(3);
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            ended.expect("it does not panic");
        }
    };
    timeout(Duration::from_secs(60), all).await.expect("a wait never ends");
    assert_eq!(numbers(&semaphore), (3, 3));
}
