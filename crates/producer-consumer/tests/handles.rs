//! Handles that outlive their jobs: an item of such a handle is consumed or refused, and never accepted and lost.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, yield_now};
use towpath_producer_consumer::{
    Consumer, Counts, PatternExt, Produce, ProducerConsumer, Producers, QueueSender, QueueTrySender, Report,
    Scope, SendError, Source, TrySendError,
};

// Only the next functions and the imports use the names of the API of the queue.

async fn sent(handle: &QueueSender<u64>, item: u64) -> Result<(), u64> {
    handle.send(item).await.map_err(|SendError(item)| item)
}

async fn sent_many(handle: &QueueSender<u64>, items: &mut VecDeque<u64>) -> bool {
    handle.send_many(items).await.is_ok()
}

fn sent_at_once(handle: &QueueTrySender<u64>, item: u64) -> Result<(), TrySendError<u64>> {
    handle.try_send(item)
}

fn is_refused(refused: &TrySendError<u64>, item: u64) -> bool {
    matches!(refused, TrySendError::Closed(back) if *back == item)
}

/// The inputs are below this number. The items of consumers, and of handles that outlive their jobs, are above.
const OUTLIVING: u64 = 1_000;

/// The number of items that a handle sends after its job, one by one, and in a batch.
const EACH: u64 = 3;

/// The accepted items, the consumed items, and the handles that are left.
#[derive(Default)]
struct Ledger {
    accepted: Vec<u64>,
    consumed: Vec<u64>,
    next: u64,
    tasks: Vec<JoinHandle<()>>,
    senders: Vec<QueueSender<u64>>,
    try_senders: Vec<QueueTrySender<u64>>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a further item, above [`OUTLIVING`].
    fn next(&self) -> u64 {
        let mut ledger = self.lock();
        ledger.next += 1;
        OUTLIVING + ledger.next
    }

    async fn send(&self, handle: &QueueSender<u64>, item: u64) {
        match sent(handle, item).await {
            Ok(()) => self.lock().accepted.push(item),
            Err(back) => assert_eq!(back, item),
        }
    }

    async fn send_many(&self, handle: &QueueSender<u64>) {
        let items: Vec<_> = (0..EACH).map(|_| self.next()).collect();
        let mut left: VecDeque<_> = items.iter().copied().collect();
        let all = sent_many(handle, &mut left).await;
        assert!(!all || left.is_empty(), "a batch that was sent has items left");
        self.lock().accepted.extend(items.into_iter().filter(|item| !left.contains(item)));
    }

    fn try_send(&self, handle: &QueueTrySender<u64>, item: u64) {
        match sent_at_once(handle, item) {
            Ok(()) => self.lock().accepted.push(item),
            Err(refused) => assert_eq!(refused.into_inner(), item),
        }
    }

    /// Joins the tasks with handles, until no task is left.
    async fn join(&self) {
        loop {
            let tasks = std::mem::take(&mut self.lock().tasks);
            if tasks.is_empty() {
                break;
            }
            for task in tasks {
                task.await.expect("no panic");
            }
        }
    }

    /// Asserts that every handle that is left refuses its item.
    async fn assert_all_refuse(&self) {
        let (senders, try_senders) = {
            let mut ledger = self.lock();
            (std::mem::take(&mut ledger.senders), std::mem::take(&mut ledger.try_senders))
        };
        assert!(!senders.is_empty(), "a handle is left");
        for handle in senders {
            assert_eq!(sent(&handle, 7).await, Err(7), "the run is over");
            assert!(!sent_many(&handle, &mut [7].into()).await, "the run is over");
        }
        for handle in try_senders {
            assert!(is_refused(&sent_at_once(&handle, 7).expect_err("the run is over"), 7));
        }
    }
}

/// The setup of a run, and the time at which its handles send.
#[derive(Clone, Copy, Debug)]
struct Plan {
    capacity: usize,
    newest_first: bool,
    /// Whether a second pattern is chained behind the first.
    then: bool,
    /// The yields of a task before its send.
    yields: usize,
    /// The stop of the run, and the yields before the stop.
    stop: Option<(Stop, usize)>,
}

#[derive(Clone, Copy, Debug)]
enum Stop {
    Scope,
    Run,
    Failure,
}

