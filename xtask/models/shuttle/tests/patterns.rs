//! Whole patterns: every item is accounted for, nothing of a run is left when it says so, and it always ends.
//!
//! Jobs fail but do not panic: shuttle runs all tasks on one thread, where one that unwinds would have the others
//! believe that they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::{block_on, spawn, yield_now};
use towpath_models_shuttle::explore::{a_while, any, explore, once_in};
use towpath_models_shuttle::{
    Failure, Fanout, OnFailure, PatternExt, Permitted, Pipeline, ProducerConsumer, Report, Run, Scope,
    Semaphore, Source, anyhow,
};

/// How many jobs run, and the most that may.
#[derive(Clone)]
struct Live(Arc<AtomicUsize>, usize);

impl Live {
    fn at_most(jobs: usize) -> Self {
        Self(Arc::default(), jobs)
    }

    fn enter(&self) -> Running {
        let running = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(running <= self.1, "{running} jobs run, {} may", self.1);
        Running(Arc::clone(&self.0))
    }

    /// A job that waits now and then.
    async fn job(&self, item: usize) -> usize {
        let _running = self.enter();
        for _ in 0..any(0..=2) {
            yield_now().await;
        }
        item
    }

    #[track_caller]
    fn is_over(&self) {
        assert_eq!(self.0.load(Ordering::Relaxed), 0, "jobs are left");
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

const ITEMS: usize = 4;

/// A fan-out of two jobs at once, and the jobs.
fn fanout() -> (Fanout<impl towpath_models_shuttle::Job<usize, Out = usize>>, Live) {
    let live = Live::at_most(2);
    let jobs = live.clone();
    let job = move |item: usize| {
        let jobs = jobs.clone();
        async move { Ok(jobs.job(item).await) }
    };
    let fanout = Fanout::new(2, job).capacity(any(0..=2));
    (if once_in(2) { fanout.ordered() } else { fanout }, live)
}

/// The same, but that the job of item 2 fails.
fn failing(on_failure: OnFailure) -> (Fanout<impl towpath_models_shuttle::Job<usize, Out = usize>>, Live) {
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

#[track_caller]
fn adds_up(report: &Report) {
    for stage in &report.stages {
        assert_eq!(stage.counts.taken, stage.counts.settled(), "{report}");
    }
}

#[track_caller]
fn are_all(mut outputs: Vec<usize>, items: usize) {
    outputs.sort_unstable();
    assert!(outputs.iter().copied().eq(0..items), "of 0 to {items} there are {outputs:?}");
}

/// Takes everything, now and then after a while.
async fn take_all(run: &mut Run<usize>) -> (Vec<usize>, Option<Failure>) {
    let mut outputs = Vec::new();
    loop {
        match run.next().await {
            Some(Ok(output)) => outputs.push(output),
            Some(Err(failure)) => return (outputs, Some(failure)),
            None => return (outputs, None),
        }
        if once_in(3) {
            yield_now().await;
        }
    }
}

fn cancel_in_a_while(scope: &Scope) {
    let scope = scope.clone();
    spawn(async move {
        a_while().await;
        scope.cancel();
    });
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
        let (producer, consumer) = towpath_models_shuttle::queue::fifo(any(0..=2));
        spawn(async move {
            for item in 0..ITEMS {
                producer.put(item).await.unwrap();
            }
        });
        block_on(async { are_all(fanout.run(Source::stream(consumer)).collect().await.unwrap(), ITEMS) });
        live.is_over();
    });
}

#[test]
fn a_cancelled_fanout_accounts_for_every_item() {
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
            scope.closed().await.unwrap();
        });
    });
}

