//! Items that wait for permits, with and without a slot of the limit.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{coop, yield_now};
use tokio::time::{Instant, sleep};
use towpath_pattern::{
    Cause, Failure, Job, LimitedBy, Limiter, Limits, OnFailure, Run, Scope, Settings, Source, anyhow,
};

use super::{Bomb, settle};

/// One permit for every key; an item waits without a slot.
#[derive(Clone)]
struct Keys<K> {
    key: K,
    permits: Arc<Mutex<HashMap<u32, Arc<Semaphore>>>>,
}

fn keys<K: Fn(&u32) -> u32>(key: K) -> Keys<K> {
    Keys { key, permits: Arc::default() }
}

impl<K> Keys<K> {
    fn of(&self, key: u32) -> Arc<Semaphore> {
        Arc::clone(self.permits.lock().unwrap().entry(key).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }

    /// Returns whether all permits are free.
    fn are_free(&self) -> bool {
        self.permits.lock().unwrap().values().all(|permits| permits.available_permits() == 1)
    }
}

impl<K: Fn(&u32) -> u32 + Send + Sync + 'static> Limiter<u32> for Keys<K> {
    type Permit = OwnedSemaphorePermit;
    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        item: &u32,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<K> {
        let permits = self.of((self.key)(item));
        async move { Ok(permits.acquire_owned().await?) }
    }
}

/// Permits for all items; an item waits in its slot.
#[derive(Clone)]
struct Permits(Arc<Semaphore>);

impl<In> Limiter<In> for Permits {
    type Permit = OwnedSemaphorePermit;

    fn acquire(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<In> {
        let permits = Arc::clone(&self.0);
        async move { Ok(permits.acquire_owned().await?) }
    }
}

fn run<J: Job<u32>, L: Clone>(source: Source<u32>, settings: Settings, limiter: &L, job: J) -> Run<J::Out>
where
    LimitedBy<(), L>: Limits<u32>,
{
    let limits = LimitedBy::new((), limiter);
    Run::spawn_limited(Scope::default(), source, settings, &limits, Arc::new(job))
}

/// The starts of the jobs, by key.
type Starts = Arc<Mutex<HashMap<u32, Vec<u32>>>>;

/// Runs 3,000 items over seven keys, whose jobs wait now and then.
async fn start_by_key(settings: Settings) -> (Vec<u32>, Starts) {
    let limiter = keys(|n| n % 7);
    let starts = Starts::default();
    let seen = Arc::clone(&starts);
    let job = move |n: u32| {
        seen.lock().unwrap().entry(n % 7).or_default().push(n);
        async move {
            for _ in 0..n * n % 3 {
                yield_now().await;
            }
            Ok(n)
        }
    };
    let outputs = run(Source::new(0..3_000), settings, &limiter, job).collect().await.unwrap();
    assert!(limiter.are_free());
    (outputs, starts)
}

fn assert_in_order(starts: &Starts) {
    for starts in starts.lock().unwrap().values() {
        assert!(starts.is_sorted(), "{starts:?}");
    }
}

#[tokio::test]
async fn items_with_equal_keys_start_in_input_order() {
    let (mut outputs, starts) = start_by_key(Settings::new("by key", 4).capacity(500)).await;
    outputs.sort_unstable();
    assert!(outputs.into_iter().eq(0..3_000));
    assert_in_order(&starts);
}

/// Counts the first polls without budget. Every poll uses a unit, as the poll of a channel does.
#[derive(Clone, Default)]
struct UsesBudget(Arc<AtomicUsize>);

impl Limiter<u32> for UsesBudget {
    type Permit = ();
    const PER_ITEM: bool = true;

