//! Limiters in pairs: the order of the waits, the permits of both, and dropped waits.

mod driver;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use driver::{Stage, assert_windows, peak, started};
use towpath_limit::{Limiter, PerKey, Rate, per_key};

type Job = (u32, Duration);

fn jobs(seed: u64) -> Vec<Job> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..200).map(|_| (random.u32(0..7), Duration::from_millis(random.u64(0..60)))).collect()
}

fn by_key(limit: usize) -> PerKey<impl Fn(&Job) -> u32 + Send + Sync + 'static, u32> {
    per_key(limit, |job: &Job| job.0)
}

/// Runs the jobs, and checks the order of equal keys and the windows of the rate.
async fn assert_both_hold<L: Limiter<Job>>(limiter: &L, per_second: u32, burst: usize, with: &str) {
    for seed in 0..6 {
        let jobs = jobs(seed);
        let abandoned = if seed % 2 == 0 { 0 } else { 10 };
        let stage = Stage { limit: 6, bound: 40, abandoned, seed };
        let events = driver::run(&stage, limiter, &jobs, |job| job.1).await;
        let order = started(&events);
        assert!(abandoned > 0 || order.len() == jobs.len(), "{} starts ({with})", order.len());
        for key in 0..7 {
            let of_key: Vec<_> = order.iter().filter(|index| jobs[**index].0 == key).collect();
            assert!(of_key.is_sorted(), "key {key} starts in the order {of_key:?} ({with}, seed {seed})");
            assert!(peak(&events, |index| jobs[index].0 == key) <= 1, "key {key} ({with}, seed {seed})");
        }
        let moments: Vec<_> = events.iter().filter(|event| event.is_start).map(|event| event.at).collect();
        assert_windows(&moments, per_second, burst);
    }
}

/// A rate and an order for equal keys, named in both orders: equal keys start in input order, and the windows hold.
#[tokio::test(start_paused = true)]
async fn order_and_rate_hold_in_both_orders() {
    let rate = || Rate::per_second(50).burst(3);
    assert_both_hold(&(by_key(1), rate()), 50, 3, "(per_key, rate)").await;
    assert_both_hold(&(rate(), by_key(1)), 50, 3, "(rate, per_key)").await;
    assert_both_hold(&Arc::new((rate(), Arc::new(by_key(1)))), 50, 3, "in an Arc").await;
    assert_both_hold(&((by_key(1), by_key(2)), ((), rate())), 50, 3, "pairs of pairs").await;
}

/// Records the calls of a limiter, and grants at once.
#[derive(Clone)]
struct Records<const PER_ITEM: bool> {
    name: char,
    calls: Arc<Mutex<String>>,
}

struct Recorded {
    name: char,
    calls: Arc<Mutex<String>>,
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.calls.lock().unwrap().extend(['-', self.name]);
    }
}

impl<const PER_ITEM: bool> Limiter<u32> for Records<PER_ITEM> {
    type Permit = Recorded;

    const PER_ITEM: bool = PER_ITEM;

    fn acquire(
        &self,
        item: &u32,
    ) -> impl Future<Output = anyhow::Result<Recorded>> + Send + 'static + use<PER_ITEM> {
        let (name, calls, refused) = (self.name, Arc::clone(&self.calls), *item == 0);
        async move {
            calls.lock().unwrap().push(name);
            anyhow::ensure!(!refused || name != 'b', "refused");
            Ok(Recorded { name, calls })
        }
    }

    fn started(&self, permit: &mut Recorded) {
        self.calls.lock().unwrap().extend(['!', permit.name]);
    }
}

/// Acquires a pair, starts the job, and returns the calls.
async fn calls<const A: bool, const B: bool>(item: u32) -> String {
    let calls: Arc<Mutex<String>> = Arc::default();
    let first = Records::<A> { name: 'a', calls: Arc::clone(&calls) };
    let pair = Arc::new((first, Records::<B> { name: 'b', calls: Arc::clone(&calls) }));
    assert_eq!(<Arc<(Records<A>, Records<B>)> as Limiter<u32>>::PER_ITEM, A || B);
    if let Ok(mut permit) = pair.acquire(&item).await {
        pair.started(&mut permit);
    }
    calls.lock().unwrap().clone()
}

/// A limiter for differing items comes first, and the start reaches both limiters.
#[tokio::test]
async fn pair_acquires_in_order_with_differing_items_first() {
    assert_eq!(calls::<false, false>(1).await, "ab!a!b-a-b");
    assert_eq!(calls::<true, true>(1).await, "ab!a!b-a-b");
    assert_eq!(calls::<true, false>(1).await, "ab!a!b-a-b");
    assert_eq!(calls::<false, true>(1).await, "ba!a!b-a-b");
}

/// A refusal by the second limiter releases the permit of the first.
#[tokio::test]
async fn refusal_of_the_second_releases_the_first() {
    assert_eq!(calls::<false, false>(0).await, "ab-a");
    assert_eq!(calls::<false, true>(0).await, "b");
}

/// A wait for the second limiter that is dropped releases the permit of the first.
#[tokio::test(start_paused = true)]
async fn dropped_wait_for_the_second_releases_the_first() {
    let keys = by_key(1);
    let rate = Rate::per_second(1);
    let pair = (keys.clone(), rate.clone());
    rate.until_ready().await;
    let job = (1, Duration::ZERO);
    let mut waiting = Box::pin(pair.acquire(&job));
    let poll = |waiting: &mut Pin<Box<dyn Future<Output = _>>>| {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    };
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let mut next: Pin<Box<dyn Future<Output = _>>> = Box::pin(keys.acquire(&job));
    assert!(!poll(&mut next), "the first wait has the permit of the key");
    drop(waiting);
    assert!(poll(&mut next));
    assert_eq!(keys.keys(), 0);
}

/// The unit limits nothing.
#[tokio::test]
async fn unit_limits_nothing() {
    let none: () = ();
    assert!(matches!(
        Box::pin(Limiter::<u8>::acquire(&none, &1)).as_mut().poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(Ok(()))
    ));
    const { assert!(!<() as Limiter<u8>>::PER_ITEM) };
}
