//! A rate for every key: the windows of a key, keys that do not wait for each other, forgotten keys, and changes.

mod driver;
mod keys;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use driver::{Stage, assert_windows};
use keys::{Hostile, Mode};
use tokio::time::{Instant, advance};
use towpath_limit::{KeyRatePermit, Limiter, Rate, RatePerKey};

const SECOND: Duration = Duration::from_secs(1);

type Waiting<K> = Pin<Box<dyn Future<Output = anyhow::Result<KeyRatePermit<K>>> + Send>>;

fn poll<K>(waiting: &mut Waiting<K>) -> Poll<KeyRatePermit<K>> {
    let polled = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|permit| permit.expect("a rate refuses nothing"))
}

/// Starts a job of the key if a start is granted at once.
fn starts<F, K>(limiter: &RatePerKey<F, K>, key: u32) -> bool
where
    RatePerKey<F, K>: Limiter<u32, Permit = KeyRatePermit<K>>,
    K: 'static,
{
    let mut waiting: Waiting<K> = Box::pin(limiter.acquire(&key));
    match poll(&mut waiting) {
        Poll::Ready(mut permit) => {
            limiter.started(&mut permit);
            true
        }
        Poll::Pending => false,
    }
}

/// Jobs of any length under generated rates: the windows hold for every key, and equal keys start in input order.
#[tokio::test(start_paused = true)]
async fn windows_of_every_key_hold_in_generated_runs() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (per_second, burst) = (random.u32(1..20), random.usize(1..5));
        let limiter = Rate::per_second(per_second).burst(burst).per_key(|job: &(usize, u64)| job.0);
        let jobs: Vec<_> = (0..150).map(|_| (random.usize(0..4), random.u64(0..300))).collect();
        let abandoned = if seed % 2 == 0 { 0 } else { 20 };
        let stage = Stage { limit: random.usize(1..9), bound: 40, abandoned, seed };
        let events = driver::run(&stage, &limiter, &jobs, |job| Duration::from_millis(job.1)).await;
        for key in 0..4 {
            let of_key = events.iter().filter(|event| event.is_start && jobs[event.index].0 == key);
            let moments: Vec<_> = of_key.map(|event| event.at).collect();
            assert_windows(&moments, per_second, burst);
        }
        let started = driver::started(&events).len();
        assert!(abandoned > 0 || started == jobs.len(), "{started} starts (seed {seed})");
    }
}

/// 25 hosts at 10 per second each, 50 jobs at once: the run is as quick as the most frequent host allows.
#[tokio::test(start_paused = true)]
async fn hosts_do_not_wait_for_each_other() {
    let limiter = Rate::per_second(10).per_key(|host: &usize| *host);
    // The host 0 has a tenth of the pages.
    let mut hosts: Vec<usize> =
        (0..1_000).map(|page| if page % 10 == 0 { 0 } else { 1 + page % 24 }).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut hosts);
    let stage = Stage { limit: 50, bound: 1_000, abandoned: 0, seed: 1 };
    let events = driver::run(&stage, &limiter, &hosts, |_| Duration::from_millis(100)).await;
    let end = events.iter().map(|event| event.at).max().unwrap();
    let pages = u32::try_from(hosts.iter().filter(|host| **host == 0).count()).unwrap();
    let best = (pages - 1) * SECOND / 10 + SECOND / 10;
    assert!(end >= best && end < best * 11 / 10, "{end:?}, and {best:?} is possible");
}

/// A key whose budget is not full is remembered, also while other keys come: a forgotten key could start above its
/// rate.
#[tokio::test(start_paused = true)]
async fn key_is_remembered_until_its_budget_is_full() {
    let limiter = Rate::per_second(1).burst(2).per_key(|key: &u32| *key);
    assert!(starts(&limiter, 0) && starts(&limiter, 0) && !starts(&limiter, 0));
    advance(SECOND).await;
    for other in 1..1_000 {
        assert!(starts(&limiter, other));
    }
    assert!(starts(&limiter, 0) && !starts(&limiter, 0));
    advance(SECOND * 3 / 2).await;
    assert!(starts(&limiter, 0) && !starts(&limiter, 0));
}

/// Keys are forgotten once their budgets are full, by later uses of the limiter.
#[tokio::test(start_paused = true)]
async fn idle_keys_are_forgotten_by_later_uses() {
    let limiter = Rate::per_second(10).burst(3).per_key(|key: &u32| *key);
    for key in 0..10_000 {
        assert!(starts(&limiter, key));
        if key % 3 == 0 {
            assert!(starts(&limiter, key));
        }
    }
    assert_eq!(limiter.keys(), 10_000);
    advance(SECOND / 5).await;
    for _ in 0..1_000 {
        starts(&limiter, 77_777);
    }
    assert_eq!(limiter.keys(), 1);
}

/// A key that becomes idle late does not delay the removal of the other keys.
#[tokio::test(start_paused = true)]
async fn slow_key_keeps_no_other_remembered() {
    let limiter = Rate::per_second(1).burst(1_000).per_key(|key: &u32| *key);
    // Granted first: the key is idle only after the last of the thousand starts.
    let mut permits = Vec::new();
    for _ in 0..1_000 {
        permits.push(limiter.acquire(&0).await.unwrap());
    }
    for permit in &mut permits {
        Limiter::<u32>::started(&limiter, permit);
    }
    for key in 1..1_000 {
        assert!(starts(&limiter, key));
    }
    advance(SECOND).await;
    for _ in 0..200 {
        starts(&limiter, 1);
    }
    assert_eq!(limiter.keys(), 2, "the slow key, and the key of the later uses");
}