    fn acquire(&self, _: &u32) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<> {
        let denied = Arc::clone(&self.0);
        async move {
            denied.fetch_add(usize::from(!coop::has_budget_remaining()), SeqCst);
            coop::consume_budget().await;
            Ok(())
        }
    }
}

/// A future without budget would miss its place in a wait list.
#[tokio::test]
async fn first_poll_of_a_permit_has_budget() {
    let limiter = UsesBudget::default();
    let run = run(
        Source::new(0..2_000),
        Settings::new("budget", 1).capacity(2_000),
        &limiter,
        |n| async move { Ok(n) },
    );
    assert_eq!(run.collect().await.unwrap().len(), 2_000);
    assert_eq!(limiter.0.load(SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn items_with_equal_keys_start_in_input_order_on_threads() {
    for _ in 0..20 {
        let (outputs, starts) = start_by_key(Settings::new("by key", 4).capacity(500).ordered()).await;
        assert!(outputs.into_iter().eq(0..3_000));
        assert_in_order(&starts);
    }
}

/// Items 0, 1 and 2 have one key, and item 3 has another.
#[tokio::test]
async fn held_item_occupies_no_slot() {
    let limiter = keys(|n| n / 3);
    let started = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let (count, wait) = (Arc::clone(&started), Arc::clone(&gate));
    let job = move |n: u32| {
        count.fetch_add(1 << (8 * n), SeqCst);
        let gate = Arc::clone(&wait);
        async move {
            gate.acquire().await?.forget();
            Ok(n)
        }
    };
    let run = run(Source::new(0..4), Settings::new("held", 2).capacity(4), &limiter, job);
    settle().await;
    assert_eq!(started.load(SeqCst), 0x0100_0001, "the jobs of items 0 and 3 run");
    let counts = run.report().stages[0].counts;
    assert_eq!((counts.taken, counts.running, counts.waiting()), (4, 2, 2));
    gate.add_permits(4);
    assert_eq!(run.finish().await.last().succeeded, 4);
}

/// The first 20 items have one key, and every further item has a key of its own. The jobs of the frequent key take as
/// long as the run.
#[tokio::test(start_paused = true)]
async fn granted_item_starts_before_ready_items_of_higher_numbers() {
    for capacity in [20, 30, 100, 1_000] {
        let limiter = keys(|n| n.saturating_sub(19));
        let starts = Arc::<Mutex<Vec<u32>>>::default();
        let seen = Arc::clone(&starts);
        let job = move |n: u32| {
            seen.lock().unwrap().push(n);
            async move {
                sleep(Duration::from_millis(10)).await;
                Ok(())
            }
        };
        let begin = Instant::now();
        let run = run(Source::new(0..80), Settings::new("by key", 4).capacity(capacity), &limiter, job);
        assert_eq!(run.finish().await.last().succeeded, 80);
        let starts = starts.lock().unwrap();
        assert_eq!(begin.elapsed(), Duration::from_millis(200), "capacity {capacity}: {starts:?}");
    }
}

/// The stage is full of held items, and another task has their permit.
#[tokio::test(start_paused = true)]
async fn full_stage_of_held_items_continues_with_a_grant() {
    let limiter = keys(|_| 0);
    let other = limiter.of(0).acquire_owned().await.unwrap();
    let run = run(Source::new(0..50), Settings::new("full", 1).capacity(3), &limiter, |n| async move {
        sleep(Duration::from_millis(1)).await;
        Ok(n)
    });
    settle().await;
    assert_eq!(run.report().last().taken, 4);
    drop(other);
    assert!(run.collect().await.unwrap().into_iter().eq(0..50));
}

/// Items 0 and 5 wait for a permit that another task has, and the outputs of the other items fill the stage.
#[tokio::test]
async fn full_stage_with_held_items_continues_with_room() {
    let limiter = keys(|n| u32::from(n % 5 > 0) * n);
    let other = limiter.of(0).acquire_owned().await.unwrap();
    let settings = Settings::new("full", 1).capacity(3);
    let mut run =
        run(Source::new([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), settings, &limiter, |n| async move { Ok(n) });
    for n in [1, 2, 3, 4, 6, 7, 8, 9] {
        settle().await;
        assert_eq!(run.next().await.expect("an output").expect("no failure"), n);
    }
    drop(other);
    assert_eq!(run.collect().await.unwrap(), [0, 5]);
}

/// Returns the items that a stopped run returns, in order.
async fn rest(kept: &towpath_pattern::Kept<u32>) -> Vec<u32> {
    let mut rest = kept.take().expect("the run is over");
    let mut items = Vec::new();
    while let Some(item) = rest.next().await {
        items.push(item.unwrap());
    }
    items
}

/// Items 0, 4, 8 and so on have one key. Item 0 waits forever, and the items of the other keys complete.
#[tokio::test]
async fn held_items_of_a_cancelled_run_were_never_started() {
    let limiter = keys(|n| if n % 4 == 0 { 0 } else { *n });
    let (source, kept) = Source::new(0..40).kept();
    let job = |n: u32| async move {
        if n == 0 {
            pending::<()>().await;
        }
        Ok(n)
    };
    let mut run = run(
        source,
        Settings::new("cancelled", 2).capacity(20).on_failure(OnFailure::Continue),
        &limiter,
        job,
    );
    for _ in 0..12 {
        run.next().await.expect("an output").expect("no failure");
    }
    run.cancel();
    let report = run.finish().await;
    let counts = report.last();
    assert_eq!(counts.taken, counts.succeeded + counts.cancelled + counts.never_started, "{report}");
    assert_eq!(counts.cancelled, 1);
    let rest = rest(&kept).await;
    assert!(rest.is_sorted() && rest.starts_with(&[4, 8, 12]), "{rest:?}");
    assert_eq!(rest.len(), 40 - counts.succeeded - 1);
    assert!(limiter.are_free());
}

/// A job that has started completes, and meanwhile another run uses the permits of the items that wait.
#[tokio::test]
async fn stop_taking_gives_the_permits_of_held_items_back() {
    let limiter = keys(|n| n / 10);
    let gate = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&gate);
    let job = move |n: u32| {
        let gate = Arc::clone(&wait);
        async move {
            gate.acquire().await?.forget();
            Ok(n)
        }
    };
    for stop in [Run::stop_taking, Run::cancel] as [fn(&Run<u32>); 2] {
        let (source, kept) = Source::new([30, 0, 1, 31, 2]).kept();
        let first = limiter.of(0).acquire_owned().await.unwrap();
        let run = run(source, Settings::new("held", 2).capacity(8), &limiter, job.clone());
        settle().await;
        stop(&run);
        settle().await;
        drop(first);
        assert_eq!(limiter.of(0).available_permits(), 1, "no item of the run waits for it");
        gate.add_permits(1);
        let report = run.finish().await;
        assert_eq!(report.last().succeeded + report.last().cancelled, 1, "{report}");
        assert_eq!(rest(&kept).await, [0, 1, 31, 2]);
        gate.forget_permits(1);
    }
    assert!(limiter.are_free());
}

/// A stopped run whose job blocks its thread does not keep a granted permit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_run_gives_permits_back_before_a_blocked_job_ends() {
    let limiter = keys(|n| u32::from(*n > 0));
    let (started, wait) = (Arc::new(Semaphore::new(0)), Arc::new(std::sync::Barrier::new(2)));
    let (start, blocked) = (Arc::clone(&started), Arc::clone(&wait));
    let job = move |n: u32| {
        start.add_permits(1);
        if n == 0 {
            tokio::task::block_in_place(|| blocked.wait());
        }
        async move { Ok(n) }
    };
    let held = limiter.of(1).acquire_owned().await.unwrap();
    let run = run(Source::new(0..4), Settings::new("blocked", 2).capacity(8), &limiter, job);
    started.acquire().await.unwrap().forget();
    while run.report().last().taken < 4 {
        yield_now().await;
    }
    run.cancel();
    drop(held);
    // The wait lists have no more items of the run, and a granted permit comes back.
    drop(limiter.of(1).acquire_owned().await.unwrap());
    wait.wait();
    assert_eq!(run.finish().await.last().never_started, 3);
}

/// Drops the run after every number of yields.
#[tokio::test]
async fn dropped_run_leaves_no_permit_and_loses_no_item() {
    for yields in 0..60 {
        let limiter = keys(|n| n % 3);
        let (source, kept) = Source::new(0..60).kept();
        let done = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&done);
        let job = move |n: u32| {
            seen.lock().unwrap().push(n);
            async move {
                yield_now().await;
                Ok(n)
            }
        };
        let scope = Scope::new("dropped");
        let limits = LimitedBy::new((), &limiter);
        let settings = Settings::new("dropped", 2).capacity(8);
        let run = Run::spawn_limited(scope.clone(), source, settings, &limits, Arc::new(job));
        for _ in 0..yields {
            yield_now().await;
        }
        drop(run);
        scope.wait().await.unwrap();
        let mut all = std::mem::take(&mut *done.lock().unwrap());
        let rest = rest(&kept).await;
        assert!(rest.is_sorted(), "{rest:?}");
        all.extend(rest);
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..60), "after {yields} yields: {all:?}");
        assert!(limiter.are_free());
    }
}

