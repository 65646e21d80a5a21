//! A rate: the windows of the starts, the order of the waits, cancelled waits, changes, and the clock.

mod driver;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use driver::{Event, Stage, assert_windows};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, advance, sleep};
use towpath_limit::{Limiter, Rate, RatePermit};

const SECOND: Duration = Duration::from_secs(1);

type Waiting = Pin<Box<dyn Future<Output = anyhow::Result<RatePermit>> + Send>>;

fn wait(rate: &Rate) -> Waiting {
    Box::pin(rate.acquire(&()))
}

fn start(rate: &Rate, mut permit: RatePermit) {
    Limiter::<()>::started(rate, &mut permit);
}

fn poll(waiting: &mut Waiting) -> Poll<RatePermit> {
    let polled = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|permit| permit.expect("a rate refuses nothing"))
}

/// Expects a granted start.
fn granted(waiting: &mut Waiting) -> RatePermit {
    match poll(waiting) {
        Poll::Ready(permit) => permit,
        Poll::Pending => panic!("the start is not granted"),
    }
}

fn starts(events: &[Event]) -> Vec<Duration> {
    events.iter().filter(|event| event.is_start).map(|event| event.at).collect()
}

/// Jobs of any length, waits dropped at any step: no window has more starts than allowed, and all items start.
#[tokio::test(start_paused = true)]
async fn windows_hold_in_generated_runs() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (per_second, burst) = (random.u32(1..40), random.usize(1..8));
        let rate = Rate::per_second(per_second).burst(burst);
        let abandoned = if seed % 2 == 0 { 0 } else { 20 };
        let stage = Stage { limit: random.usize(1..9), bound: 20, abandoned, seed };
        let jobs: Vec<_> = (0..80).map(|_| Duration::from_millis(random.u64(0..300))).collect();
        let events = driver::run(&stage, &rate, &jobs, |job| *job).await;
        let starts = starts(&events);
        assert_windows(&starts, per_second, burst);
        assert!(abandoned > 0 || starts.len() == jobs.len(), "{} starts (seed {seed})", starts.len());
    }
}

/// A run with a free slot at any time: the starts are as quick as the rate allows.
#[tokio::test(start_paused = true)]
async fn run_with_free_slots_reaches_the_rate() {
    for (per_second, burst) in [(2_u32, 1), (20, 1), (20, 5), (3, 2), (300, 2), (700, 20)] {
        let rate = Rate::per_second(per_second).burst(burst);
        let items = vec![(); burst + 2 * per_second as usize];
        let stage = Stage { limit: 8, bound: 16, abandoned: 0, seed: 1 };
        let events = driver::run(&stage, &rate, &items, |()| Duration::ZERO).await;
        let last = starts(&events).last().copied().unwrap();
        let best = 2 * SECOND;
        assert!(
            last >= best && last < best + best / 100,
            "the last of {per_second}/s, burst {burst}: {last:?}"
        );
    }
}

/// Without a burst, the starts are evenly spaced from the beginning: the starts of the first second do not come at
/// once.
#[tokio::test(start_paused = true)]
async fn rate_without_a_burst_spaces_the_first_starts() {
    let rate = Rate::per_second(10);
    let stage = Stage { limit: 64, bound: 64, abandoned: 0, seed: 1 };
    let events = driver::run(&stage, &rate, &[(); 15], |()| Duration::ZERO).await;
    let wanted: Vec<_> = (0..15).map(|nth| nth * Duration::from_millis(100)).collect();
    assert_eq!(starts(&events), wanted);
}

/// Above the resolution of timers, the default burst keeps the rate.
#[tokio::test(start_paused = true)]
async fn high_rate_without_a_burst_is_reached() {
    let rate = Rate::per_second(20_000);
    let begin = Instant::now();
    for _ in 0..20_000 {
        rate.until_ready().await;
    }
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(985) && took < Duration::from_millis(1_010), "{took:?}");
}

/// A limiter between the grant of the rate and the start, which grants after a while.
#[derive(Clone)]
struct Door(Arc<Semaphore>);

impl<In> Limiter<In> for Door {
    type Permit = OwnedSemaphorePermit;

