//! Items of a storage that must not be taken before a time.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use towpath_pattern::{Frontier, Run, Scope, Settings, Source, Storage, anyhow};

use crate::settle;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the due time for the number of the call.
type Answer = fn(usize) -> anyhow::Result<Option<Instant>>;

/// The items with their due times.
#[derive(Clone)]
struct Later {
    begin: Instant,
    /// Due seconds after the begin, and the item.
    items: Arc<Mutex<BTreeSet<(u64, u32)>>>,
    /// The number of calls of `next_due`.
    asked: Arc<Mutex<usize>>,
    /// The answer of `next_due` in place of the time of the first item.
    answer: Option<Answer>,
}

impl Later {
    fn new(items: impl IntoIterator<Item = (u64, u32)>) -> Self {
        let items = Arc::new(Mutex::new(items.into_iter().collect()));
        Self { begin: Instant::now(), items, asked: Arc::default(), answer: None }
    }

    fn due(&self, seconds: u64) -> Instant {
        self.begin + u32::try_from(seconds).expect("few") * SECOND
    }

    fn left(&self) -> Vec<(u64, u32)> {
        self.items.lock().expect("no panic").iter().copied().collect()
    }
}

impl Storage for Later {
    type Item = (u64, u32);

    async fn add(&self, item: (u64, u32)) -> anyhow::Result<()> {
        self.give_back(item)
    }

    async fn take(&self, max: usize) -> anyhow::Result<Vec<(u64, u32)>> {
        let mut items = self.items.lock().expect("no panic");
        let due = items.iter().take_while(|item| self.due(item.0) <= Instant::now());
        let taken: Vec<_> = due.take(max).copied().collect();
        items.retain(|item| !taken.contains(item));
        Ok(taken)
    }

    async fn next_due(&self) -> anyhow::Result<Option<Instant>> {
        let asked = {
            let mut asked = self.asked.lock().expect("no panic");
            *asked += 1;
            *asked
        };
        match self.answer {
            Some(answer) => answer(asked),
            None => Ok(self.left().first().map(|item| self.due(item.0))),
        }
    }

    fn give_back(&self, item: (u64, u32)) -> anyhow::Result<()> {
        self.items.lock().expect("no panic").insert(item);
        Ok(())
    }
}

/// Starts a run of the items of a storage. An output is an item with the second of its start. The job of an item adds
/// the item that `adds` returns.
fn starts(
    storage: Later,
    limit: usize,
    adds: impl Fn(u32) -> Option<(u64, u32)> + Send + Sync + 'static,
) -> (Frontier<Later>, Run<(u64, u32)>) {
    starts_in(&Scope::default(), storage, limit, adds)
}

fn starts_in(
    scope: &Scope,
    storage: Later,
    limit: usize,
    adds: impl Fn(u32) -> Option<(u64, u32)> + Send + Sync + 'static,
) -> (Frontier<Later>, Run<(u64, u32)>) {
    let (frontier, source) = Source::frontier(storage);
    let (handle, begin) = (frontier.clone(), frontier.storage().begin);
    let job = Arc::new(move |(due, item): (u64, u32)| {
        let (handle, added) = (handle.clone(), adds(item));
        async move {
            let start = begin.elapsed().as_secs();
            assert!(start >= due, "{item} started at {start}");
            if let Some(added) = added {
                handle.add(added).await?;
            }
            Ok((start, item))
        }
    });
    let limit = towpath_pattern::Limit::try_from(limit).expect("a limit");
    (frontier, Run::spawn(scope.clone(), source, Settings::new("later", limit), job))
}

/// No job runs between the items: the due times alone keep the run open.
#[tokio::test(start_paused = true)]
async fn item_due_later_keeps_the_run_open_until_its_time() {
    for limit in [1, 3] {
        let storage = Later::new([(0, 0), (5, 1), (5, 2), (60, 3)]);
        let (_, run) = starts(storage.clone(), limit, |_| None);
        let outputs = run.collect().await.expect("no failure");
        assert_eq!(outputs, [(0, 0), (5, 1), (5, 2), (60, 3)]);
        assert_eq!(storage.begin.elapsed(), 60 * SECOND);
    }
}