/// Fails for multiples of ten.
#[derive(Clone, Default)]
struct Faulty {
    kind: Kind,
    started: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    #[default]
    Error,
    PanicInAcquire,
    PanicInPoll,
    PanicInLaterPoll,
    PanicInDropOfFuture,
    PanicInStarted,
    PanicInDropOfPermit,
}

#[derive(Default)]
struct FaultyPermit {
    in_started: bool,
    _bomb: Option<Bomb>,
}

impl Limiter<u32> for Faulty {
    type Permit = FaultyPermit;
    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        item: &u32,
    ) -> impl Future<Output = anyhow::Result<FaultyPermit>> + Send + 'static + use<> {
        let (kind, fails) = (self.kind, item.is_multiple_of(10));
        assert!(!(fails && kind == Kind::PanicInAcquire), "in acquire");
        let bomb = (fails && kind == Kind::PanicInDropOfFuture).then(|| Bomb("in the drop of the future"));
        async move {
            let _bomb = bomb;
            if !fails {
                return Ok(FaultyPermit::default());
            }
            match kind {
                Kind::Error => anyhow::bail!("no permit"),
                Kind::PanicInPoll => panic!("in poll"),
                Kind::PanicInLaterPoll => {
                    yield_now().await;
                    panic!("in a later poll")
                }
                Kind::PanicInDropOfPermit => Ok(FaultyPermit {
                    _bomb: Some(Bomb("in the drop of the permit")),
                    ..FaultyPermit::default()
                }),
                Kind::PanicInStarted => Ok(FaultyPermit { in_started: true, ..FaultyPermit::default() }),
                Kind::PanicInAcquire | Kind::PanicInDropOfFuture => Ok(FaultyPermit::default()),
            }
        }
    }

    fn started(&self, permit: &mut FaultyPermit) {
        self.started.fetch_add(1, SeqCst);
        assert!(!permit.in_started, "in started");
    }
}

