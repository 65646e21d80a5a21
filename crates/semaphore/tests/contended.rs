//! The semaphore under contention: many calls at once, on several threads, and cancelled calls.

use std::hint::{black_box, spin_loop};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::{JoinSet, yield_now};
use towpath_semaphore::{AcquireError, Semaphore, SemaphorePermit, TryAcquireError};

/// A waker that counts its wake-ups.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

type Acquiring<'a> = Pin<Box<dyn Future<Output = Result<SemaphorePermit<'a>, AcquireError>> + 'a>>;

/// Returns a call that has entered the wait list.
fn stand(semaphore: &Semaphore, count: u32) -> Acquiring<'_> {
    let mut acquiring: Acquiring<'_> = Box::pin(semaphore.acquire_many(count));
    assert!(poll(acquiring.as_mut(), Waker::noop()).is_none(), "there should be too few permits");
    acquiring
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(waker)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn now<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    poll(future, Waker::noop())
}

/// A barrier for two threads.
#[derive(Default)]
struct Meeting(AtomicUsize);

impl Meeting {
    fn meet(&self) {
        let met = (self.0.fetch_add(1, Ordering::SeqCst) / 2 + 1) * 2;
        for looked in 0.. {
            if self.0.load(Ordering::SeqCst) >= met {
                return;
            }
            assert!(looked < 100_000_000, "the other thread is gone");
            if looked % 100 == 99 { thread::yield_now() } else { spin_loop() }
        }
    }
}

/// Releases the only permit on a second thread during `act`, in many rounds, and at a different moment of `act` in
/// every round. Returns the number of results of `act` that are not `right`.
fn wrong_while_a_permit_is_released<T, U>(
    semaphore: &Semaphore,
    prepare: impl Fn() -> T,
    act: impl Fn(T) -> U,
    right: impl Fn(U) -> bool,
) -> usize {
    const ROUNDS: u32 = 20_000;
    let (meeting, mut wrong) = (Meeting::default(), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let permit = semaphore.try_acquire();
                meeting.meet();
                meeting.meet();
                // From no wait up to some hundred nanoseconds.
                for wait in 0..round % 64 * 8 {
                    black_box(wait);
                }
                drop(permit);
                meeting.meet();
                meeting.meet();
            }
        });
        for _ in 0..ROUNDS {
            meeting.meet();
            let prepared = prepare();
            meeting.meet();
            let done = act(prepared);
            meeting.meet();
            wrong += usize::from(!right(done));
            meeting.meet();
        }
    });
    wrong
}

/// A task that enters the wait list during a release gets the permit.
#[test]
fn waiter_that_comes_during_a_release_gets_the_permit() {
    let semaphore = Semaphore::new(1);
    let prepare = || (Arc::new(Bell::default()), Box::pin(semaphore.acquire()));
    let wrong = wrong_while_a_permit_is_released(
        &semaphore,
        prepare,
        |(bell, mut acquiring)| {
            let at_once = poll(acquiring.as_mut(), &Waker::from(Arc::clone(&bell)));
            (bell, acquiring, at_once)
        },
        |(bell, mut acquiring, at_once)| match at_once {
            Some(permit) => permit.is_ok(),
            None => bell.rings() == 1 && now(acquiring.as_mut()).is_some_and(|permit| permit.is_ok()),
        },
    );
    assert_eq!((wrong, semaphore.available_permits()), (0, 1));
}

/// A waiter gets the permit if the waiter in front is cancelled during the release.
#[test]
fn waiter_behind_a_cancelled_one_gets_the_permit() {
    let semaphore = Semaphore::new(1);
    let prepare = || {
        let leaving = stand(&semaphore, 1);
        let (bell, mut behind) = (Arc::new(Bell::default()), Box::pin(semaphore.acquire()));
        assert!(poll(behind.as_mut(), &Waker::from(Arc::clone(&bell))).is_none(), "it is taken");
        (leaving, bell, behind)
    };
    let wrong = wrong_while_a_permit_is_released(
        &semaphore,
        prepare,
        |(leaving, bell, behind)| {
            drop(leaving);
            (bell, behind)
        },
        |(bell, mut behind)| bell.rings() == 1 && now(behind.as_mut()).is_some_and(|permit| permit.is_ok()),
    );
    assert_eq!((wrong, semaphore.available_permits()), (0, 1));
}

