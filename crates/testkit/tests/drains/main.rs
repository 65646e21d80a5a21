//! Drains at random moments of random patterns: every item is accounted for exactly once, and the drain ends within its
//! budget.

mod case;
mod ledger;

use std::sync::Arc;
use std::time::Duration;

use case::{Case, End, Subject};
use ledger::Ledger;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};
use towpath_fanout::{Failure, Kept, OnFailure, PatternExt, Report, Run, Scope, Source};

/// The drains on the paused clock, for each subject.
const DRAINS: u64 = 250;

/// The drains on several threads, for each subject.
const DRAINS_ON_THREADS: u64 = 40;

/// The results of a drain.
struct Drained {
    report: Report,
    /// The outputs that the run yielded; `None` if no receiver took the outputs.
    outputs: Option<Vec<u64>>,
    took: Duration,
}

async fn drain(case: &Case, ledger: &Arc<Ledger>, kept_of: impl FnOnce(Kept<u64>)) -> Drained {
    let scope = Scope::new("drained");
    let (source, kept) = case.source(&scope).kept();
    kept_of(kept);
    let mut run = case.pattern(ledger).run_in(&scope, source);
    let mut outputs = Vec::new();
    take(&mut run, case.outputs_before, &mut outputs).await;
    case.pause().await;
    let begin = Instant::now();
    let drained = match case.end {
        End::Run => {
            let report = run.drain(case.budget).await;
            Drained { report, outputs: None, took: begin.elapsed() }
        }
        End::Outputs => {
            run.stop_taking();
            take(&mut run, usize::MAX, &mut outputs).await;
            Drained { report: run.finish().await, outputs: Some(outputs), took: Duration::ZERO }
        }
        End::Scope => {
            let receiver = async {
                take(&mut run, usize::MAX, &mut outputs).await;
                run.finish().await
            };
            let (drained, mut report) = tokio::join!(scope.drain(case.budget), receiver);
            report.forced = drained.is_err_and(|failure| failure.is_cancelled());
            Drained { report, outputs: Some(outputs), took: begin.elapsed() }
        }
        End::Signal => {
            let signal = || sleep(Duration::ZERO);
            let report = run.drain_on(signal, case.budget).await;
            Drained { report, outputs: None, took: Duration::ZERO }
        }
    };
    // A sender of the source has ended, too, once the handle of the kept source has gone.
    ledger.assert_quiet();
    drained
}

async fn take(run: &mut Run<u64>, most: usize, outputs: &mut Vec<u64>) {
    let mut taken = 0;
    while taken < most
        && let Some(outcome) = run.next().await
    {
        taken += 1;
        outputs.extend(outcome.ok());
    }
}

/// Returns the next items of a source that a run gave back.
async fn items_of(kept: &Kept<u64>, most: usize) -> Vec<u64> {
    let mut source: Source<u64> = kept.take().expect("the run is over");
    let mut items = Vec::new();
    while items.len() < most {
        match tokio::time::timeout(Duration::from_secs(600), source.next()).await {
            Ok(Some(item)) => items.push(item.expect("no failure")),
            _ => break,
        }
    }
    items
}

async fn check(case: Case, on_threads: bool) {
    let ledger = Arc::new(Ledger::default());
    let mut kept = None;
    let drained = drain(&case, &ledger, |handle| kept = Some(handle)).await;
    let Drained { report, outputs, took } = drained;
    let context = format!("{case:?}: {report}");

    for stage in &report.stages {
        let counts = stage.counts;
        assert_eq!((counts.taken, counts.running), (counts.settled(), 0), "{context}");
    }
    let first = report.stages[0].counts;
    let started = ledger.started();
    assert!(started.windows(2).all(|two| two[0] < two[1]), "an item was started twice: {context}");
    assert_eq!(first.taken, started.len() + first.never_started, "{context}");

    // The started items and the returned items are all taken items, and the rest of the source follows.
    let given_back = items_of(&kept.expect("set before"), first.never_started + 1).await;
    assert!(given_back.windows(2).all(|two| two[0] < two[1]), "{given_back:?}: {context}");
    assert!(given_back.len() > first.never_started || case.source_is_lossy(), "{context}");
    let mut all = started;
    all.extend(given_back.iter().take(first.never_started));
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..first.taken as u64), "{all:?}: {context}");

    if let Some(mut outputs) = outputs {
        outputs.sort_unstable();
        assert!(outputs.windows(2).all(|two| two[0] < two[1]), "an output came twice: {context}");
        if !report.forced && case.on_failure == OnFailure::Continue {
            assert_eq!(outputs.len(), report.last().succeeded, "{context}");
        }
    }
    let failed =
        report.failures.iter().any(|failure| !Failure::is_cancelled(failure)) || report.cancelled() > 0;
    if case.on_failure == OnFailure::Continue && !report.forced {
        assert_eq!(report.cancelled(), 0, "what has started completes: {context}");
    }
    assert!(
        !report.forced || failed || on_threads || !report.failures.is_empty() || case.end == End::Scope,
        "{context}"
    );
    if !on_threads {
        assert!(took <= case.budget, "{took:?}: {context}");
    }
}

fn runtime(on_threads: bool) -> Runtime {
    if on_threads {
        return Builder::new_multi_thread().worker_threads(4).enable_time().build().expect("a runtime");
    }
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

fn check_all(subject: Subject, drains: u64, on_threads: bool) {
    for seed in 0..drains {
        let case = Case::new(subject, seed, on_threads);
        runtime(on_threads).block_on(check(case, on_threads));
    }
}

macro_rules! subjects {
    ($($name:ident: $subject:ident)+) => {$(
        #[test]
        fn $name() {
            check_all(Subject::$subject, DRAINS, false);
            check_all(Subject::$subject, DRAINS_ON_THREADS, true);
        }
    )+};
}

subjects! {
    drains_of_a_fanout_lose_no_item: Fanout
    drains_of_a_pipeline_lose_no_item: Pipeline
    drains_of_producers_and_consumers_lose_no_item: ProducerConsumer
    drains_of_jobs_with_permits_lose_no_item: Semaphore
    drains_of_jobs_with_resources_lose_no_item: Resource
    drains_of_a_chain_of_patterns_lose_no_item: Chain
}