#[tokio::test]
async fn fault_of_a_limiter_is_the_failure_of_its_item() {
    use Kind::*;
    let kinds = [
        Error,
        PanicInAcquire,
        PanicInPoll,
        PanicInLaterPoll,
        PanicInDropOfFuture,
        PanicInStarted,
        PanicInDropOfPermit,
    ];
    for kind in kinds {
        let limiter = Faulty { kind, ..Faulty::default() };
        let settings = Settings::new("faulty", 3).on_failure(OnFailure::Continue);
        let run = run(Source::new(0..100), settings, &limiter, |n| async move { Ok(n) });
        let (outcomes, report) = run.outcomes().await;
        let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        let mut indices: Vec<_> = failed.iter().map(|failure| failure.index().expect("an index")).collect();
        indices.sort_unstable();
        assert!(indices.into_iter().eq((0..100).step_by(10)), "{kind:?}: {report}");
        let counts = report.last();
        let errored = if kind == Error { 10 } else { 0 };
        assert_eq!(
            (counts.succeeded, counts.errored, counts.panicked),
            (90, errored, 10 - errored),
            "{kind:?}"
        );
        assert!(failed.iter().all(|failure| failure.stage() == "faulty"));
        let starts = if matches!(kind, PanicInStarted | PanicInDropOfPermit) { 100 } else { 90 };
        assert_eq!(limiter.started.load(SeqCst), starts, "{kind:?}");
    }
}

/// Under `Stop`, the first fault stops the run, and no item is lost.
#[tokio::test]
async fn fault_of_a_limiter_stops_the_run() {
    for kind in [Kind::Error, Kind::PanicInAcquire, Kind::PanicInLaterPoll] {
        let limiter = Faulty { kind, ..Faulty::default() };
        let (source, kept) = Source::new(1..100).kept();
        let run = run(source, Settings::new("faulty", 3), &limiter, |n| async move { Ok(n) });
        let report = run.finish().await;
        assert_eq!(report.failures[0].index(), Some(9), "{kind:?}: {report}");
        let counts = report.last();
        assert_eq!(counts.taken, counts.succeeded + 1 + counts.never_started, "{kind:?}: {report}");
        assert_eq!(rest(&kept).await.len(), 99 - counts.succeeded - 1);
    }
}

#[tokio::test]
async fn item_waits_for_other_permits_in_its_slot() {
    let permits = Permits(Arc::new(Semaphore::new(1)));
    let taken = permits.0.clone().acquire_owned().await.unwrap();
    let (source, kept) = Source::new(0..20).kept();
    let settings = Settings::new("in the slot", 2).capacity(4);
    let stopped = run(source, settings.clone(), &permits, |n| async move { Ok(n) });
    settle().await;
    let counts = *stopped.report().last();
    assert_eq!((counts.running, counts.succeeded), (2, 0));
    stopped.cancel();
    assert_eq!(stopped.finish().await.last().succeeded, 0);
    assert!(rest(&kept).await.into_iter().eq(0..20), "no job has started");
    drop(taken);

    let outputs = run(Source::new(0..20), settings.ordered(), &permits, |n| async move { Ok(n) });
    assert!(outputs.collect().await.unwrap().into_iter().eq(0..20));
    assert_eq!(permits.0.available_permits(), 1);
}