/// A permit is free if it is released while the only waiter is cancelled.
#[test]
fn permit_released_as_the_last_waiter_leaves_is_free() {
    let semaphore = Semaphore::new(1);
    let free = |()| semaphore.available_permits() == 1;
    let wrong = wrong_while_a_permit_is_released(&semaphore, || stand(&semaphore, 1), drop, free);
    assert_eq!(wrong, 0);
}

/// Acquires and cancels in every way, and keeps the permits across an await or not.
async fn contend(semaphore: Semaphore, held: Arc<AtomicUsize>, seed: u64) {
    const PERMITS: usize = 4;
    let work = async |count: u32, long: bool| {
        let before = held.fetch_add(count as usize, Ordering::SeqCst);
        assert!(before + count as usize <= PERMITS, "{before} were held, and {count} were given");
        if long {
            yield_now().await;
        }
        held.fetch_sub(count as usize, Ordering::SeqCst);
    };
    let mut dice = Rng::with_seed(seed);
    for _ in 0..1_000 {
        let (count, long) = (1 + dice.u32(..3), dice.u32(..4) == 0);
        match dice.u32(..8) {
            0 => {
                // The call enters the wait list and is cancelled, perhaps while it is served.
                let mut acquiring = pin!(semaphore.acquire_many(count));
                tokio::select! {
                    biased;
                    permit = &mut acquiring => drop(permit.expect("it is open")),
                    () = yield_now() => {}
                }
            }
            1 => {
                if let Ok(_permit) = semaphore.try_acquire_many(count) {
                    work(count, long).await;
                }
            }
            2 => {
                let _permit = semaphore.acquire_many_owned(count).await.expect("it is open");
                work(count, long).await;
            }
            _ => {
                let _permit = semaphore.acquire_many(count).await.expect("it is open");
                work(count, long).await;
            }
        }
    }
}

/// Tasks that acquire in all ways on several threads lose no permit and no wake-up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_on_four_threads_lose_no_permit_or_wake_up() {
    let semaphore = Semaphore::new(2);
    let held = Arc::default();
    let mut tasks: JoinSet<()> =
        (0..32).map(|seed| contend(semaphore.clone(), Arc::clone(&held), seed)).collect();
    // New permits go to the waiters, too.
    semaphore.add_permits(2);
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            ended.expect("it does not panic");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("a task waits forever");
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (4, 4));
}

/// `try_acquire` never fails spuriously if there is a permit for each thread.
#[test]
fn try_acquire_with_a_permit_per_thread_succeeds() {
    let semaphore = Semaphore::new(3);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    drop(semaphore.try_acquire().expect("each of the other threads has one permit"));
                }
            });
        }
    });
    assert_eq!(semaphore.available_permits(), 3);
}

/// After most waiters of a long list are cancelled, the other waiters are served in order.
#[test]
fn waiters_left_of_a_long_list_are_served_in_order() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().expect("it is free");
    let mut line: Vec<_> = (0..1_000).map(|_| Some(stand(&semaphore, 1))).collect();
    // The order of the cancellations is unrelated to the wait list, and includes the first waiter.
    for i in 0..1_000 {
        let at = i * 389 % 1_000;
        if at % 7 != 3 {
            line[at] = None;
        }
    }
    let mut staying: Vec<_> = line.into_iter().flatten().collect();
    assert_eq!(staying.len(), 143);
    drop(permit);
    while !staying.is_empty() {
        assert!(staying.iter_mut().skip(1).all(|later| now(later.as_mut()).is_none()), "it was not its turn");
        let first = now(staying.remove(0).as_mut()).expect("it is its turn");
        drop(first.expect("it is open"));
    }
    assert_eq!(semaphore.available_permits(), 1);
}

/// A wait list whose waiters are all cancelled blocks no permit.
#[test]
fn wait_list_of_cancelled_waiters_blocks_no_permit() {
    let semaphore = Semaphore::new(3);
    let two = semaphore.try_acquire_many(2).expect("they are free");
    drop(stand(&semaphore, 3));
    assert_eq!(semaphore.available_permits(), 1);
    drop(two);
    assert_eq!(semaphore.available_permits(), 3);
}

