//! The contract of an observer, with all patterns: the calls of an item, and panics.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use towpath_fanout::{Fanout, OnFailure, PatternExt, Scope, Source};
use towpath_limit::Rate;
use towpath_pattern::{Ended, ItemInfo, Observer, Outcome, RunInfo, RunObserver};
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

/// Records the calls.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

pub struct RunLog {
    log: Log,
    stage: Arc<str>,
}

impl Log {
    fn push(&self, call: String) {
        self.0.lock().unwrap().push(call);
    }

    /// Returns the calls since the last call of `take`.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Log {
    type Run = RunLog;

    fn observe(&self, run: &RunInfo) -> Option<RunLog> {
        self.push(format!("{}: observe", run.stage));
        Some(RunLog { log: self.clone(), stage: Arc::clone(&run.stage) })
    }
}

impl RunObserver for RunLog {
    type Item = usize;

    fn taken(&self, item: ItemInfo) -> usize {
        self.log.push(format!("{} taken", item.index));
        item.index
    }

    fn started(&self, index: &mut usize, waited: Duration) {
        self.log.push(format!("{index} started after {waited:?}"));
    }

    fn completed(&self, index: usize, ended: Ended) {
        self.log.push(format!("{index} {} {:?}", ended.outcome.as_str(), ended.ran));
    }

    fn ended(&self) {
        self.log.push(format!("{}: ended", self.stage));
    }
}

const SECOND: Duration = Duration::from_secs(1);

async fn nap(n: u64) -> anyhow::Result<u64> {
    sleep(SECOND).await;
    Ok(n)
}

#[tokio::test(start_paused = true)]
async fn item_is_taken_started_and_completed() {
    let log = Log::default();
    Fanout::new(1, nap).observed(log.clone()).run([7]).collect().await.unwrap();
    let expected =
        ["fanout: observe", "0 taken", "0 started after 0ns", "0 succeeded Some(1s)", "fanout: ended"];
    assert_eq!(log.take(), expected);
}

/// Every outcome agrees with the count of the run.
#[tokio::test(start_paused = true)]
async fn outcomes_agree_with_the_counts() {
    let log = Log::default();
    let job = |n: u64| async move {
        match n {
            0 => nap(n).await,
            1 => anyhow::bail!("on purpose"),
            2 => Ok(timeout(SECOND, pending()).await?),
            3 => panic!("on purpose"),
            _ => pending().await,
        }
    };
    let fanout = Fanout::new(6, job).on_failure(OnFailure::Continue).observed(log.clone());
    let scope = Scope::default();
    let run = fanout.run_in(&scope, 0..5);
    sleep(2 * SECOND).await;
    run.cancel();
    let report = run.finish().await;
    let calls = log.take();
    let count = |outcome: Outcome| calls.iter().filter(|call| call.contains(outcome.as_str())).count();
    let counts = report.last();
    assert_eq!(counts.cancelled, 1);
    for (outcome, counted) in [
        (Outcome::Succeeded, counts.succeeded),
        (Outcome::Errored, counts.errored),
        (Outcome::TimedOut, counts.timed_out),
        (Outcome::Panicked, counts.panicked),
        (Outcome::Cancelled, counts.cancelled),
    ] {
        assert_eq!((outcome, count(outcome)), (outcome, 1));
        assert_eq!(counted, 1);
    }
    assert_eq!(count(Outcome::GivenBack), 0);
}

/// The start is after the wait for a permit of the semaphore, of a resource and of a rate, and a wait is not a part of the time
/// of the job.
#[tokio::test(start_paused = true)]
async fn start_is_after_the_wait() {
    let log = Log::default();
    let one = Semaphore::new(1);
    WithPermit::new(2, &one, nap).observed(log.clone()).run(0..2).collect().await.unwrap();
    let calls = log.take();
    for expected in
        ["0 started after 0ns", "0 succeeded Some(1s)", "1 started after 1s", "1 succeeded Some(1s)"]
    {
        assert!(calls.iter().any(|call| call == expected), "{expected}: {calls:?}");
    }

    let slow = resource_fn(
        || async {
            sleep(SECOND).await;
            Ok(())
        },
        |(), _| async { Ok(()) },
    );
    let with = WithResource::new(1, slow, |(_, n): (_, u64)| nap(n));
    with.observed(log.clone()).run([0]).collect().await.unwrap();
    let calls = log.take();
    assert_eq!(calls[1..4], ["0 taken", "0 started after 1s", "0 succeeded Some(1s)"]);

    let rate = Rate::every(2 * SECOND);
    Fanout::new(2, nap).limited_by(&rate).observed(log.clone()).run(0..2).collect().await.unwrap();
    let calls = log.take();
    for expected in ["0 started after 0ns", "1 started after 2s", "1 succeeded Some(1s)"] {
        assert!(calls.iter().any(|call| call == expected), "{expected}: {calls:?}");
    }
}

/// An item that waits when the run stops was never started.
#[tokio::test(start_paused = true)]
async fn waiting_item_at_the_end_is_given_back() {
    let log = Log::default();
    let none = Semaphore::new(0);
    let run = WithPermit::new(2, &none, nap).observed(log.clone()).run([0]);
    sleep(SECOND).await;
    run.cancel();
    assert_eq!(run.finish().await.last().never_started, 1);
    assert_eq!(log.take()[1..], ["0 taken", "0 given_back None", "semaphore: ended"]);
}

