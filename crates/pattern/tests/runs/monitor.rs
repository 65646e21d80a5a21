//! Monitors of runs, and the report of a run that waits for a receiver.

use std::future::{Future as _, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_util::StreamExt as _;
use tokio::task::yield_now;
use towpath_pattern::{Counts, Job, Monitor, OnFailure, Report, Run, Scope, Settings, Source, anyhow};

use super::{run_in, settle};

async fn same(item: u32) -> anyhow::Result<u32> {
    Ok(item)
}

fn last(monitor: &Monitor) -> Counts {
    *monitor.report().last()
}

fn settings(name: &str) -> Settings {
    Settings::new(name, 2)
}

fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}

#[tokio::test]
async fn monitor_has_the_counts_of_the_run_at_every_moment() {
    let mut run = run_in(&Scope::default(), 0..20, settings("same"), same);
    let monitor = run.monitor();
    is_shared(&monitor);
    while let Some(output) = run.next().await {
        output.expect("it does not fail");
        assert_eq!(monitor.report().stages, run.report().stages);
        assert!(monitor.report().failures.is_empty());
    }
    assert_eq!((last(&monitor).taken, last(&monitor).delivered), (20, 20));
}

#[tokio::test]
async fn monitor_works_in_another_task_and_on_another_thread() {
    let run = run_in(&Scope::default(), 0..20, settings("same"), same);
    let monitor = run.monitor();
    let clone = monitor.clone();
    let watching = tokio::spawn(async move {
        while last(&clone).delivered < 20 {
            yield_now().await;
        }
        thread::spawn(move || last(&clone).succeeded).join().expect("no panic")
    });
    assert_eq!(run.collect().await.expect("it does not fail").len(), 20);
    assert_eq!(watching.await.expect("no panic"), 20);
}

#[tokio::test]
async fn monitor_has_all_upstream_stages() {
    let first = run_in(&Scope::default(), 0..20, settings("first"), same);
    let of_first = first.monitor();
    let second = run_in(&Scope::default(), first, settings("second"), same);
    let third = run_in(&Scope::default(), second, settings("third"), same);
    let monitor = third.monitor();
    third.collect().await.expect("it does not fail");
    let report = monitor.report();
    let names: Vec<_> = report.stages.iter().map(|stage| &*stage.stage).collect();
    assert_eq!(names, ["first", "second", "third"]);
    assert!(report.stages.iter().all(|stage| (stage.counts.taken, stage.counts.delivered) == (20, 20)));
    assert_eq!(of_first.report().stages, report.stages[..1]);
}

#[tokio::test]
async fn monitor_works_after_the_run_became_a_stream() {
    let run = run_in(&Scope::default(), 0..20, settings("same"), same);
    let monitor = run.monitor();
    let sums = run.map(|output| output.expect("it does not fail") + 1).collect::<Vec<_>>().await;
    assert_eq!((sums.len(), last(&monitor).delivered), (20, 20));
}

#[tokio::test]
async fn monitor_of_an_indexed_run_is_the_monitor_of_the_run() {
    let indexed = run_in(&Scope::default(), 0..20, settings("same"), same).indexed();
    let monitor = indexed.monitor();
    assert_eq!(indexed.finish().await.stages, monitor.report().stages);
}

/// Counts the values that are alive.
#[derive(Clone, Debug, Default)]
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn value(&self) -> Value {
        self.0.fetch_add(1, SeqCst);
        Value(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[derive(Debug)]
struct Value(Alive);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

/// A source with a value of its own, and an endless number of items.
fn source(alive: &Alive) -> Source<Value> {
    let (own, alive) = (alive.value(), alive.clone());
    Source::new(std::iter::repeat_with(move || {
        let _ = &own;
        alive.value()
    }))
}

/// Creates a job that holds a value, and that returns a new value for each of the first three items. The jobs of later
/// items wait.
fn job(alive: &Alive) -> impl Job<Value, Out = Value> + use<> {
    let (own, outputs, alive) = (alive.value(), AtomicUsize::new(0), alive.clone());
    move |item: Value| {
        let _ = &own;
        let (number, output) = (outputs.fetch_add(1, SeqCst), alive.value());
        async move {
            let _item = item;
            if number < 3 { Ok(output) } else { pending().await }
        }
    }
}

/// The monitor of a dropped run: all values of the run are dropped, the scope has ended, and the counts are final.
#[tokio::test]
async fn monitor_keeps_nothing_of_a_dropped_run() {
    for stages in [1, 2] {
        let (alive, scope) = (Alive::default(), Scope::new("outer"));
        let mut run = run_in(&scope, source(&alive), settings("stage").capacity(4), job(&alive));
        if stages == 2 {
            run = run_in(&scope, run, settings("stage").capacity(4), job(&alive));
        }
        let monitor = run.monitor();
        let output = run.next().await.expect("an output").expect("it does not fail");
        settle().await;
        assert!(alive.count() > 3, "the source, the items, the jobs and the outputs");
        drop((output, run));
        scope.wait().await.expect("a drop is no failure");
        assert_eq!(alive.count(), 0);
        let report = monitor.report();
        assert_eq!(report.stages.len(), stages);
        for stage in &report.stages {
            assert_eq!((stage.counts.running, stage.counts.waiting()), (0, 0), "{report}");
            assert_eq!(stage.counts.taken, stage.counts.settled(), "{report}");
        }
        assert_eq!(report.last().delivered, 1, "{report}");
        settle().await;
        assert_eq!(monitor.report().stages, report.stages, "the counts are final");
    }
}

/// The outputs that were not taken are dropped with the run.
#[tokio::test]
async fn monitor_of_a_finished_run_has_the_counts_of_its_report() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        let bad = |item: u32| async move {
            anyhow::ensure!(item != 5, "on purpose");
            Ok(item)
        };
        let run = run_in(&Scope::default(), 0..20, settings("check").on_failure(on_failure), bad);
        let monitor = run.monitor();
        let report: Report = run.finish().await;
        assert_eq!(monitor.report().stages, report.stages);
        settle().await;
        assert_eq!(monitor.report().stages, report.stages);
    }
}