    fn acquire(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<In> {
        let door = Arc::clone(&self.0);
        async move { Ok(door.acquire_owned().await?) }
    }
}

/// Items get a start from the rate, and wait five seconds for a further limiter. The starts then are at the rate, and not all at
/// once: a rate that counts grants has 12 starts in a second at 2 per second.
#[tokio::test(start_paused = true)]
async fn starts_long_after_their_grants_keep_the_rate() {
    for burst in [1, 2, 5] {
        let rate = Rate::per_second(2).burst(burst);
        let door = Door(Arc::new(Semaphore::new(0)));
        let opens = door.clone();
        tokio::spawn(async move {
            sleep(5 * SECOND).await;
            opens.0.add_permits(100);
        });
        let stage = Stage { limit: 20, bound: 20, abandoned: 0, seed: 3 };
        let events = driver::run(&stage, &(rate, door), &[(); 12], |()| Duration::ZERO).await;
        let starts = starts(&events);
        assert_windows(&starts, 2, burst);
        assert_eq!((starts.len(), starts[burst - 1]), (12, 5 * SECOND), "burst {burst}");
        let left = u32::try_from(12 - burst).unwrap();
        assert_eq!(starts[11], 5 * SECOND + left * SECOND / 2, "burst {burst}");
    }
}

/// The waits are served in the order of their first polls, in any order of the later polls.
#[tokio::test(start_paused = true)]
async fn waits_are_served_first_come_first_served() {
    let rate = Rate::per_second(10);
    let mut waits: Vec<_> = (0..20).map(|_| wait(&rate)).collect();
    start(&rate, granted(&mut waits[0]));
    for waiting in &mut waits[1..] {
        assert!(poll(waiting).is_pending());
    }
    for first in 1..20 {
        advance(SECOND / 10).await;
        for later in (first + 1..20).rev() {
            assert!(poll(&mut waits[later]).is_pending(), "{later} is before {first}");
        }
        start(&rate, granted(&mut waits[first]));
    }
}

/// A cancelled wait uses nothing: the next wait gets the start at the same moment.
#[tokio::test(start_paused = true)]
async fn cancelled_wait_leaves_its_start_to_the_next() {
    for polled_after_the_grant in [false, true] {
        let rate = Rate::per_second(1);
        start(&rate, granted(&mut wait(&rate)));
        let mut gone = wait(&rate);
        assert!(poll(&mut gone).is_pending());
        let begin = Instant::now();
        let next = tokio::spawn({
            let rate = rate.clone();
            async move { rate.until_ready().await }
        });
        tokio::task::yield_now().await;
        if polled_after_the_grant {
            advance(SECOND).await;
            drop(granted(&mut gone));
        } else {
            drop(gone);
        }
        next.await.unwrap();
        assert_eq!(begin.elapsed(), SECOND);
    }
}

/// If the first waiter leaves, the next waiter is woken, and sets a timer.
#[tokio::test(start_paused = true)]
async fn cancelled_first_wait_leaves_its_timer_to_the_next() {
    let rate = Rate::per_second(1);
    rate.until_ready().await;
    let begin = Instant::now();
    let tasks: Vec<_> = (0..9)
        .map(|_| {
            let rate = rate.clone();
            tokio::spawn(async move {
                rate.until_ready().await;
                begin.elapsed()
            })
        })
        .collect();
    tokio::task::yield_now().await;
    for (nth, task) in tasks.iter().enumerate() {
        if nth % 3 != 2 {
            task.abort();
        }
    }
    let mut served = Vec::new();
    for task in tasks {
        served.extend(task.await.ok());
    }
    assert_eq!(served, [SECOND, 2 * SECOND, 3 * SECOND]);
}

/// A granted start whose wait is not polled again blocks the other waits, until the wait is dropped.
#[tokio::test(start_paused = true)]
async fn granted_wait_that_is_dropped_unpolled_gives_its_start_back() {
    let rate = Rate::per_second(1);
    let first = granted(&mut wait(&rate));
    let (mut second, mut third) = (wait(&rate), wait(&rate));
    assert!(poll(&mut second).is_pending() && poll(&mut third).is_pending());
    advance(SECOND).await;
    start(&rate, first);
    advance(SECOND).await;
    // A poll of the third grants the start to the second.
    assert!(poll(&mut third).is_pending());
    drop(second);
    start(&rate, granted(&mut third));
    assert!(poll(&mut wait(&rate)).is_pending());
}

/// A permit that is dropped without a start gives the start back.
#[tokio::test(start_paused = true)]
async fn permit_that_never_starts_costs_nothing() {
    let rate = Rate::per_second(1).burst(3);
    for _ in 0..1_000 {
        let permits: Vec<_> = (0..3).map(|_| granted(&mut wait(&rate))).collect();
        assert!(poll(&mut wait(&rate)).is_pending());
        drop(permits);
    }
    for _ in 0..3 {
        start(&rate, granted(&mut wait(&rate)));
    }
    assert!(poll(&mut wait(&rate)).is_pending());
}

/// `started` counts a permit once, and the drop of a started permit gives nothing back.
#[tokio::test(start_paused = true)]
async fn second_call_of_started_counts_no_start() {
    let rate = Rate::per_second(1).burst(2);
    let mut permit = granted(&mut wait(&rate));
    for _ in 0..5 {
        Limiter::<()>::started(&rate, &mut permit);
    }
    drop(permit);
    start(&rate, granted(&mut wait(&rate)));
    assert!(poll(&mut wait(&rate)).is_pending());
}

/// A wait may be dropped at any step: the other waits are served in order, and the number of starts is the allowed
/// number.
#[tokio::test(start_paused = true)]
async fn wait_dropped_at_any_step_harms_no_other() {
    for victim in 0..6 {
        for at in 0..12 {
            let rate = Rate::per_second(1).burst(2);
            let begin = Instant::now();
            let mut waits: Vec<_> = (0..6).map(|_| Some(wait(&rate))).collect();
            let mut permits: Vec<(usize, RatePermit)> = Vec::new();
            let mut served = Vec::new();
            for step in 0..24 {
                if step == at {
                    waits[victim] = None;
                    permits.retain(|(nth, _)| *nth != victim);
                }
                for (nth, slot) in waits.iter_mut().enumerate() {
                    if let Some(Poll::Ready(permit)) = slot.as_mut().map(poll) {
                        *slot = None;
                        permits.push((nth, permit));
                    }
                }
                // A permit starts half a second after its grant.
                if step % 2 == 1 {
                    for (nth, permit) in permits.drain(..) {
                        start(&rate, permit);
                        served.push((nth, begin.elapsed()));
                    }
                }
                advance(SECOND / 2).await;
            }
            let with = format!("{victim} is dropped at step {at}");
            let order: Vec<_> = served.iter().map(|(nth, _)| *nth).filter(|nth| *nth != victim).collect();
            let others: Vec<_> = (0..6).filter(|nth| *nth != victim).collect();
            assert_eq!(order, others, "{with}");
            let moments: Vec<_> = served.iter().map(|(_, at)| *at).collect();
            assert_windows(&moments, 1, 2);
            assert!(moments[4] <= 9 * SECOND / 2, "{with}: {moments:?}");
        }
    }
}

/// A change to a higher rate reaches the items that wait.
#[tokio::test(start_paused = true)]
async fn change_to_a_higher_rate_wakes_waiting_items() {
    let rate = Rate::every(3_600 * SECOND);
    rate.until_ready().await;
    let begin = Instant::now();
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let rate = rate.clone();
            tokio::spawn(async move { rate.until_ready().await })
        })
        .collect();
    sleep(SECOND).await;
    rate.clone().set(&Rate::per_second(1));
    for task in tasks {
        task.await.unwrap();
    }
    // The second that has passed is a small part of the hour, and then each start takes a second.
    let took = begin.elapsed();
    assert!(took > 3 * SECOND && took <= 4 * SECOND, "{took:?}");
}

