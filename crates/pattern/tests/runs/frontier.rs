//! Items of a storage of the user, to which the jobs add.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use towpath_pattern::{Failure, Frontier, Run, Scope, Settings, Source, Storage, Taken, TimedOut, anyhow};

use crate::settle;

/// A list in memory.
#[derive(Clone, Default)]
struct Memory {
    items: Arc<Mutex<VecDeque<u32>>>,
    /// The time that every call takes.
    takes: Duration,
    /// The number of the call of `take` that fails or panics.
    fails: Option<(usize, bool)>,
    calls: Arc<Mutex<usize>>,
    refuses: bool,
    /// Whether `take` returns all items, although the run asks for fewer.
    generous: bool,
}

impl Memory {
    fn new(items: impl IntoIterator<Item = u32>) -> Self {
        Self { items: Arc::new(Mutex::new(items.into_iter().collect())), ..Self::default() }
    }

    async fn wait(&self) {
        if self.takes > Duration::ZERO {
            sleep(self.takes).await;
        }
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.items.lock().expect("no panic under the lock")
    }
}

impl Storage for Memory {
    type Item = u32;

    async fn add(&self, item: u32) -> anyhow::Result<()> {
        self.wait().await;
        self.items().push_back(item);
        self.wait().await;
        Ok(())
    }

    async fn take(&self, max: usize) -> anyhow::Result<Vec<u32>> {
        let taken: Vec<_> = {
            let mut items = self.items();
            let count = if self.generous { items.len() } else { max.min(items.len()) };
            items.drain(..count).collect()
        };
        self.wait().await;
        let call = {
            let mut calls = self.calls.lock().expect("no panic under the lock");
            *calls += 1;
            *calls
        };
        match self.fails {
            Some((number, panics)) if number == call => {
                taken.into_iter().rev().for_each(|item| self.items().push_front(item));
                assert!(!panics, "on purpose");
                anyhow::bail!("the disk is full")
            }
            _ => Ok(taken),
        }
    }

    fn give_back(&self, item: u32) -> anyhow::Result<()> {
        anyhow::ensure!(!self.refuses, "no place for {item}");
        self.items().push_front(item);
        Ok(())
    }
}

/// A run whose jobs add half of their number.
fn halves(memory: Memory, limit: u32, waits: Duration) -> Run<u32> {
    let (frontier, source) = Source::frontier(memory);
    let job = move |number: u32| {
        let frontier = frontier.clone();
        async move {
            if number > 1 {
                frontier.add(number / 2).await?;
            }
            sleep(waits).await;
            Ok(number)
        }
    };
    crate::run_in(&Scope::default(), source, Settings::new("halves", limit_of(limit)), job)
}

fn limit_of(limit: u32) -> towpath_pattern::Limit {
    towpath_pattern::Limit::try_from(limit as usize).expect("a limit")
}