/// The job of the next stage needs the only permit.
#[tokio::test]
async fn permit_is_dropped_before_the_output_is_handed_on() {
    let permits = Permits(Arc::new(Semaphore::new(1)));
    let first = run(Source::new(0..100), Settings::new("first", 1), &permits, |n| async move { Ok(n) });
    let seen = permits.clone();
    let second = move |n: u32| {
        let free = seen.0.clone();
        async move {
            drop(free.acquire_owned().await?);
            Ok(n)
        }
    };
    let second =
        Run::spawn(Scope::default(), Source::new(first), Settings::new("second", 1), Arc::new(second));
    assert_eq!(second.collect().await.unwrap().len(), 100);
}

/// Three limiters, of both kinds.
#[tokio::test(start_paused = true)]
async fn limiters_of_both_kinds_compose() {
    let permits = Permits(Arc::new(Semaphore::new(2)));
    let (by_key, by_other) = (keys(|n| n % 5), keys(|n| n % 3));
    let limits = LimitedBy::new(LimitedBy::new(LimitedBy::new((), &permits), &by_key), &by_other);
    let running = Arc::new(AtomicUsize::new(0));
    let job = move |n: u32| {
        let running = Arc::clone(&running);
        assert!(running.fetch_add(1, SeqCst) < 2);
        async move {
            sleep(Duration::from_millis(u64::from(n % 4))).await;
            running.fetch_sub(1, SeqCst);
            Ok(n)
        }
    };
    let settings = Settings::new("three", 4).capacity(30).ordered();
    let run = Run::spawn_limited(Scope::default(), Source::new(0..200), settings, &limits, Arc::new(job));
    assert!(run.collect().await.unwrap().into_iter().eq(0..200));
    assert!(by_key.are_free() && by_other.are_free());
    assert_eq!(permits.0.available_permits(), 2);
}

/// The future of a permit wakes itself, as `yield_now` does.
#[derive(Clone)]
struct Yields;

impl Limiter<u32> for Yields {
    type Permit = ();
    const PER_ITEM: bool = true;

    fn acquire(&self, item: &u32) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<> {
        let forever = *item == 7;
        std::future::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            if forever { Poll::Pending } else { Poll::Ready(Ok(())) }
        })
    }
}

/// Other tasks of the thread run, and so do the jobs of the other items.
#[tokio::test]
async fn held_item_that_wakes_itself_lets_others_run() {
    let mut run =
        run(Source::new(0..100), Settings::new("yields", 2).capacity(8), &Yields, |n| async move { Ok(n) });
    for _ in 0..99 {
        run.next().await.expect("an output").expect("no failure");
    }
    run.cancel();
    assert_eq!(run.finish().await.last().never_started, 1);
}

/// Grants all items in the first poll of the last item.
#[derive(Clone, Default)]
struct GrantsLast(Arc<Mutex<Vec<Waker>>>);

impl GrantsLast {
    const ITEMS: u32 = 40;
}

impl Limiter<u32> for GrantsLast {
    type Permit = ();
    const PER_ITEM: bool = true;

    fn acquire(&self, item: &u32) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<> {
        let (wakers, is_last) = (Arc::clone(&self.0), item + 1 == Self::ITEMS);
        let mut granted = false;
        std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut granted, true) {
                return Poll::Ready(Ok(()));
            }
            let mut all = wakers.lock().unwrap();
            all.push(cx.waker().clone());
            if is_last {
                all.drain(..).for_each(Waker::wake);
            }
            Poll::Pending
        })
    }
}

/// The source is exhausted in the poll in which all of its items are woken.
#[tokio::test]
async fn grant_during_the_poll_of_the_source_is_not_lost() {
    let settings = Settings::new("late", 2).capacity(100);
    let run =
        run(Source::new(0..GrantsLast::ITEMS), settings, &GrantsLast::default(), |n| async move { Ok(n) });
    let mut outputs = run.collect().await.unwrap();
    outputs.sort_unstable();
    assert!(outputs.into_iter().eq(0..GrantsLast::ITEMS));
}

/// A grant that comes from a thread outside the runtime.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_from_other_threads_are_not_lost() {
    for round in 0..200 {
        let limiter = keys(|n| n % 4);
        let run = run(
            Source::new(0..64),
            Settings::new("grants", 4).capacity(16),
            &limiter,
            |n| async move { Ok(n) },
        );
        let other = limiter.clone();
        let thread = std::thread::spawn(move || {
            for turn in 0..32 {
                let permit = other.of((round + turn) % 4).try_acquire_owned();
                std::thread::yield_now();
                drop(permit);
            }
        });
        assert_eq!(run.collect().await.unwrap().len(), 64);
        thread.join().unwrap();
    }
}