async fn yields(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Creates a pattern whose jobs send an item. The handles stay in tasks, which send later, and in the ledger.
fn pattern(
    plan: Plan,
    ledger: &Shared,
) -> ProducerConsumer<Producers<u64, u64, impl Produce<u64, u64>>, impl Consumer<u64, Out = u64>> {
    let (producing, consuming) = (ledger.clone(), ledger.clone());
    let producers = ProducerConsumer::producers(2, move |input: u64, handle: QueueSender<u64>| {
        let ledger = producing.clone();
        async move {
            ledger.send(&handle, input).await;
            if input == 0 {
                ledger.lock().senders.push(handle);
                return Ok(());
            }
            let late = ledger.clone();
            let task = tokio::spawn(async move {
                for _ in 0..EACH {
                    yields(plan.yields).await;
                    let item = late.next();
                    late.send(&handle, item).await;
                }
                late.send_many(&handle).await;
            });
            ledger.lock().tasks.push(task);
            Ok(())
        }
    });
    let consumers = producers.consumers_that_send(2, move |item: u64, handle: QueueTrySender<u64>| {
        let ledger = consuming.clone();
        async move {
            ledger.lock().consumed.push(item);
            if item == 0 {
                ledger.lock().try_senders.push(handle);
            } else if item < OUTLIVING {
                let (late, next) = (ledger.clone(), ledger.next());
                ledger.try_send(&handle, next);
                let task = tokio::spawn(async move {
                    for _ in 0..EACH {
                        yields(plan.yields).await;
                        let item = late.next();
                        late.try_send(&handle, item);
                    }
                });
                ledger.lock().tasks.push(task);
            }
            Ok(item)
        }
    });
    let pattern = consumers.capacity(plan.capacity);
    if plan.newest_first { pattern.lifo() } else { pattern }
}

/// The number of inputs of a run. The input 0 leaves its handles in the ledger, without a task.
const INPUTS: u64 = 4;

/// Yields the inputs, and fails after a number of yields.
fn failing(after: usize) -> Source<u64> {
    Source::try_generate(move |out| async move {
        for input in 0..INPUTS {
            out.send(input).await;
        }
        yields(after).await;
        anyhow::bail!("a failure")
    })
}

async fn run(plan: Plan, ledger: &Shared) -> Report {
    let scope = Scope::new("outliving");
    let input = match plan.stop {
        Some((Stop::Failure, after)) => failing(after),
        _ => Source::new(0..INPUTS),
    };
    let passes = ProducerConsumer::items().consumers(2, |item: u64| async move { Ok(item) });
    let run = if plan.then {
        pattern(plan, ledger).then(passes).run_in(&scope, input)
    } else {
        pattern(plan, ledger).run_in(&scope, input)
    };
    match plan.stop {
        Some((Stop::Run, after)) => {
            yields(after).await;
            run.cancel();
        }
        Some((Stop::Scope, after)) => {
            yields(after).await;
            scope.cancel();
        }
        Some((Stop::Failure, _)) | None => {}
    }
    run.finish().await
}

fn consumers(report: &Report) -> Counts {
    // The first stage of this name has the handles under test. A chained pattern has a second stage of the name.
    let consumers = report.stages.iter().find(|stage| &*stage.stage == "consumers");
    consumers.expect("a stage of that name").counts
}

/// Asserts that every accepted item is consumed, or is counted as cancelled or never started after a stop.
fn assert_none_is_lost(plan: Plan, ledger: &Shared, report: &Report) {
    let mut ledger = ledger.lock();
    let Ledger { accepted, consumed, .. } = &mut *ledger;
    accepted.sort_unstable();
    consumed.sort_unstable();
    let counts = consumers(report);
    assert_eq!(counts.taken, accepted.len(), "{plan:?}: {report}");
    assert_eq!(counts.succeeded, consumed.len(), "{plan:?}: {report}");
    assert_eq!(
        counts.succeeded + counts.cancelled + counts.never_started,
        accepted.len(),
        "{plan:?}: {report}"
    );
    assert!(consumed.iter().all(|item| accepted.binary_search(item).is_ok()), "{plan:?}: never sent");
    if plan.stop.is_none() {
        assert_eq!(accepted, consumed, "{plan:?}: {report}");
    }
}

async fn plays(plan: Plan) {
    let ledger = Shared::default();
    let report = run(plan, &ledger).await;
    ledger.join().await;
    assert_none_is_lost(plan, &ledger, &report);
    if plan.stop.is_none() {
        ledger.assert_all_refuse().await;
    }
}

fn plans(yields: usize, stops: &[Option<Stop>]) -> Vec<Plan> {
    let mut plans = Vec::new();
    for capacity in [0, 1, 2, 50] {
        for newest_first in [false, true] {
            for then in [false, true] {
                for stop in stops {
                    let stop = stop.map(|stop| (stop, 2 * yields));
                    plans.push(Plan { capacity, newest_first, then, yields, stop });
                }
            }
        }
    }
    plans
}

const STOPS: [Option<Stop>; 3] = [Some(Stop::Scope), Some(Stop::Run), Some(Stop::Failure)];

fn single() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn several() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_time().build().expect("a runtime")
}