/// The job of the first item adds an item for a later time, after the source has found the storage empty.
#[tokio::test(start_paused = true)]
async fn job_adds_its_item_for_a_later_time() {
    let storage = Later::new([(0, 0)]);
    let (_, run) = starts(storage, 1, |item| (item < 3).then_some((10 * u64::from(item + 1), item + 1)));
    assert_eq!(run.collect().await.expect("no failure"), [(0, 0), (10, 1), (20, 2), (30, 3)]);
}

#[tokio::test(start_paused = true)]
async fn item_added_during_the_wait_starts_at_its_own_time() {
    let storage = Later::new([(60, 0)]);
    let (frontier, mut run) = starts(storage, 1, |_| None);
    sleep(SECOND).await;
    frontier.add((0, 1)).await.expect("the run waits");
    assert_eq!(run.next().await.expect("an output").expect("no failure"), (1, 1));
    // The timer is set to the earlier time.
    frontier.add((7, 2)).await.expect("the run waits");
    assert_eq!(run.collect().await.expect("no failure"), [(7, 2), (60, 0)]);
}

/// The item is due in an hour, and stays in the storage.
#[tokio::test(start_paused = true)]
async fn end_of_a_run_does_not_wait_for_the_due_time() {
    for end in
        ["drain", "stop taking", "cancel", "drop", "drain of the scope", "cancel of the scope", "deadline"]
    {
        let storage = Later::new([(3_600, 0)]);
        let mut scope = Scope::default();
        if end == "deadline" {
            scope = scope.with_timeout(10 * SECOND);
        }
        let (frontier, run) = starts_in(&scope, storage.clone(), 1, |_| None);
        let monitor = run.monitor();
        settle().await;
        match end {
            "drain" => assert!(!run.drain(60 * SECOND).await.forced),
            "stop taking" => {
                run.stop_taking();
                assert_eq!(run.collect().await.expect("no failure"), []);
            }
            "cancel" => {
                run.cancel();
                run.finish().await;
            }
            "drop" => drop(run),
            "drain of the scope" => {
                scope.drain(60 * SECOND).await.expect("no job has started");
                assert_eq!(run.collect().await.expect("no failure"), []);
            }
            "cancel of the scope" => {
                scope.cancel();
                run.finish().await;
            }
            _ => assert!(run.collect().await.expect_err("the deadline").is_cancelled()),
        }
        scope.wait().await.expect("no failure is left");
        let elapsed = if end == "deadline" { 10 * SECOND } else { Duration::ZERO };
        assert_eq!(storage.begin.elapsed(), elapsed, "{end}");
        assert_eq!((storage.left(), monitor.report().last().taken), (vec![(3_600, 0)], 0), "{end}");
        frontier.add((0, 1)).await.expect_err("the source has ended");
    }
}

/// The frontier stands next to a run that has ended, or behind chunks.
#[tokio::test(start_paused = true)]
async fn end_of_a_source_around_a_frontier_does_not_wait() {
    for merged in [true, false] {
        let storage = Later::new([(3_600, 0)]);
        let (_, source) = Source::frontier(storage.clone());
        let scope = Scope::default();
        let report = if merged {
            let job = |item: (u64, u32)| async move { Ok(item) };
            let upstream = crate::run_in(&scope, [(0, 1)], Settings::new("upstream", 1), job);
            let source = Source::merge([source, Source::new(upstream)]);
            let run = crate::run_in(&scope, source, Settings::new("merged", 1), job);
            settle().await;
            run.drain(60 * SECOND).await
        } else {
            let job = |chunk: Vec<(u64, u32)>| async move { Ok(chunk) };
            let source = source.chunks(10, Duration::MAX);
            let run = crate::run_in(&scope, source, Settings::new("chunks", 1), job);
            settle().await;
            run.drain(60 * SECOND).await
        };
        assert_eq!((report.last().succeeded, report.forced), (usize::from(merged), false), "{report}");
        assert_eq!((storage.begin.elapsed(), storage.left()), (Duration::ZERO, vec![(3_600, 0)]), "{report}");
    }
}

