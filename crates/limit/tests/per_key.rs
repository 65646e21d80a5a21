//! Equal keys: the number of jobs at once, the input order, cancelled waits, and keys whose code panics or calls back.

mod driver;
mod keys;

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use driver::{Stage, peak, started};
use keys::{Hostile, Mode};
use towpath_limit::{KeyPermit, Limiter, PerKey, per_key};

type Waiting<K> = Pin<Box<dyn Future<Output = anyhow::Result<KeyPermit<K>>> + Send>>;

fn poll<K>(waiting: &mut Waiting<K>) -> Poll<KeyPermit<K>> {
    let polled = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|permit| permit.expect("the limiter refuses nothing"))
}

/// Polls a wait that must have a permit.
fn granted<K>(waiting: &mut Waiting<K>) -> KeyPermit<K> {
    match poll(waiting) {
        Poll::Ready(permit) => permit,
        Poll::Pending => panic!("the permit is not granted"),
    }
}

fn jobs(seed: u64, number: usize, keys: u32) -> Vec<(u32, Duration)> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..number).map(|_| (random.u32(0..keys), Duration::from_millis(random.u64(0..40)))).collect()
}

/// With a limit of 1, equal keys start strictly in input order, for jobs of any length, and also if waits are dropped.
#[tokio::test(start_paused = true)]
async fn equal_keys_run_in_input_order() {
    for seed in 0..10 {
        let keys = [1, 11, 21, 31, 41][usize::try_from(seed % 5).unwrap()];
        let jobs = jobs(seed, 300, keys);
        let limiter = per_key(1, |job: &(u32, Duration)| job.0);
        let abandoned = if seed % 2 == 0 { 0 } else { 10 };
        let stage = Stage { limit: 8, bound: 60, abandoned, seed };
        let events = driver::run(&stage, &limiter, &jobs, |job| job.1).await;
        let order = started(&events);
        assert!(abandoned > 0 || order.len() == jobs.len(), "{} starts", order.len());
        for key in 0..50 {
            let of_key: Vec<_> = order.iter().filter(|index| jobs[**index].0 == key).collect();
            assert!(of_key.is_sorted(), "key {key} starts in the order {of_key:?} (seed {seed})");
            assert!(peak(&events, |index| jobs[index].0 == key) <= 1, "key {key} (seed {seed})");
        }
        assert_eq!(limiter.keys(), 0);
    }
}

/// With a limit of 3, three jobs with equal keys run at once, and never four.
#[tokio::test(start_paused = true)]
async fn equal_keys_run_at_most_the_limit_at_once() {
    for seed in 0..6 {
        let jobs = jobs(seed, 400, 5);
        let limiter = per_key(3, |job: &(u32, Duration)| job.0);
        let stage = Stage { limit: 64, bound: 64, abandoned: 0, seed };
        let events = driver::run(&stage, &limiter, &jobs, |job| job.1).await;
        for key in 0..5 {
            let of_key = |index: usize| jobs[index].0 == key;
            assert_eq!(peak(&events, of_key), 3, "key {key} (seed {seed})");
            let order: Vec<_> = started(&events).into_iter().filter(|index| of_key(*index)).collect();
            assert!(order.is_sorted(), "key {key} starts in the order {order:?} (seed {seed})");
        }
        assert_eq!(limiter.keys(), 0);
    }
}

/// The waiting items of a frequent key occupy no slots: the items with other keys run in the other slots.
#[tokio::test(start_paused = true)]
async fn frequent_key_occupies_no_slot() {
    const JOB: Duration = Duration::from_millis(100);
    // Half of the items have the key 0, and the other items have keys of their own.
    let items: Vec<u32> = (0..100).map(|nth| if nth % 2 == 0 { 0 } else { nth }).collect();
    let limiter = per_key(1, |key: &u32| *key);
    let stage = Stage { limit: 6, bound: 100, abandoned: 0, seed: 5 };
    let events = driver::run(&stage, &limiter, &items, |_| JOB).await;
    let end = |frequent: bool| {
        let ends = events.iter().filter(|event| (items[event.index] == 0) == frequent);
        ends.map(|event| event.at).max().unwrap()
    };
    assert_eq!(end(true), 50 * JOB, "50 items, one at a time");
    assert_eq!(end(false), 10 * JOB, "50 items in five slots");
}