/// A release of many permits serves the waiters in order, up to the first without enough permits.
#[test]
fn release_of_many_serves_all_waiters_that_fit() {
    let semaphore = Semaphore::new(5);
    let all = semaphore.try_acquire_many(5).expect("they are free");
    let mut line: Vec<_> = [2, 1, 3, 1].map(|count| stand(&semaphore, count)).into();
    drop(all);
    // The third call needs one more permit, and the last call waits behind the third, though two permits are left.
    let outcomes: Vec<_> = line.iter_mut().map(|acquiring| now(acquiring.as_mut())).collect();
    assert_eq!(outcomes.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(semaphore.available_permits(), 0, "the free permits are reserved for the waiters");
    drop(line);
    assert_eq!(semaphore.available_permits(), 2);
    drop(outcomes);
    assert_eq!(semaphore.available_permits(), 5);
}

/// A waiter that was polled with two wakers wakes the last waker, and drops the first.
#[test]
fn waiter_polled_with_two_wakers_wakes_the_last() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().expect("it is free");
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
    let mut acquiring = pin!(semaphore.acquire());
    for bell in &bells {
        assert!(poll(acquiring.as_mut(), &Waker::from(Arc::clone(bell))).is_none());
    }
    assert_eq!(Arc::strong_count(&bells[0]), 1, "the earlier waker is kept");
    drop(permit);
    assert_eq!(bells.map(|bell| bell.rings()), [0, 1]);
    assert!(now(acquiring.as_mut()).is_some());
}

/// A served waiter that is polled after a close fails, and its permit is free.
#[test]
fn served_waiter_at_a_close_returns_the_permit() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().expect("it is free");
    let mut served = stand(&semaphore, 1);
    let mut behind = stand(&semaphore, 1);
    drop(permit);
    semaphore.close();
    for acquiring in [&mut served, &mut behind] {
        assert_eq!(now(acquiring.as_mut()).expect("it is closed").expect_err("it is closed"), AcquireError);
    }
    drop((served, behind));
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (1, 1));
}

/// Zero permits are acquired at once, also while tasks wait, and not after a close.
#[test]
fn acquire_of_zero_permits_never_waits() {
    let semaphore = Semaphore::new(0);
    let _waiting = stand(&semaphore, 1);
    drop(semaphore.try_acquire_many(0).expect("zero permits are always free"));
    assert!(now(pin!(semaphore.acquire_many(0))).is_some());
    semaphore.close();
    assert_eq!(semaphore.try_acquire_many(0).expect_err("it is closed"), TryAcquireError::Closed);
}

/// A waker that panics.
struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("a broken bell"));
    }
}

/// After a waker panics, the other waiters are woken, and the panic is resumed.
#[test]
fn panicking_waker_costs_no_other_waiter_its_wake_up() {
    let wakes: [fn(&Semaphore); 2] = [|semaphore| semaphore.add_permits(2), Semaphore::close];
    for wake in wakes {
        let semaphore = Semaphore::new(0);
        let bell = Arc::new(Bell::default());
        let (mut first, mut second) = (pin!(semaphore.acquire()), pin!(semaphore.acquire()));
        assert!(poll(first.as_mut(), &Waker::from(Arc::new(Broken))).is_none());
        assert!(poll(second.as_mut(), &Waker::from(Arc::clone(&bell))).is_none());

        let woken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wake(&semaphore)));
        assert!(woken.is_err(), "the panic should be resumed");
        assert_eq!(bell.rings(), 1);
        assert!(now(second).is_some());
    }
}

/// A waker that panics in its drop.
struct Brittle;

impl Wake for Brittle {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("a brittle bell");
    }
}

/// The first waiter leaves, and one permit is enough for the second.
#[test]
fn waker_that_panics_in_its_drop_costs_no_other_a_permit() {
    let semaphore = Semaphore::new(1);
    let bell = Arc::new(Bell::default());
    let mut first: Acquiring<'_> = Box::pin(semaphore.acquire_many(2));
    assert!(poll(first.as_mut(), &Waker::from(Arc::new(Brittle))).is_none());
    let mut second = pin!(semaphore.acquire());
    assert!(poll(second.as_mut(), &Waker::from(Arc::clone(&bell))).is_none());
    let left = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(first)));
    assert!(left.is_err());
    assert_eq!(bell.rings(), 1);
    assert!(now(second).is_some());
}