/// The job has started before the end of the taking, and adds an item during the drain.
#[tokio::test(start_paused = true)]
async fn item_added_during_a_drain_stays_in_the_storage() {
    let storage = Later::new([(0, 0)]);
    let (frontier, source) = Source::frontier(storage.clone());
    let job = move |(_, item): (u64, u32)| {
        let frontier = frontier.clone();
        async move {
            sleep(5 * SECOND).await;
            frontier.add((3_600, item + 1)).await?;
            Ok(item)
        }
    };
    let run = crate::run_in(&Scope::default(), source, Settings::new("later", 1), job);
    sleep(SECOND).await;
    let report = run.drain(60 * SECOND).await;
    assert_eq!((report.last().succeeded, report.failures.len()), (1, 0), "{report}");
    assert_eq!((storage.begin.elapsed(), storage.left()), (5 * SECOND, vec![(3_600, 1)]));
}

/// The kept source waits for the same time in the next run.
#[tokio::test(start_paused = true)]
async fn kept_source_waits_for_the_due_time_again() {
    let storage = Later::new([(60, 0)]);
    let (_, source) = Source::frontier(storage);
    let (source, kept) = source.kept();
    let job = |item: (u64, u32)| async move { Ok(item) };
    let run = crate::run_in(&Scope::default(), source, Settings::new("later", 1), job);
    sleep(SECOND).await;
    run.drain(SECOND).await;
    let begin = Instant::now();
    let rest = kept.take().expect("the run is over").collect().await.expect("no failure");
    assert_eq!((rest, begin.elapsed()), (vec![(60, 0)], 59 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn error_of_the_due_time_fails_the_run() {
    let mut storage = Later::new([(60, 0)]);
    storage.answer = Some(|_| anyhow::bail!("the disk is full"));
    let (_, run) = starts(storage, 1, |_| None);
    let failure = run.collect().await.expect_err("no due time");
    assert_eq!((failure.stage(), format!("{:#}", failure.cause())), ("source", "the disk is full".into()));
}

/// The storage has no item and returns a past time, twice.
#[tokio::test(start_paused = true)]
async fn past_due_time_leaves_the_thread_to_other_tasks() {
    let mut storage = Later::new([]);
    storage.answer = Some(|asked| Ok((asked < 3).then(Instant::now)));
    let (_, run) = starts(storage.clone(), 1, |_| None);
    assert_eq!(run.collect().await.expect("no failure"), []);
    assert_eq!(*storage.asked.lock().expect("no panic"), 3);

    storage.answer = Some(|_| Ok(Some(Instant::now())));
    let (_, run) = starts(storage, 1, |_| None);
    settle().await;
    run.cancel();
    run.finish().await;
}

/// A storage whose `next_due` never returns.
struct NeverDue;

impl Storage for NeverDue {
    type Item = u32;

    async fn add(&self, _: u32) -> anyhow::Result<()> {
        Ok(())
    }

    async fn take(&self, _: usize) -> anyhow::Result<Vec<u32>> {
        Ok(Vec::new())
    }

    async fn next_due(&self) -> anyhow::Result<Option<Instant>> {
        pending().await
    }

    fn give_back(&self, _: u32) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The time limit of a stop applies to a wait for the due time as to a take.
#[tokio::test(start_paused = true)]
async fn stop_drops_a_due_time_that_does_not_come() {
    let (_, source) = Source::frontier(NeverDue);
    let run =
        crate::run_in(
            &Scope::default(),
            source,
            Settings::new("never", 1),
            |item: u32| async move { Ok(item) },
        );
    settle().await;
    let begin = Instant::now();
    let report = run.drain(SECOND).await;
    assert_eq!(begin.elapsed(), 5 * SECOND);
    assert_eq!(report.failures.len(), 1, "{report}");
    // All jobs were complete.
    assert!(!report.forced, "{report}");
}