/// A change to a lower rate delays the items that wait.
#[tokio::test(start_paused = true)]
async fn change_to_a_lower_rate_delays_waiting_items() {
    let rate = Rate::per_second(10);
    rate.until_ready().await;
    let mut next = wait(&rate);
    assert!(poll(&mut next).is_pending());
    advance(SECOND / 20).await;
    rate.set(&Rate::every(10 * SECOND));
    advance(4 * SECOND).await;
    assert!(poll(&mut next).is_pending(), "half of the start is left, five seconds of the new rate");
    advance(SECOND).await;
    start(&rate, granted(&mut next));
}

/// Thousands of changes, while items wait, create no start.
#[tokio::test(start_paused = true)]
async fn thousands_of_changes_create_no_start() {
    let rate = Rate::per_second(10).burst(1);
    let stop = AtomicBool::new(false);
    let changes = async {
        for change in 0..6_000_u32 {
            rate.set(&Rate::per_second(change % 10 + 1).burst(change as usize % 7 + 1));
            sleep(Duration::from_millis(3)).await;
        }
        stop.store(true, Ordering::SeqCst);
    };
    let started = Mutex::new(Vec::new());
    let begin = Instant::now();
    let works = async {
        while !stop.load(Ordering::SeqCst) {
            rate.until_ready().await;
            started.lock().unwrap().push(begin.elapsed());
        }
    };
    tokio::join!(changes, works);
    let starts = started.into_inner().unwrap();
    assert_windows(&starts, 10, 7);
    // The mean of the rates is 5.5, for 18 seconds.
    assert!((80..=106).contains(&starts.len()), "{} starts", starts.len());
}