#[tokio::test(start_paused = true)]
async fn run_ends_when_the_storage_is_empty_and_no_job_runs() {
    for takes in [0, 7] {
        for waits in [0, 5, 30] {
            for limit in [1, 3] {
                let takes = Duration::from_millis(takes);
                let memory = Memory { takes, ..Memory::new([8, 5, 1]) };
                let run = halves(memory.clone(), limit, Duration::from_millis(waits));
                let mut outputs = run.collect().await.expect("no failure");
                outputs.sort_unstable();
                assert_eq!(outputs, [1, 1, 1, 2, 2, 4, 5, 8]);
                assert!(memory.items().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn empty_storage_ends_the_run_at_once() {
    let outputs = halves(Memory::default(), 2, Duration::ZERO).collect().await;
    assert_eq!(outputs.expect("no failure"), [0; 0]);
}

/// A worker without an item starts with an item that a running job has added.
#[tokio::test]
async fn item_added_by_a_running_job_starts_at_once() {
    let (frontier, source) = Source::frontier(Memory::new([2]));
    let second = Arc::new(Semaphore::new(0));
    let job = move |number: u32| {
        let (frontier, second) = (frontier.clone(), Arc::clone(&second));
        async move {
            if number == 2 {
                settle().await;
                frontier.add(1).await?;
                // The job of the second item lets the first job go on.
                second.acquire().await?.forget();
            } else {
                second.add_permits(1);
            }
            Ok(number)
        }
    };
    let outputs = crate::run_in(&Scope::default(), source, Settings::new("two", 2), job).collect().await;
    assert_eq!(outputs.expect("no failure"), [1, 2]);
}

/// An item that is being added by another task keeps the source open.
#[tokio::test(start_paused = true)]
async fn source_stays_open_while_an_item_is_added() {
    let memory = Memory { takes: Duration::from_secs(1), ..Memory::default() };
    let (frontier, source) = Source::frontier(memory);
    let adding = tokio::spawn({
        let frontier = frontier.clone();
        async move { frontier.add(7).await }
    });
    settle().await;
    let job = |number: u32| async move { Ok(number) };
    let outputs = crate::run_in(&Scope::default(), source, Settings::new("one", 1), job).collect().await;
    assert_eq!(outputs.expect("no failure"), [7]);
    adding.await.expect("no panic").expect("the source is open");
    frontier.add(8).await.expect_err("the source has ended");
    assert!(frontier.storage().items().is_empty());
}

/// After every number of polls, and with a storage that takes time, the storage has every item that was not started.
#[tokio::test(start_paused = true)]
async fn items_go_back_to_the_storage_after_a_stop() {
    for (takes, generous) in [(0, false), (3, false), (0, true), (3, true)] {
        for polls in 0..30 {
            for drops in [false, true] {
                let takes = Duration::from_millis(takes);
                let memory = Memory { takes, generous, ..Memory::new(0..10) };
                let (_, source) = Source::frontier(memory.clone());
                let started = Arc::new(Mutex::new(Vec::new()));
                let record = Arc::clone(&started);
                let job = move |number: u32| {
                    record.lock().expect("no panic").push(number);
                    pending::<anyhow::Result<()>>()
                };
                let scope = Scope::default();
                let run = crate::run_in(&scope, source, Settings::new("never", 4).capacity(4), job);
                for _ in 0..polls {
                    if takes > Duration::ZERO {
                        sleep(Duration::from_millis(1)).await;
                    } else {
                        yield_now().await;
                    }
                }
                if drops {
                    drop(run);
                } else {
                    run.cancel();
                    let report = run.finish().await;
                    assert_eq!(report.last().taken, report.last().settled());
                }
                scope.wait().await.expect("no failure");
                let started = u32::try_from(started.lock().expect("no panic").len()).expect("few");
                assert_eq!(*memory.items(), (started..10).collect::<Vec<_>>(), "{polls} polls, {drops}");
            }
        }
    }
}

/// A storage whose `take` never returns.
struct Stuck;

impl Storage for Stuck {
    type Item = u32;

    async fn add(&self, _: u32) -> anyhow::Result<()> {
        Ok(())
    }

    async fn take(&self, _: usize) -> anyhow::Result<Vec<u32>> {
        pending().await
    }

    fn give_back(&self, _: u32) -> anyhow::Result<()> {
        Ok(())
    }

    fn stop_within(&self) -> Duration {
        Duration::from_secs(2)
    }
}

#[tokio::test(start_paused = true)]
async fn stop_drops_a_take_that_does_not_return() {
    let start = |scope: &Scope| {
        let (_, source) = Source::frontier(Stuck);
        let job = Arc::new(|item: u32| async move { Ok(item) });
        Run::spawn(scope.clone(), source, Settings::new("item", limit_of(1)), job)
    };
    let is_late = |failure: &Failure| failure.downcast_ref::<TimedOut>().is_some();
    let second = Duration::from_secs(1);
    let begun = Instant::now();

    let run = start(&Scope::default());
    settle().await;
    let report = run.drain(second).await;
    assert!(report.failures.iter().any(is_late), "{report}");
    assert!(report.failures.iter().all(|failure| failure.index().is_none()), "{report}");
    // The budget is for the jobs alone, and all jobs were complete.
    assert!(!report.forced, "{report}");
    assert_eq!(begun.elapsed(), 2 * second);

    let run = start(&Scope::default());
    settle().await;
    run.cancel();
    let report = run.finish().await;
    assert!(report.failures.iter().any(is_late), "{report}");
    assert_eq!(begun.elapsed(), 4 * second);

    let scope = Scope::new("pages");
    let run = start(&scope);
    settle().await;
    drop(run);
    assert!(is_late(&scope.wait().await.expect_err("the storage is stuck")));
    assert_eq!(begun.elapsed(), 6 * second);
}

/// The items that were never started come before the items that the storage has returned in addition.
#[tokio::test]
async fn items_that_were_never_started_go_back_in_order() {
    for limit in 1..5 {
        let memory = Memory { generous: true, ..Memory::new(0..10) };
        let (_, source) = Source::frontier(memory.clone());
        let work = |taken: Taken<u32, u32>| async move {
            pending::<()>().await;
            taken.start().1.complete(Ok(0))
        };
        let run = Run::spawn(Scope::default(), source, Settings::new("never", limit_of(limit)), work);
        settle().await;
        run.cancel();
        assert_eq!(run.finish().await.last().never_started, limit as usize);
        assert_eq!(*memory.items(), (0..10).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn failure_of_the_storage_fails_the_run() {
    for panics in [false, true] {
        for call in [1, 2] {
            let memory = Memory { fails: Some((call, panics)), ..Memory::new(0..10) };
            let (frontier, source) = Source::frontier(memory.clone());
            let job = |number: u32| async move { Ok(number) };
            let run = crate::run_in(&Scope::default(), source, Settings::new("one", 1), job);
            let failure = run.collect().await.expect_err("the storage fails");
            let text = format!("{failure:#}");
            assert!(text.contains(if panics { "on purpose" } else { "the disk is full" }), "{text}");
            assert_eq!(failure.index(), None, "the failure belongs to no item");
            frontier.add(1).await.expect_err("the source has ended");
        }
    }
}

/// The run stops while the storage takes an item.
#[tokio::test(start_paused = true)]
async fn item_refused_by_the_storage_is_in_the_report() {
    let memory = Memory { refuses: true, takes: Duration::from_secs(1), ..Memory::new(0..10) };
    let (_, source) = Source::frontier(memory.clone());
    let job = |item: u32| async move { Ok(item) };
    let run = crate::run_in(&Scope::default(), source, Settings::new("one", 1), job);
    settle().await;
    run.cancel();
    let report = run.finish().await;
    let told: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert!(told.iter().any(|failure| failure.contains("no place for 0")), "{told:?}");
    assert_eq!(*memory.items(), (1..10).collect::<Vec<_>>());
}

/// The handles of a kept source work in the next run.
#[tokio::test]
async fn kept_frontier_goes_on_in_the_next_run() {
    let memory = Memory::new([6]);
    let (frontier, source) = Source::frontier(memory.clone());
    let (source, kept) = source.kept();
    let job = |_: u32| pending::<anyhow::Result<()>>();
    let run = crate::run_in(&Scope::default(), source, Settings::new("never", 1), job);
    settle().await;
    run.cancel();
    run.finish().await;
    memory.items().push_back(4); // 6 was started
    let again = kept.take().expect("the run is over");
    let handle: Frontier<Memory> = frontier.clone();
    let job = move |number: u32| {
        let frontier = handle.clone();
        async move {
            if number > 1 {
                frontier.add(number / 2).await?;
            }
            Ok(number)
        }
    };
    let outputs = crate::run_in(&Scope::default(), again, Settings::new("again", 1), job).collect().await;
    assert_eq!(outputs.expect("no failure"), [4, 2, 1]);
}