/// Every item waits until the number has reached the number of the item, and is woken by every change.
#[derive(Clone)]
struct Reaches(tokio::sync::watch::Receiver<u32>);

impl Limiter<u32> for Reaches {
    type Permit = ();
    const PER_ITEM: bool = true;

    fn acquire(&self, item: &u32) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<> {
        let (mut number, item) = (self.0.clone(), *item);
        async move {
            number.wait_for(|number| *number >= item).await?;
            Ok(())
        }
    }
}

/// An item is woken several times before its grant, as a limiter with a weight or a pair of limiters does.
#[tokio::test]
async fn held_item_woken_before_its_grant_starts_with_the_grant() {
    let (number, reached) = tokio::sync::watch::channel(0);
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let job = move |_: u32| {
        count.fetch_add(1, SeqCst);
        async { Ok(()) }
    };
    let settings = Settings::new("reaches", 2).capacity(20);
    let run = run(Source::new(1..10), settings, &Reaches(reached), job);
    for n in 1..10 {
        settle().await;
        assert_eq!(started.load(SeqCst), n - 1, "the number is {}", n - 1);
        number.send(u32::try_from(n).unwrap()).unwrap();
    }
    settle().await;
    assert_eq!(started.load(SeqCst), 9, "the last item was granted");
    assert_eq!(run.finish().await.last().succeeded, 9);
}

/// The permit of another task is handed to a held item, and the run is stopped before the run notices.
#[tokio::test]
async fn permit_granted_to_a_held_item_is_back_after_a_stop() {
    type Stop = fn(Run<u32>, &Scope) -> Option<Run<u32>>;
    let stops: [(&str, Stop); 3] = [
        ("the run is cancelled", |run, _| {
            run.cancel();
            Some(run)
        }),
        ("the scope is cancelled", |run, scope| {
            scope.cancel();
            Some(run)
        }),
        ("the run is dropped", |_, _| None),
    ];
    for (what, stop) in stops {
        let limiter = keys(|_| 0);
        let other = limiter.of(0).acquire_owned().await.unwrap();
        let (source, kept) = Source::new(0..9).kept();
        let scope = Scope::new("granted");
        let limits = LimitedBy::new((), &limiter);
        let settings = Settings::new("granted", 2).capacity(3);
        let job = Arc::new(|n| async move { Ok(n) });
        let run = Run::spawn_limited(scope.clone(), source, settings, &limits, job);
        settle().await;
        assert_eq!(run.report().last().waiting(), 5);
        drop(other);
        let stopped = stop(run, &scope);
        if let Some(run) = stopped {
            assert_eq!(run.finish().await.last().never_started, 5, "{what}");
        }
        scope.wait().await.unwrap();
        assert!(limiter.are_free(), "{what}, and a held item keeps its permit");
        assert!(rest(&kept).await.into_iter().eq(0..9), "{what}");
    }
}

/// The future of a permit that is dropped after its end, and panics in the drop.
struct DropsLate {
    permit: Option<OwnedSemaphorePermit>,
    _bomb: Option<Bomb>,
}

impl Future for DropsLate {
    type Output = anyhow::Result<OwnedSemaphorePermit>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(self.permit.take().expect("polled once")))
    }
}

#[derive(Clone)]
struct DroppedLate {
    permits: Arc<Semaphore>,
    has_bomb: bool,
}

impl Limiter<u32> for DroppedLate {
    type Permit = OwnedSemaphorePermit;
    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        item: &u32,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<> {
        let permit = Some(Arc::clone(&self.permits).try_acquire_owned().expect("a free permit"));
        let bomb = (self.has_bomb && *item == 3).then(|| Bomb("in the drop of the future"));
        DropsLate { permit, _bomb: bomb }
    }
}

/// The permits of an item are released if the drop of a completed future of a permit panics, in a chain and in a pair.
#[tokio::test]
async fn permit_of_a_future_that_panics_in_its_drop_is_back() {
    for bomb in 0..4 {
        let limiter = |place| DroppedLate { permits: Arc::new(Semaphore::new(50)), has_bomb: place == bomb };
        let all = [0, 1, 2, 3].map(limiter);
        let pair = Arc::new((all[2].clone(), all[3].clone()));
        let limits = LimitedBy::new(LimitedBy::new(LimitedBy::new((), &all[0]), &all[1]), &pair);
        let settings = Settings::new("late", 2).capacity(20).on_failure(OnFailure::Continue);
        let job = Arc::new(|n| async move { Ok(n) });
        let run = Run::spawn_limited(Scope::default(), Source::new(0..20), settings, &limits, job);
        let report = run.outcomes().await.1;
        assert_eq!((report.last().succeeded, report.last().panicked), (19, 1), "{report}");
        assert_eq!(all.map(|limiter| limiter.permits.available_permits()), [50; 4], "a permit is lost");
    }
}

