//! One stage: every item is accounted for, no job is left at the end of a run, and every run ends.

use std::sync::Arc;

use shuttle::future::{block_on, spawn, yield_now};
use towpath_models_shuttle::explore::{a_while, any, explore, once_in};
use towpath_models_shuttle::jobs::{ITEMS, Live, adds_up, are_all, cancel_in_a_while, fanout, take_all};
use towpath_models_shuttle::{Failure, Fanout, Job, OnFailure, PatternExt, Scope, Source, anyhow, queue};

/// A fan-out of two jobs at once. The job of item 2 fails.
fn failing(on_failure: OnFailure) -> (Fanout<impl Job<usize, Out = usize>>, Live) {
    let live = Live::at_most(2);
    let jobs = live.clone();
    let job = move |item: usize| {
        let jobs = jobs.clone();
        async move {
            let item = jobs.job(item).await;
            anyhow::ensure!(item != 2, "the job of 2 fails");
            Ok(item)
        }
    };
    let fanout = Fanout::new(2, job).on_failure(on_failure);
    (if once_in(2) { fanout.ordered() } else { fanout }, live)
}

#[test]
fn fanout_yields_an_output_for_every_item() {
    explore(6_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let mut run = fanout.run(0..ITEMS);
            let (outputs, failure) = take_all(&mut run).await;
            assert!(failure.is_none(), "{failure:?}");
            are_all(outputs, ITEMS);
            adds_up(&run.finish().await);
        });
        live.is_over();
    });
}

#[test]
fn fanout_takes_what_a_generator_sends() {
    explore(4_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let source = Source::generate(|out| async move {
                for item in 0..ITEMS {
                    if once_in(3) {
                        yield_now().await;
                    }
                    out.send(item).await;
                }
            });
            are_all(fanout.run(source).collect().await.unwrap(), ITEMS);
        });
        live.is_over();
    });
}

#[test]
fn fanout_takes_what_a_queue_brings() {
    explore(4_000, || {
        let (fanout, live) = fanout();
        let (producer, consumer) = queue::bounded(any(0..=2));
        spawn(async move {
            for item in 0..ITEMS {
                producer.send(item).await.unwrap();
            }
        });
        block_on(async { are_all(fanout.run(Source::new(consumer)).collect().await.unwrap(), ITEMS) });
        live.is_over();
    });
}

#[test]
fn cancelled_fanout_accounts_for_every_item() {
    explore(5_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let scope = Scope::new("model");
            let mut run = fanout.run_in(&scope, 0..ITEMS);
            cancel_in_a_while(&scope);
            let (outputs, failure) = take_all(&mut run).await;
            assert!(failure.is_none_or(|failure| failure.is_cancelled()));
            live.is_over();
            let report = run.finish().await;
            adds_up(&report);
            assert!(report.last().succeeded >= outputs.len(), "{report}");
            scope.wait().await.unwrap();
        });
    });
}

#[test]
fn cancel_ends_jobs_that_would_never_end() {
    explore(5_000, || {
        let live = Live::at_most(2);
        let jobs = live.clone();
        let fanout = Fanout::new(2, move |item: usize| {
            let jobs = jobs.clone();
            async move {
                let _running = jobs.enter();
                if item > 0 {
                    std::future::pending::<()>().await;
                }
                Ok(item)
            }
        });
        block_on(async {
            let scope = Scope::new("model");
            let run = fanout.run_in(&scope, 0..ITEMS);
            cancel_in_a_while(&scope);
            let report = run.finish().await;
            live.is_over();
            adds_up(&report);
            assert!(report.failures.iter().any(Failure::is_cancelled), "{report}");
        });
    });
}

#[test]
fn deadline_that_passes_ends_a_fanout() {
    explore(4_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let scope = Scope::new("model").with_timeout(std::time::Duration::from_secs(1));
            let mut run = fanout.run_in(&scope, 0..ITEMS);
            let (_, failure) = take_all(&mut run).await;
            assert!(failure.is_none_or(|failure| failure.is_cancelled()));
            adds_up(&run.finish().await);
        });
        live.is_over();
    });
}