/// Every stage calls `observe` once for each run.
#[tokio::test(start_paused = true)]
async fn every_stage_asks_once() {
    let log = Log::default();
    let both = ProducerConsumer::items().consumers(2, nap).observed(log.clone());
    both.run(0..10).collect().await.unwrap();
    let asked: Vec<_> = log.take().into_iter().filter(|call| call.contains("observe")).collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
}

/// An observer that panics in the method with the given name.
#[derive(Clone)]
struct Panics(&'static str, Arc<Mutex<usize>>);

impl Panics {
    fn at(&self, method: &str) {
        *self.1.lock().unwrap() += 1;
        assert!(self.0 != method, "a broken observer");
    }
}

impl Observer for Panics {
    type Run = Self;

    fn observe(&self, _: &RunInfo) -> Option<Self> {
        self.at("observe");
        Some(self.clone())
    }
}

struct Data(&'static str);

impl Drop for Data {
    fn drop(&mut self) {
        assert!(self.0 != "drop of data", "a broken observer");
    }
}

impl RunObserver for Panics {
    type Item = Data;

    fn taken(&self, _: ItemInfo) -> Data {
        self.at("taken");
        Data(self.0)
    }

    fn started(&self, _: &mut Data, _: Duration) {
        self.at("started");
    }

    fn around_poll(&self, _: &mut Data, poll: &mut dyn FnMut()) {
        self.at("before the poll");
        poll();
        poll(); // no effect
        self.at("after the poll");
    }

    fn completed(&self, _: Data, _: Ended) {
        self.at("completed");
    }

    fn ended(&self) {
        self.at("ended");
    }
}

/// A panic in any method of an observer fails nothing, and the observer is not called again.
#[tokio::test(start_paused = true)]
async fn panic_of_an_observer_fails_nothing() {
    for method in [
        "none",
        "observe",
        "taken",
        "started",
        "before the poll",
        "after the poll",
        "completed",
        "ended",
        "drop of data",
    ] {
        let calls = Arc::default();
        let run = Fanout::new(1, nap).ordered().observed(Panics(method, Arc::clone(&calls))).run(0..3);
        let (outputs, report) = run.outcomes().await;
        let outputs: Vec<_> = outputs.into_iter().map(Result::unwrap).collect();
        assert_eq!(outputs, [0, 1, 2], "{method}");
        assert!(report.failures.is_empty(), "{method}: {report:?}");
        let expected = match method {
            "observe" => 1,
            "taken" => 2,
            "before the poll" => 3,
            "after the poll" => 4,
            // The poll that reaches the start comes before the start.
            "started" => 5,
            // Three polls for each item, with two calls for each.
            "completed" | "drop of data" => 10,
            _ => 29,
        };
        assert_eq!(*calls.lock().unwrap(), expected, "{method}");
    }
}

/// No lock is held around a call: the observer may take a lock of the job, and stop the run.
#[tokio::test(start_paused = true)]
async fn observer_that_stops_the_run_returns() {
    #[derive(Clone)]
    struct Stops(Scope);
    impl Observer for Stops {
        type Run = Self;
        fn observe(&self, _: &RunInfo) -> Option<Self> {
            Some(self.clone())
        }
    }
    impl RunObserver for Stops {
        type Item = ();
        fn taken(&self, _: ItemInfo) {}
        fn completed(&self, (): (), _: Ended) {
            self.0.cancel();
        }
    }
    let scope = Scope::default();
    let (source, kept) = Source::new(0..3).kept();
    let report = Fanout::new(1, nap).observed(Stops(scope.clone())).run_in(&scope, source).finish().await;
    assert_eq!(report.last().succeeded, 1);
    assert!(kept.take().is_some());
}

tokio::task_local! { static TENANT: &'static str; }

/// A task-local of the caller is lost in a worker, unless an observer sets the value around each poll.
#[tokio::test(start_paused = true)]
async fn observer_sets_a_task_local_around_each_poll() {
    struct Carries;
    struct With(Option<&'static str>);
    impl Observer for Carries {
        type Run = With;
        fn observe(&self, _: &RunInfo) -> Option<With> {
            Some(With(TENANT.try_get().ok()))
        }
    }
    impl RunObserver for With {
        type Item = ();
        fn taken(&self, _: ItemInfo) {}
        fn around_poll(&self, (): &mut (), poll: &mut dyn FnMut()) {
            match self.0 {
                Some(tenant) => TENANT.sync_scope(tenant, poll),
                None => poll(),
            }
        }
        fn completed(&self, (): (), _: Ended) {}
    }
    let job = |n: u64| async move {
        let first = TENANT.try_get().ok();
        nap(n).await?;
        Ok((first, TENANT.try_get().ok()))
    };
    let plain = Fanout::new(1, job);
    let observed = Fanout::new(1, job).observed(Carries);
    let (lost, kept) = TENANT.scope("acme", async { (plain.run([0]), observed.run([0])) }).await;
    assert_eq!(lost.collect().await.unwrap(), [(None, None)]);
    assert_eq!(kept.collect().await.unwrap(), [(Some("acme"), Some("acme"))]);
}