/// The drops of both permits of an item panic, in a chain and in a pair. Without a catch of each, the process aborts.
#[tokio::test]
async fn permits_that_panic_in_their_drops_are_one_failure() {
    let faulty = || Faulty { kind: Kind::PanicInDropOfPermit, ..Faulty::default() };
    let pair = Arc::new((faulty(), faulty()));
    let limits = LimitedBy::new(LimitedBy::new(LimitedBy::new((), &faulty()), &faulty()), &pair);
    let settings = Settings::new("faulty", 3).on_failure(OnFailure::Continue);
    let job = Arc::new(|n| async move { Ok(n) });
    let run = Run::spawn_limited(Scope::default(), Source::new(0..100), settings, &limits, job);
    let (outcomes, report) = run.outcomes().await;
    let failures = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!((report.last().succeeded, report.last().panicked, failures), (90, 10, 10), "{report}");
}

/// Waits forever. The drop of the future panics.
#[derive(Clone)]
struct Stuck;

impl Limiter<u32> for Stuck {
    type Permit = ();
    const PER_ITEM: bool = true;

    fn acquire(&self, _: &u32) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<> {
        let bomb = Bomb("in the drop of the wait");
        async move {
            let _bomb = bomb;
            pending().await
        }
    }
}

/// Grants after a wait, so further items are granted during the first job. The drop of the permit panics.
#[derive(Clone)]
struct Fragile;

impl Limiter<u32> for Fragile {
    type Permit = Bomb;
    const PER_ITEM: bool = true;

    fn acquire(&self, _: &u32) -> impl Future<Output = anyhow::Result<Bomb>> + Send + 'static + use<> {
        async {
            yield_now().await;
            Ok(Bomb("in the drop of the permit"))
        }
    }
}

/// The indices of the panics among the failures, in order.
fn panicked(failures: &[Failure]) -> Vec<Option<usize>> {
    let panicked = failures.iter().filter(|failure| matches!(failure.cause(), Cause::Panicked(_)));
    let mut indices: Vec<_> = panicked.map(Failure::index).collect();
    indices.sort_unstable();
    indices
}

/// The wait is dropped at the end of the taking, or at the stop of the run. A granted permit is dropped with an item
/// that goes back.
#[tokio::test(start_paused = true)]
async fn panic_of_a_dropped_wait_has_the_index_of_its_item() {
    let start = || {
        let job = |n: u32| async move { Ok(n) };
        run(Source::new(0..4), Settings::new("stuck", 2).capacity(8), &Stuck, job)
    };
    let all: Vec<_> = (0..4).map(Some).collect();
    let stopped = start();
    settle().await;
    stopped.cancel();
    assert_eq!(panicked(&stopped.finish().await.failures), all);
    let drained = start();
    settle().await;
    assert_eq!(panicked(&drained.drain(Duration::from_secs(1)).await.failures), all);

    let job = |_: u32| pending::<anyhow::Result<()>>();
    let stopped = run(Source::new(0..4), Settings::new("fragile", 1).capacity(8), &Fragile, job);
    settle().await;
    stopped.cancel();
    assert_eq!(panicked(&stopped.finish().await.failures), all);
}

/// A runtime that shuts down leaves no time for the end of the taking.
#[test]
fn panic_of_a_lost_wait_has_the_index_of_its_item() {
    let scope = Scope::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let waiting = runtime.block_on(async {
        let job = Arc::new(|n: u32| async move { Ok(n) });
        let settings = Settings::new("stuck", 2).capacity(8);
        let limits = LimitedBy::new((), &Stuck);
        let run = Run::spawn_limited(scope.clone(), Source::new(0..4), settings, &limits, job);
        settle().await;
        run
    });
    drop(runtime);
    drop(waiting);
    let failures = scope.take_failures();
    assert_eq!(panicked(&failures), (0..4).map(Some).collect::<Vec<_>>(), "{failures:?}");
}