#[test]
fn a_cancel_ends_jobs_that_would_never_end() {
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
fn a_deadline_that_passes_ends_a_fanout() {
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
fn a_failure_ends_a_fanout_and_is_its_first_cause() {
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
fn a_fanout_that_goes_on_yields_the_failure_and_the_rest() {
    explore(4_000, || {
        let (fanout, live) = failing(OnFailure::Continue);
        block_on(async {
            let mut run = fanout.run(0..ITEMS);
            let outcomes = run.outcomes().await;
            let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
            assert_eq!((outcomes.len(), failed), (ITEMS, 1));
            adds_up(&run.finish().await);
        });
        live.is_over();
    });
}

#[test]
fn nothing_is_left_of_a_run_whose_taker_is_dropped() {
    explore(5_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let scope = Scope::new("model");
            let mut run = fanout.run_in(&scope, 0..ITEMS);
            for _ in 0..any(0..=2) {
                run.next().await.unwrap().unwrap();
            }
            drop(run);
            scope.closed().await.unwrap();
            live.is_over();
        });
    });
}

#[test]
fn what_was_never_begun_is_given_back() {
    explore(4_000, || {
        let (fanout, live) = fanout();
        block_on(async {
            let scope = Scope::new("model");
            let (source, kept) = Source::from(0..ITEMS).kept();
            let mut run = fanout.run_in(&scope, source);
            cancel_in_a_while(&scope);
            while run.next().await.is_some() {}
            let begun = {
                let counts = *run.finish().await.last();
                counts.settled() - counts.never_begun
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

/// Two stages with little room, and the jobs of each.
fn two_stages() -> (
    towpath_models_shuttle::Then<impl PatternExt<usize, Out = usize>, impl PatternExt<usize, Out = usize>>,
    [Live; 2],
) {
    let ((first, before), (second, after)) = (fanout(), fanout());
    (first.then(second), [before, after])
}

#[test]
fn a_chain_passes_every_item_through() {
    explore(6_000, || {
        let (chain, live) = two_stages();
        block_on(async {
            let mut run = chain.run(0..ITEMS);
            let (outputs, failure) = take_all(&mut run).await;
            assert!(failure.is_none(), "{failure:?}");
            are_all(outputs, ITEMS);
            adds_up(&run.finish().await);
        });
        live.iter().for_each(Live::is_over);
    });
}

#[test]
fn a_cancelled_chain_accounts_for_every_item_at_both_stages() {
    explore(6_000, || {
        let (chain, live) = two_stages();
        block_on(async {
            let scope = Scope::new("model");
            let mut run = chain.run_in(&scope, 0..ITEMS);
            cancel_in_a_while(&scope);
            take_all(&mut run).await;
            live.iter().for_each(Live::is_over);
            adds_up(&run.finish().await);
            scope.closed().await.unwrap();
        });
    });
}

#[test]
fn a_pipeline_whose_first_stage_fails_ends_with_that_failure() {
    explore(6_000, || {
        let live = Live::at_most(4);
        let (first, second) = (live.clone(), live.clone());
        let pipeline = Pipeline::new(2, move |item: usize| {
            let jobs = first.clone();
            async move {
                let item = jobs.job(item).await;
                anyhow::ensure!(item != 2, "the job of 2 fails");
                Ok(item)
            }
        })
        .capacity(1)
        .then_stage(2, move |item: usize| {
            let jobs = second.clone();
            async move { Ok(jobs.job(item).await) }
        })
        .capacity(1);
        block_on(async {
            let mut run = pipeline.run(0..ITEMS);
            let (_, failure) = take_all(&mut run).await;
            live.is_over();
            assert_eq!(failure.and_then(|failure| failure.index()), Some(2));
            adds_up(&run.finish().await);
        });
    });
}

/// From 0 by way of `2n + 1` and `2n + 2` every number below `most` once; `fails` fails.
fn frontier(most: usize, fails: Option<usize>) -> (ProducerConsumer<usize, usize, usize>, Live) {
    let live = Live::at_most(2);
    let jobs = live.clone();
    let pattern = ProducerConsumer::items().consumers_that_put(
        2,
        move |item: usize, queue: towpath_models_shuttle::handles::TryPut<usize>| {
            let jobs = jobs.clone();
            async move {
                let item = jobs.job(item).await;
                anyhow::ensure!(Some(item) != fails, "the job of {item} fails");
                for next in [2 * item + 1, 2 * item + 2] {
                    if next < most {
                        queue.put(next)?;
                    }
                }
                Ok(item)
            }
        },
    );
    (pattern.capacity(most), live)
}

#[test]
fn consumers_that_put_find_everything_and_the_run_ends() {
    explore(8_000, || {
        let (frontier, live) = frontier(5, None);
        block_on(async { are_all(frontier.run([0]).collect().await.unwrap(), 5) });
        live.is_over();
    });
}

#[test]
fn a_consumer_that_puts_and_fails_ends_the_run() {
    explore(5_000, || {
        let (frontier, live) = frontier(5, Some(2));
        block_on(async {
            let mut run = frontier.run([0]);
            let (_, failure) = take_all(&mut run).await;
            live.is_over();
            assert!(failure.is_some_and(|failure| !failure.is_cancelled()));
            adds_up(&run.finish().await);
        });
    });
}

#[test]
fn every_item_of_the_producers_reaches_a_consumer() {
    explore(6_000, || {
        let live = Live::at_most(2);
        let jobs = live.clone();
        let pattern = ProducerConsumer::producers(
            2,
            |input: usize, queue: towpath_models_shuttle::handles::Put<usize>| async move {
                for item in [2 * input, 2 * input + 1] {
                    queue.put(item).await?;
                }
                Ok(())
            },
        )
        .consumers(2, move |item: usize| {
            let jobs = jobs.clone();
            async move { Ok(jobs.job(item).await) }
        })
        .capacity(any(1..=2));
        block_on(async {
            let mut run = pattern.run(0..3);
            let (outputs, failure) = take_all(&mut run).await;
            assert!(failure.is_none(), "{failure:?}");
            are_all(outputs, 6);
            adds_up(&run.finish().await);
        });
        live.is_over();
    });
}

fn permitted(
    semaphore: &Semaphore,
    live: &Live,
) -> Permitted<impl towpath_models_shuttle::Job<usize, Out = usize> + use<>> {
    let jobs = live.clone();
    Permitted::new(semaphore, move |item: usize| {
        let jobs = jobs.clone();
        async move { Ok(jobs.job(item).await) }
    })
    .limit(2)
}

#[test]
fn two_runs_share_a_semaphore_with_one_who_acquires_from_it() {
    explore(6_000, || {
        let semaphore = Semaphore::new(1);
        let live = Live::at_most(1);
        block_on(async {
            let one = permitted(&semaphore, &live).run(0..3);
            let two = permitted(&semaphore, &live).run(0..3);
            let permit = semaphore.acquire().await.unwrap();
            let running = live.enter();
            yield_now().await;
            drop(running);
            drop(permit);
            are_all(one.collect().await.unwrap(), 3);
            are_all(two.collect().await.unwrap(), 3);
        });
        live.is_over();
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_run_that_is_cancelled_leaves_the_permits_to_the_other() {
    explore(6_000, || {
        let semaphore = Semaphore::new(1);
        let live = Live::at_most(1);
        block_on(async {
            let scope = Scope::new("model");
            let run = permitted(&semaphore, &live).run_in(&scope, 0..3);
            let other = permitted(&semaphore, &live).run(0..3);
            cancel_in_a_while(&scope);
            are_all(other.collect().await.unwrap(), 3);
            adds_up(&run.finish().await);
            scope.closed().await.unwrap();
        });
        live.is_over();
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn two_stages_under_one_permit_finish() {
    explore(4_000, || {
        let semaphore = Semaphore::new(1);
        let live = Live::at_most(1);
        block_on(async {
            let chain = permitted(&semaphore, &live).then(permitted(&semaphore, &live));
            are_all(chain.run(0..3).collect().await.unwrap(), 3);
        });
        live.is_over();
        assert_eq!(semaphore.available(), 1);
    });
}