/// A key with an item that waits or holds a start is not forgotten.
#[tokio::test(start_paused = true)]
async fn key_in_use_is_not_forgotten() {
    let limiter = Rate::per_second(1).per_key(|key: &u32| *key);
    let mut held: Waiting<u32> = Box::pin(limiter.acquire(&0));
    let Poll::Ready(mut permit) = poll(&mut held) else { panic!("the first start is free") };
    let mut next: Waiting<u32> = Box::pin(limiter.acquire(&0));
    assert!(poll(&mut next).is_pending());
    advance(100 * SECOND).await;
    for key in 1..100 {
        assert!(starts(&limiter, key));
    }
    assert!(poll(&mut next).is_pending(), "the granted start of the key has not started");
    Limiter::<u32>::started(&limiter, &mut permit);
    assert!(poll(&mut next).is_pending());
    advance(SECOND).await;
    assert!(poll(&mut next).is_ready());
}

/// A key that was idle, and is in use again, is not forgotten at the moment that was set for its earlier rest.
#[tokio::test(start_paused = true)]
async fn key_in_use_again_is_not_forgotten() {
    let limiter = Rate::per_second(1).per_key(|key: &u32| *key);
    assert!(starts(&limiter, 0));
    advance(SECOND / 2).await;
    let mut held: Waiting<u32> = Box::pin(limiter.acquire(&0));
    assert!(poll(&mut held).is_pending());
    advance(SECOND).await;
    let Poll::Ready(_permit) = poll(&mut held) else { panic!("the second start is due") };
    for key in 1..100 {
        assert!(starts(&limiter, key));
    }
    assert!(!starts(&limiter, 0), "the granted start of the key has not started");
}

/// A cancelled wait uses no start, and leaves no key.
#[tokio::test(start_paused = true)]
async fn cancelled_wait_leaves_no_key() {
    let limiter = Rate::per_second(1).per_key(|key: &u32| *key);
    for key in 0..1_000 {
        let mut waiting: Waiting<u32> = Box::pin(limiter.acquire(&key));
        drop(poll(&mut waiting));
        drop(waiting);
        drop(limiter.acquire(&key));
    }
    assert_eq!(limiter.keys(), 0);
}

/// A change reaches the keys that are remembered, the items that wait, and the keys to come.
#[tokio::test(start_paused = true)]
async fn change_reaches_every_key() {
    let limiter = Rate::every(3_600 * SECOND).per_key(|key: &u32| *key);
    let tasks: Vec<_> = (0..5)
        .map(|key| {
            assert!(starts(&limiter, key));
            let limiter = limiter.clone();
            tokio::spawn(async move { limiter.acquire(&key).await.map(drop) })
        })
        .collect();
    tokio::task::yield_now().await;
    let begin = Instant::now();
    limiter.set(&Rate::per_second(1).burst(3));
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(begin.elapsed(), SECOND);
    assert!(starts(&limiter, 9) && starts(&limiter, 9) && starts(&limiter, 9) && !starts(&limiter, 9));
}

/// Keys with the same hash have budgets of their own.
#[tokio::test(start_paused = true)]
async fn keys_with_the_same_hash_have_own_budgets() {
    let limiter = Rate::per_second(1).per_key(|id: &u32| Hostile::new(*id, Mode::SameHash));
    for id in 0..20 {
        assert!(starts(&limiter, id) && !starts(&limiter, id));
    }
    assert_eq!(limiter.keys(), 20);
    advance(SECOND).await;
    for id in 0..20 {
        assert!(starts(&limiter, id) && !starts(&limiter, id));
    }
}

/// A call forgets several keys whose drops panic, and resumes a panic. The next call succeeds.
#[tokio::test(start_paused = true)]
async fn panic_in_the_drop_of_a_forgotten_key_loses_nothing() {
    let limiter = Rate::per_second(1)
        .per_key(|id: &u32| Hostile::new(*id, if *id < 5 { Mode::PanicInDrop } else { Mode::SameHash }));
    for id in 0..5 {
        assert!(starts(&limiter, id));
    }
    advance(SECOND).await;
    let forgets = catch_unwind(AssertUnwindSafe(|| starts(&limiter, 7)));
    assert!(forgets.is_err(), "five keys are forgotten, and their drops panic");
    assert_eq!(limiter.keys(), 0);
    assert!(starts(&limiter, 7) && !starts(&limiter, 7));
}

/// A started permit holds no key: the limiter forgets the key during a long job.
#[tokio::test(start_paused = true)]
async fn long_job_keeps_no_key_remembered() {
    let limiter = Rate::per_second(1).per_key(|key: &u32| *key);
    let mut permits = Vec::new();
    for key in 0..100 {
        let mut permit = limiter.acquire(&key).await.unwrap();
        Limiter::<u32>::started(&limiter, &mut permit);
        permits.push(permit);
    }
    advance(SECOND).await;
    for _ in 0..100 {
        starts(&limiter, 100);
    }
    assert_eq!(limiter.keys(), 1);
}

/// A key of a slow rate is forgotten as soon as its budget is full at the new rate.
#[tokio::test(start_paused = true)]
async fn key_is_forgotten_in_time_after_a_change_of_the_rate() {
    let slow = Rate::every(Duration::from_secs(86_400));
    let limiter = slow.clone().per_key(|key: &u32| *key);
    assert!((0..50).all(|key| starts(&limiter, key)));
    limiter.set(&Rate::per_second(10));
    advance(SECOND).await;
    for _ in 0..10 {
        starts(&limiter, 77_777);
    }
    assert_eq!(limiter.keys(), 1);
    limiter.set(&slow);
    advance(SECOND).await;
    assert!(!starts(&limiter, 77_777), "the key is remembered at the slow rate");
}