#[test]
fn failure_ends_a_fanout_and_is_its_first_cause() {
    explore(5_000, || {
        let (fanout, live) = failing(OnFailure::Stop);
        block_on(async {
            let scope = Scope::new("model");
            let mut run = fanout.run_in(&scope, 0..ITEMS);
            let (outputs, failure) = take_all(&mut run).await;
            live.is_over();
            assert_eq!(failure.and_then(|failure| failure.index()), Some(2));
            assert!(!outputs.contains(&2));
            let report = run.finish().await;
            adds_up(&report);
            assert_eq!(report.last().errored, 1, "{report}");
            assert!(report.failures.is_empty(), "{report}");
        });
    });
}

#[test]
fn fanout_that_goes_on_yields_the_failure_and_the_rest() {
    explore(4_000, || {
        let (fanout, live) = failing(OnFailure::Continue);
        block_on(async {
            let (outcomes, report) = fanout.run(0..ITEMS).outcomes().await;
            let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
            assert_eq!((outcomes.len(), failed), (ITEMS, 1));
            adds_up(&report);
        });
        live.is_over();
    });
}

#[test]
fn nothing_is_left_of_a_run_whose_receiver_is_dropped() {
    explore(5_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let scope = Scope::new("model");
            let mut run = fanout.run_in(&scope, 0..ITEMS);
            for _ in 0..any(0..=2) {
                run.next().await.unwrap().unwrap();
            }
            drop(run);
            scope.wait().await.unwrap();
            live.is_over();
        });
    });
}

#[test]
fn unstarted_items_are_given_back() {
    explore(4_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let scope = Scope::new("model");
            let (source, kept) = Source::new(0..ITEMS).kept();
            let mut run = fanout.run_in(&scope, source);
            cancel_in_a_while(&scope);
            while run.next().await.is_some() {}
            let begun = {
                let counts = *run.finish().await.last();
                counts.settled() - counts.never_started
            };
            let mut rest = kept.take().unwrap();
            let mut unbegun = 0;
            while let Some(item) = rest.next().await {
                item.unwrap();
                unbegun += 1;
            }
            assert_eq!(begun + unbegun, ITEMS);
        });
        live.is_over();
    });
}

#[test]
fn fanout_takes_what_a_task_sends_for_its_generator() {
    explore(4_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let source = Source::generate(|out| async move {
                let sender = spawn(async move {
                    for item in 0..ITEMS {
                        out.send(item).await;
                    }
                });
                sender.await.unwrap();
            });
            are_all(fanout.run(source).collect().await.unwrap(), ITEMS);
        });
        live.is_over();
    });
}

#[test]
fn job_that_waits_for_the_next_one_finishes() {
    explore(5_000, || {
        let pairs = Arc::new([(); ITEMS / 2].map(|()| tokio::sync::Barrier::new(2)));
        let fanout = Fanout::new(2, move |item: usize| {
            let pairs = Arc::clone(&pairs);
            async move {
                pairs[item / 2].wait().await;
                Ok(item)
            }
        });
        block_on(async { are_all(fanout.run(0..ITEMS).collect().await.unwrap(), ITEMS) });
    });
}

#[test]
fn items_taken_are_within_the_bound() {
    explore(4_000, || {
        let capacity = any(0..=1);
        let live = Live::at_most(2);
        let jobs = live.clone();
        let job = move |item: usize| {
            let jobs = jobs.clone();
            async move { Ok(jobs.job(item).await) }
        };
        block_on(async {
            let run = Fanout::new(2, job).capacity(capacity).run(0..ITEMS);
            a_while().await;
            let taken = run.report().stages[0].counts.taken;
            assert!(taken <= 2 + capacity, "{taken} items were taken, and no output was received");
            are_all(run.collect().await.unwrap(), ITEMS);
        });
        live.is_over();
    });
}