/// A released permit belongs to the first wait at once.
#[tokio::test(start_paused = true)]
async fn permit_goes_to_the_first_wait_at_once() {
    let limiter = per_key(1, |key: &u8| *key);
    let first = limiter.acquire(&1).await.unwrap();
    let mut waits: Vec<Waiting<u8>> = (0..3).map(|_| Box::pin(limiter.acquire(&1)) as Waiting<u8>).collect();
    assert!(waits.iter_mut().all(|waiting| poll(waiting).is_pending()));
    drop(first);
    // The permit belongs to the first wait, though the wait was not polled since.
    let mut late: Waiting<u8> = Box::pin(limiter.acquire(&1));
    assert!(
        poll(&mut late).is_pending() && poll(&mut waits[2]).is_pending() && poll(&mut waits[1]).is_pending()
    );
    for waiting in &mut waits {
        drop(granted(waiting));
    }
    drop(granted(&mut late));
    drop(late);
    drop(waits);
    assert_eq!(limiter.keys(), 0);
}

/// A wait may be dropped at any step, polled or not, served or not: the other waits are served in order, and no key is
/// left.
#[tokio::test(start_paused = true)]
async fn wait_dropped_at_any_step_harms_no_other() {
    const ITEMS: usize = 6;
    for limit in [1, 2] {
        for victim in 0..ITEMS {
            for at in 0..16 {
                for asleep in [false, true] {
                    let with = format!("{victim} of limit {limit} is dropped at step {at}, asleep: {asleep}");
                    let limiter = per_key(limit, |key: &&str| (*key).to_owned());
                    let mut waits: Vec<Option<Waiting<String>>> = Vec::new();
                    waits.extend(
                        (0..ITEMS).map(|_| Some(Box::pin(limiter.acquire(&"key")) as Waiting<String>)),
                    );
                    let mut permits = Vec::new();
                    let mut served = Vec::new();
                    for step in 0..20 {
                        if step == at {
                            waits[victim] = None;
                        }
                        for (nth, slot) in waits.iter_mut().enumerate() {
                            if asleep && nth == victim && step > 0 {
                                continue;
                            }
                            if let Some(Poll::Ready(permit)) = slot.as_mut().map(poll) {
                                served.push(nth);
                                permits.push(permit);
                            }
                            if served.last() == Some(&nth) {
                                *slot = None;
                            }
                        }
                        assert!(permits.len() <= limit, "{with}");
                        drop(permits.pop());
                    }
                    drop((permits, waits));
                    served.retain(|nth| *nth != victim);
                    let others: Vec<_> = (0..ITEMS).filter(|nth| *nth != victim).collect();
                    assert_eq!(served, others, "{with}");
                    assert_eq!(limiter.keys(), 0, "{with}");
                }
            }
        }
    }
}

/// Different keys with the same hash do not wait for each other, and equal keys do.
#[tokio::test(start_paused = true)]
async fn keys_with_the_same_hash_are_different_keys() {
    let limiter = per_key(1, |id: &u32| Hostile::new(*id, Mode::SameHash));
    let permits: Vec<_> =
        (0..20).map(|id| granted(&mut (Box::pin(limiter.acquire(&id)) as Waiting<Hostile>))).collect();
    assert_eq!(limiter.keys(), 20);
    let mut waits: Vec<Waiting<Hostile>> =
        (0..20).map(|id| Box::pin(limiter.acquire(&id)) as Waiting<Hostile>).collect();
    assert!(waits.iter_mut().all(|waiting| poll(waiting).is_pending()));
    // The permits are released in a different order than they were acquired.
    let mut permits: Vec<_> = permits.into_iter().map(Some).collect();
    for id in (0..20).map(|nth| nth * 7 % 20) {
        drop(permits[id].take());
        drop(granted(&mut waits[id]));
    }
    drop(waits);
    assert_eq!(limiter.keys(), 0);
}