/// Clones share a budget, and a rate with a burst of its own does not.
#[tokio::test(start_paused = true)]
async fn clones_share_a_budget() {
    let rate = Rate::per_second(1);
    let other = rate.clone().burst(2);
    start(&rate, granted(&mut wait(&rate.clone())));
    assert!(poll(&mut wait(&rate)).is_pending());
    for _ in 0..2 {
        start(&other, granted(&mut wait(&other)));
    }
    assert!(poll(&mut wait(&other)).is_pending());
}

/// The paused clock moves a rate of hours.
#[tokio::test(start_paused = true)]
async fn paused_clock_moves_the_rate() {
    let rate = Rate::every(365 * 24 * 3_600 * SECOND);
    let begin = std::time::Instant::now();
    for _ in 0..5 {
        rate.until_ready().await;
    }
    assert!(begin.elapsed() < 60 * SECOND);
}

/// The largest and the smallest rates and bursts neither panic nor overflow.
#[tokio::test(start_paused = true)]
async fn extreme_rates_neither_panic_nor_overflow() {
    for rate in [Rate::per_second(f64::MAX), Rate::per_second(1).burst(usize::MAX)] {
        for _ in 0..1_000 {
            start(&rate, granted(&mut wait(&rate)));
        }
    }
    for rate in [Rate::per_second(f64::MIN_POSITIVE), Rate::every(Duration::MAX)] {
        start(&rate, granted(&mut wait(&rate)));
        let mut next = wait(&rate);
        assert!(poll(&mut next).is_pending());
        advance(24 * 3_600 * SECOND).await;
        assert!(poll(&mut next).is_pending());
    }
    let fraction = Rate::per_second(0.25);
    let begin = Instant::now();
    for _ in 0..3 {
        fraction.until_ready().await;
    }
    assert_eq!(begin.elapsed(), 8 * SECOND);
}

/// A number that is no rate panics, and the message has the reason.
#[test]
fn rate_that_is_no_rate_panics_with_the_reason() {
    let reason = |make: fn() -> Rate| {
        let payload = catch_unwind(make).map(drop).expect_err("no rate");
        payload.downcast_ref::<String>().cloned().expect("a message")
    };
    assert!(reason(|| Rate::per_second(0)).contains("would never start a job"));
    assert!(reason(|| Rate::per_second(-1)).contains("-1 per second is no rate"));
    assert!(reason(|| Rate::per_second(f64::NAN)).contains("NaN per second is no rate"));
    assert!(reason(|| Rate::per_second(f64::INFINITY)).contains("inf per second is no rate"));
    assert!(reason(|| Rate::every(Duration::ZERO)).contains("an interval of zero is no rate"));
    assert!(reason(|| Rate::per_second(1).burst(0)).contains("a limit of 0"));
}

/// A waker whose wake panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a broken waker");
    }
}

/// A waker that panics loses no start.
#[tokio::test(start_paused = true)]
async fn waker_that_panics_loses_no_start() {
    let rate = Rate::per_second(1);
    let first = granted(&mut wait(&rate));
    let mut second = wait(&rate);
    let broken = Waker::from(Arc::new(Panics));
    assert!(second.as_mut().poll(&mut Context::from_waker(&broken)).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err());
    start(&rate, granted(&mut second));
}

/// A wait that is due comes before a newcomer, also if the wait was not polled since.
#[tokio::test(start_paused = true)]
async fn newcomer_does_not_pass_a_wait_that_is_due() {
    let rate = Rate::per_second(1);
    start(&rate, granted(&mut wait(&rate)));
    let mut first = wait(&rate);
    assert!(poll(&mut first).is_pending());
    advance(SECOND).await;
    let mut newcomer = wait(&rate);
    assert!(poll(&mut newcomer).is_pending(), "the first wait is due");
    start(&rate, granted(&mut first));
    assert!(poll(&mut newcomer).is_pending());
}