/// An item of a handle that outlives its job is consumed or refused, with any number of yields before the send.
#[test]
fn item_of_an_outliving_handle_is_consumed_or_refused() {
    let runtime = single();
    for yields in 0..60 {
        for plan in plans(yields, &[None]) {
            runtime.block_on(plays(plan));
        }
    }
}

/// An item that is sent from another thread is consumed or refused.
#[test]
fn item_of_another_thread_is_consumed_or_refused() {
    let runtime = several();
    for round in 0..200 {
        for plan in plans(round % 20, &[None]) {
            runtime.block_on(runtime.spawn(plays(plan))).expect("no panic");
        }
    }
}

/// An item that is sent to a stopped run is counted or refused.
#[test]
fn item_sent_to_a_stopped_run_is_counted_or_refused() {
    let runtime = single();
    for yields in 0..40 {
        for plan in plans(yields, &STOPS) {
            runtime.block_on(plays(plan));
        }
    }
}

/// An item that is sent from another thread during a stop is counted or refused.
#[test]
fn item_of_another_thread_at_a_stop_is_counted() {
    let runtime = several();
    for round in 0..100 {
        for plan in plans(round % 20, &STOPS) {
            runtime.block_on(runtime.spawn(plays(plan))).expect("no panic");
        }
    }
}

/// An item that a thread sends during the shutdown of the runtime is counted or refused.
#[test]
fn item_sent_while_the_runtime_shuts_down_is_counted() {
    let other = single();
    for round in 0..400 {
        for newest_first in [false, true] {
            let plan = Plan { capacity: 50, newest_first, then: false, yields: 0, stop: None };
            let ledger = Shared::default();
            let home = if round % 2 == 0 { single() } else { several() };
            let keeps = ledger.clone();
            let consumers = ProducerConsumer::items().consumers_that_send(2, move |_: u64, handle| {
                keeps.lock().try_senders.push(handle);
                pending::<anyhow::Result<u64>>()
            });
            let pattern = consumers.capacity(plan.capacity);
            let pattern = if newest_first { pattern.lifo() } else { pattern };
            // With an open input, the producers stay until their drop.
            let (inputs, input) = Source::channel(2);
            (0..2).for_each(|input| inputs.try_send(input).expect("there is room"));
            let inputs = (round % 4 < 2).then_some(inputs);
            let run = home.block_on(async {
                let run = pattern.run(input);
                while ledger.lock().try_senders.len() < 2 {
                    yield_now().await;
                }
                run
            });
            let handle = ledger.lock().try_senders.pop().expect("a handle");
            let sending = thread::spawn(move || {
                let mut accepted = 2;
                loop {
                    match sent_at_once(&handle, OUTLIVING) {
                        Ok(()) => accepted += 1,
                        Err(refused) if is_refused(&refused, OUTLIVING) => break accepted,
                        Err(_) => thread::yield_now(),
                    }
                }
            });
            drop(home);
            drop(inputs);
            let accepted = sending.join().expect("no panic");
            let report = other.block_on(run.finish());
            let counts = self::consumers(&report);
            assert_eq!(counts.taken, accepted, "{plan:?}: {report}");
        }
    }
}