/// A key that equals no key, not even itself, never waits, and is forgotten.
#[tokio::test(start_paused = true)]
async fn key_that_equals_no_key_is_forgotten() {
    let limiter = per_key(1, |id: &u32| Hostile::new(*id, Mode::NeverEqual));
    let permits: Vec<_> =
        (0..50).map(|_| granted(&mut (Box::pin(limiter.acquire(&1)) as Waiting<Hostile>))).collect();
    assert_eq!(limiter.keys(), 50);
    drop(permits);
    assert_eq!(limiter.keys(), 0);
}

/// A panic in the function of the key, in a hash, in a comparison or in a drop of a key loses no permit and no key, and later
/// items of the same key are served.
#[test]
fn panic_of_a_key_loses_nothing() {
    for mode in [Mode::PanicInHash, Mode::PanicInEq, Mode::PanicInDrop] {
        let panics = Arc::new(AtomicBool::new(false));
        let limiter = per_key(1, {
            let panics = Arc::clone(&panics);
            move |id: &u32| {
                let panics = panics.load(Ordering::SeqCst);
                Hostile::new(*id, if panics { mode } else { Mode::SameHash })
            }
        });
        for round in 0..20 {
            panics.store(false, Ordering::SeqCst);
            let permit = granted(&mut (Box::pin(limiter.acquire(&1)) as Waiting<Hostile>));
            let mut next: Waiting<Hostile> = Box::pin(limiter.acquire(&1));
            assert!(poll(&mut next).is_pending());
            panics.store(true, Ordering::SeqCst);
            let broken = catch_unwind(AssertUnwindSafe(|| {
                // With `PanicInDrop`: the key 1 is known, so the new key is dropped at once. The key 2 is new, and is
                // dropped when the table forgets the key.
                let id = if round % 2 == 0 { 1 } else { 2 };
                let mut waiting: Waiting<Hostile> = Box::pin(limiter.acquire(&id));
                drop(poll(&mut waiting));
            }));
            assert!(broken.is_err(), "{mode:?} does not panic");
            drop(permit);
            drop(granted(&mut next));
            drop(next);
            assert_eq!(limiter.keys(), 0, "{mode:?}");
        }
    }
    let limiter = per_key(1, |id: &u32| if *id == 0 { panic!("a broken function") } else { *id });
    let _permit = granted(&mut (Box::pin(limiter.acquire(&1)) as Waiting<u32>));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(limiter.acquire(&0)))).is_err());
    assert_eq!(limiter.keys(), 1);
}

/// The drop of a permit during a panic, with a key whose drop panics as well, does not abort the process.
#[test]
fn second_panic_of_a_key_does_not_abort() {
    let limiter = per_key(1, |id: &u32| Hostile::new(*id, Mode::PanicInDrop));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _permit = granted(&mut (Box::pin(limiter.acquire(&1)) as Waiting<Hostile>));
        panic!("the first panic");
    }));
    let payload = panicked.map(|()| "no panic").unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the first panic"));
    assert_eq!(limiter.keys(), 0);
}

