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

/// Starts a run of the items of a storage. An output is an item with the second of its start. The job of an item adds the item
/// that `adds` returns.
fn starts(
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
    (frontier, Run::spawn(Scope::default(), source, Settings::new("later", limit), job))
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

#[tokio::test(start_paused = true)]
async fn end_of_a_run_does_not_wait_for_the_due_time() {
    for drains in [true, false] {
        let storage = Later::new([(60, 0)]);
        let (_, run) = starts(storage.clone(), 1, |_| None);
        settle().await;
        let report = if drains {
            run.drain(10 * SECOND).await
        } else {
            run.cancel();
            run.finish().await
        };
        assert!(!report.forced, "{report}");
        assert_eq!(storage.begin.elapsed(), Duration::ZERO, "{drains}");
        assert_eq!(storage.left(), [(60, 0)]);
    }
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

/// The time limit of a stop holds for the due time as for a take.
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