/// The drops of both futures of an item panic, in a chain and in a pair, as the run is cancelled.
#[tokio::test]
async fn waits_that_panic_in_their_drops_end_with_the_run() {
    let pair = Arc::new((Stuck, Stuck));
    let limits = LimitedBy::new(LimitedBy::new(LimitedBy::new((), &Stuck), &Stuck), &pair);
    let scope = Scope::default();
    let job = Arc::new(|n: u32| async move { Ok(n) });
    let settings = Settings::new("stuck", 2).capacity(8);
    let run = Run::spawn_limited(scope.clone(), Source::new(0..10), settings, &limits, job);
    settle().await;
    scope.cancel();
    let (outcomes, report) = run.outcomes().await;
    assert_eq!((report.last().taken, report.last().never_started), (10, 10), "{report}");
    let text = report.to_string();
    assert!(text.contains("in the drop of the wait"), "{text}, {} outcomes", outcomes.len());
}

/// The job of item 0 goes on. Item 10 has its permit and waits for a slot, or for a permit of the slot.
#[tokio::test]
async fn stop_taking_gives_the_permits_of_granted_items_back() {
    for limit in [1, 2] {
        let (limiter, permits) = (keys(|n| n / 10), Permits(Arc::new(Semaphore::new(1))));
        let gate = Arc::new(Semaphore::new(0));
        let wait = Arc::clone(&gate);
        let job = move |n: u32| {
            let gate = Arc::clone(&wait);
            async move {
                gate.acquire().await?.forget();
                Ok(n)
            }
        };
        // A stream is polled even if no job is free.
        let (source, kept) = Source::new(tokio_stream::iter([0, 10, 20])).kept();
        let limits = LimitedBy::new(LimitedBy::new((), &limiter), &permits);
        let settings = Settings::new("granted", limit).capacity(8);
        let run = Run::spawn_limited(Scope::default(), source, settings, &limits, Arc::new(job));
        settle().await;
        let granted = || [0, 1, 2].map(|key| limiter.of(key).available_permits() == 0);
        assert_eq!(granted(), [true; 3]);
        run.stop_taking();
        settle().await;
        assert_eq!(granted(), [true, false, false], "limit {limit}");
        gate.add_permits(1);
        assert_eq!(run.finish().await.last().succeeded, 1);
        assert_eq!(rest(&kept).await, [10, 20]);
        assert!(limiter.are_free());
    }
}

/// A future that panics in its drop, and whose permit panics in its drop.
struct WaitsForBomb(#[allow(dead_code)] Bomb);

impl Future for WaitsForBomb {
    type Output = anyhow::Result<Bomb>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Bomb("of the permit")))
    }
}

#[derive(Clone)]
struct TwoBombs;

impl Limiter<u32> for TwoBombs {
    type Permit = Bomb;
    const PER_ITEM: bool = true;

    fn acquire(&self, _: &u32) -> impl Future<Output = anyhow::Result<Bomb>> + Send + 'static + use<> {
        WaitsForBomb(Bomb("of the future"))
    }
}

/// Without a catch of each drop, the second panic aborts the process.
#[tokio::test]
async fn future_and_permit_that_panic_in_their_drops_are_a_failure() {
    let limits = LimitedBy::new(LimitedBy::new((), &TwoBombs), &Arc::new((TwoBombs, TwoBombs)));
    let settings = Settings::new("bombs", 2).on_failure(OnFailure::Continue);
    let job = Arc::new(|n: u32| async move { Ok(n) });
    let run = Run::spawn_limited(Scope::default(), Source::new(0..10), settings, &limits, job);
    let report = run.outcomes().await.1;
    assert_eq!(report.last().panicked, 10, "{report}");
}

/// Runs and a plain source are merged in front of the limiter. At a random moment under threads, every item is
/// accounted for once, and every permit is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stop_taking_of_a_limited_merge_loses_no_item() {
    for round in 0..60_u32 {
        let limiter = keys(|n| n % 5);
        let (mut sources, mut handles) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let (source, kept) = Source::new(number * 1_000..(number + 1) * 1_000).kept();
            handles.push(kept);
            let branch = |source| {
                let job = Arc::new(|n| async move { Ok(n) });
                Source::new(Run::spawn(Scope::default(), source, Settings::new("branch", 2), job))
            };
            sources.push(if number == 1 { source } else { branch(source) });
        }
        let job = |n: u32| async move {
            if n.is_multiple_of(3) {
                yield_now().await;
            }
            Ok(n)
        };
        let mut run = run(Source::merge(sources), Settings::new("all", 3).capacity(20), &limiter, job);
        let mut items = Vec::new();
        while let Some(output) = run.next().await {
            items.push(output.unwrap());
            if items.len() == 1 + 17 * round as usize {
                run.stop_taking();
            }
        }
        assert!(limiter.are_free(), "round {round}");
        for kept in &handles {
            items.extend(rest(kept).await);
        }
        items.sort_unstable();
        assert!(items.into_iter().eq(0..3_000), "round {round}");
    }
}