/// A granted start that is held for a long time occupies one place of the burst: the next wait gets the next start in time.
#[tokio::test(start_paused = true)]
async fn held_start_leaves_the_rest_of_the_burst() {
    let rate = Rate::per_second(1).burst(2);
    rate.until_ready().await;
    rate.until_ready().await;
    let begin = Instant::now();
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let rate = rate.clone();
            tokio::spawn(async move {
                let permit = rate.acquire(&()).await.unwrap();
                (begin.elapsed(), permit)
            })
        })
        .collect();
    let mut held = Vec::new();
    for (nth, task) in (1..).zip(tasks) {
        let (at, permit) = task.await.unwrap();
        assert_eq!(at, nth * SECOND);
        held.push(permit);
    }
    for permit in held {
        start(&rate, permit);
    }
}

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Every poll may come with a different waker: the latest is woken.
#[tokio::test(start_paused = true)]
async fn wait_is_woken_by_the_waker_of_its_latest_poll() {
    let rate = Rate::per_second(1);
    let first = granted(&mut wait(&rate));
    let mut waiting = wait(&rate);
    let wakers = [Arc::new(Count::default()), Arc::new(Count::default())];
    for waker in &wakers {
        let waker = Waker::from(Arc::clone(waker));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(first);
    assert_eq!(wakers.each_ref().map(|waker| waker.0.load(Ordering::SeqCst)), [0, 1]);
    start(&rate, granted(&mut waiting));
}

/// A poll that is granted a start, and panics in the waker of a different wait, gives the start back.
#[tokio::test(start_paused = true)]
async fn panic_in_a_poll_gives_its_start_back() {
    let rate = Rate::per_second(1).burst(3);
    for _ in 0..3 {
        start(&rate, granted(&mut wait(&rate)));
    }
    let (mut first, mut second, mut third) = (wait(&rate), wait(&rate), wait(&rate));
    assert!(poll(&mut first).is_pending());
    // The first wait has a timer, which would wake a broken waker in the runtime.
    let broken = Waker::from(Arc::new(Panics));
    assert!(second.as_mut().poll(&mut Context::from_waker(&broken)).is_pending());
    assert!(poll(&mut third).is_pending());
    advance(3 * SECOND).await;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(poll(&mut third)))).is_err());
    drop(third);
    start(&rate, granted(&mut first));
    start(&rate, granted(&mut second));
    start(&rate, granted(&mut wait(&rate)));
    assert!(poll(&mut wait(&rate)).is_pending());
}

/// Threads that start jobs and threads that change the rate: at every start, the number of starts is within the largest
/// burst and the highest rate.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn starts_of_many_threads_are_within_the_rate() {
    const RATE: u32 = 20_000;
    const BURST: usize = 50;
    let rate = Rate::per_second(RATE).burst(BURST);
    let begin = Instant::now();
    let count = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (rate, count) = (rate.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                for nth in 0..500 {
                    if nth % 7 == 0 {
                        // A wait that is cancelled, before or after its grant.
                        let mut wait = pin!(rate.acquire(&()));
                        let _ = futures_poll(wait.as_mut()).await;
                    }
                    rate.until_ready().await;
                    let starts = count.fetch_add(1, Ordering::SeqCst) + 1;
                    // The time is read after the start was counted, and so is never too short.
                    let beyond = starts.saturating_sub(BURST) as u128;
                    let allowed = u128::from(RATE) * begin.elapsed().as_nanos();
                    assert!(beyond * 1_000_000_000 <= allowed, "{starts} starts in {:?}", begin.elapsed());
                }
            })
        })
        .collect();
    let changes = tokio::spawn(async move {
        for change in 0..5_000_u32 {
            rate.set(&Rate::per_second(RATE - change % 9_000).burst(change as usize % BURST + 1));
            tokio::task::yield_now().await;
        }
        rate.set(&Rate::per_second(RATE).burst(BURST));
    });
    for task in tasks {
        task.await.unwrap();
    }
    changes.await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 4_000);
}

/// Polls a future once, with the waker of the task.
async fn futures_poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