/// A hash, a comparison and a drop of a key may use the limiter: no lock is held.
#[test]
fn key_that_uses_the_limiter_returns() {
    /// Acquires and drops a permit of the limiter, for a plain key.
    type Use = Arc<dyn Fn() + Send + Sync>;
    let used = Arc::new(AtomicUsize::new(0));
    let inner_call: Arc<Mutex<Option<Use>>> = Arc::default();
    let calls = Arc::clone(&inner_call);
    let call_back = move || {
        let call = calls.lock().unwrap().clone();
        if let Some(call) = call {
            call();
        }
    };
    let limiter: PerKey<_, Hostile> = per_key(1, move |id: &u32| {
        let mode = if *id < 100 { Mode::CallsBack } else { Mode::SameHash };
        Hostile::calling(*id, mode, Arc::new(call_back.clone()))
    });
    let inner: Use = {
        let (limiter, used, inside) = (limiter.clone(), Arc::clone(&used), AtomicBool::new(false));
        Arc::new(move || {
            // The inner call compares keys as well.
            if inside.swap(true, Ordering::SeqCst) {
                return;
            }
            let id = 100 + u32::try_from(used.fetch_add(1, Ordering::SeqCst)).unwrap();
            drop(granted(&mut (Box::pin(limiter.acquire(&id)) as Waiting<Hostile>)));
            inside.store(false, Ordering::SeqCst);
        })
    };
    *inner_call.lock().unwrap() = Some(inner);
    let first = granted(&mut (Box::pin(limiter.acquire(&1)) as Waiting<Hostile>));
    let mut second: Waiting<Hostile> = Box::pin(limiter.acquire(&1));
    assert!(poll(&mut second).is_pending());
    drop(first);
    drop(granted(&mut second));
    drop(second);
    assert!(used.load(Ordering::SeqCst) >= 4, "two hashes, a comparison and two drops");
    assert_eq!(limiter.keys(), 0);
    *inner_call.lock().unwrap() = None;
}

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Every poll may come with a different waker: the release of the permit wakes the latest waker, once.
#[tokio::test(start_paused = true)]
async fn wait_is_woken_by_the_waker_of_its_latest_poll() {
    let limiter = per_key(1, |key: &u8| *key);
    let first = limiter.acquire(&1).await.unwrap();
    let mut waiting: Waiting<u8> = Box::pin(limiter.acquire(&1));
    let wakers = [Arc::new(Count::default()), Arc::new(Count::default())];
    for waker in &wakers {
        let waker = Waker::from(Arc::clone(waker));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(first);
    assert_eq!(wakers.each_ref().map(|waker| waker.0.load(Ordering::SeqCst)), [0, 1]);
    drop(granted(&mut waiting));
}

/// Clones share the keys: two runs with equal keys are limited together.
#[tokio::test(start_paused = true)]
async fn clones_share_the_keys() {
    let limiter = per_key(1, |key: &u8| *key);
    let permit = limiter.clone().acquire(&1).await.unwrap();
    let mut waiting: Waiting<u8> = Box::pin(limiter.acquire(&1));
    assert!(poll(&mut waiting).is_pending());
    drop(permit);
    drop(granted(&mut waiting));
}

/// A limit of zero is a panic with the reason.
#[test]
#[should_panic(expected = "a limit of 0 would never run a job")]
fn limit_of_zero_panics_with_the_reason() {
    let _ = per_key(0, |key: &u8| *key);
}

/// Many threads, few keys: at every start, the number of running jobs of the key is within the limit, and no key is
/// left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_run_at_most_the_limit_of_a_key() {
    const LIMIT: usize = 2;
    let limiter = per_key(LIMIT, |key: &String| key.clone());
    let running: Arc<HashMap<String, AtomicUsize>> =
        Arc::new((0..3).map(|key| (key.to_string(), AtomicUsize::new(0))).collect());
    let tasks: Vec<_> = (0..16_u64)
        .map(|task| {
            let (limiter, running) = (limiter.clone(), Arc::clone(&running));
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(task);
                for _ in 0..2_000 {
                    let key = random.u32(0..3).to_string();
                    let mut waiting: Waiting<String> = Box::pin(limiter.acquire(&key));
                    if random.u8(0..4) == 0 {
                        // The wait is cancelled at once, or after a yield.
                        let _ = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_ready()))
                            .await;
                        if random.bool() {
                            tokio::task::yield_now().await;
                        }
                        continue;
                    }
                    let permit = waiting.await.unwrap();
                    let before = running[&key].fetch_add(1, Ordering::SeqCst);
                    assert!(before < LIMIT, "{before} jobs run already");
                    if random.bool() {
                        tokio::task::yield_now().await;
                    }
                    running[&key].fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(limiter.keys(), 0);
}

/// Many threads that create and forget the same keys, with colliding hashes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_forget_keys_run_one_at_a_time() {
    let limiter = per_key(1, |id: &u32| Hostile::new(*id, Mode::SameHash));
    let running: Arc<Vec<AtomicUsize>> = Arc::new((0..4).map(|_| AtomicUsize::new(0)).collect());
    let tasks: Vec<_> = (0..6_u64)
        .map(|task| {
            let (limiter, running) = (limiter.clone(), Arc::clone(&running));
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(task);
                for _ in 0..5_000 {
                    let id = random.u32(0..4);
                    let permit = limiter.acquire(&id).await.unwrap();
                    assert_eq!(running[id as usize].fetch_add(1, Ordering::SeqCst), 0, "key {id}");
                    running[id as usize].fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(limiter.keys(), 0);
}