/// The yielded outputs of a dropped run are counted, with all sizes of the portions.
#[tokio::test]
async fn monitor_counts_what_a_dropped_run_has_yielded() {
    for taken in 0..40 {
        let scope = Scope::new("outer");
        let mut run = run_in(&scope, 0..100, Settings::new("same", 20), same);
        let monitor = run.monitor();
        for _ in 0..taken {
            run.next().await.expect("an output").expect("it does not fail");
        }
        drop(run);
        scope.wait().await.expect("nothing failed");
        assert_eq!(last(&monitor).delivered, taken);
    }
}

/// Reads of a monitor race with the end of the run on other threads: no read goes back.
#[test]
fn monitor_that_races_with_the_end_of_the_run_never_goes_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for _ in 0..300 {
        let scope = Scope::new("outer");
        let run = {
            let _entered = runtime.enter();
            run_in(&scope, 0..50, settings("same"), same)
        };
        let monitor = run.monitor();
        let clone = monitor.clone();
        let reader = thread::spawn(move || {
            let mut before = 0;
            while before < 50 {
                let now = last(&clone).delivered;
                assert!(now >= before);
                before = now;
            }
        });
        assert_eq!(runtime.block_on(run.collect()).expect("it does not fail").len(), 50);
        assert_eq!(last(&monitor).delivered, 50);
        reader.join().expect("no panic");
    }
}

/// A weak reference of a monitor must not make the drop of a chain recurse.
#[test]
fn chain_with_monitors_is_dropped_without_recursion() {
    let chain = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let monitor = runtime.block_on(async {
            let mut run = run_in(&Scope::default(), 0..1, settings("first"), same);
            for _ in 0..3_000 {
                run = run_in(&Scope::default(), run, settings("next"), same);
            }
            let monitor = run.monitor();
            assert_eq!(run.collect().await.expect("it does not fail"), [0]);
            monitor
        });
        assert_eq!(monitor.report().stages.len(), 3_001);
        assert!(monitor.report().stages.iter().all(|stage| stage.counts.delivered == 1));
    };
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(chain).expect("a thread");
    thread.join().expect("no panic");
}

/// The scope waits for a run without a receiver, and the report has the reason.
#[tokio::test]
async fn run_at_its_bound_without_a_receiver_says_so() {
    let scope = Scope::new("outer");
    let mut run: Run<u32> = run_in(&scope, 0..20, settings("fetch").capacity(6), same);
    let monitor = run.monitor();
    let mut waiting = pin!(scope.wait());
    settle().await;
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let text = "fetch: 8 taken, 8 succeeded, 8 not yielded (at the bound: waits for a receiver)";
    assert_eq!(monitor.report().to_string(), text);
    assert!(run.report().stages[0].waits_for_receiver);

    // The receiver takes the outputs.
    while run.next().await.is_some() {}
    assert!(!monitor.report().stages[0].waits_for_receiver);
    assert_eq!(monitor.report().to_string(), "fetch: 20 taken, 20 succeeded");
    assert!(matches!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
}

/// A run that is over, a run below the bound, and a run with a job at work wait for no receiver.
#[tokio::test]
async fn run_that_waits_for_something_else_does_not_name_a_receiver() {
    let scope = Scope::new("outer");
    let over = run_in(&scope, 0..3, settings("over").capacity(6), same);
    let works = run_in(&scope, 0..20, settings("works").capacity(6), |item: u32| async move {
        if item == 0 { pending().await } else { Ok(item) }
    });
    settle().await;
    assert_eq!(over.report().to_string(), "over: 3 taken, 3 succeeded, 3 not yielded");
    assert_eq!(works.report().to_string(), "works: 8 taken, 7 succeeded, 1 running, 7 not yielded");
    works.cancel();
    settle().await;
    assert!(!works.report().stages[0].waits_for_receiver);
}
