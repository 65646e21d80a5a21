//! Several stages: pipelines, chains, and a queue between producers and consumers that may also send.

use shuttle::future::block_on;
use towpath_models_shuttle::explore::{any, explore};
use towpath_models_shuttle::handles::{QueueSender, QueueTrySender};
use towpath_models_shuttle::jobs::{ITEMS, Live, adds_up, are_all, cancel_in_a_while, fanout, take_all};
use towpath_models_shuttle::{PatternExt, Pipeline, ProducerConsumer, Scope, Then, anyhow};

/// Two stages with a small capacity, and the counter of the jobs of each.
fn two_stages() -> (Then<impl PatternExt<usize, Out = usize>, impl PatternExt<usize, Out = usize>>, [Live; 2])
{
    let ((first, before), (second, after)) = (fanout(), fanout());
    (first.then(second), [before, after])
}

#[test]
fn chain_passes_every_item_through() {
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
fn cancelled_chain_accounts_for_items_at_both_stages() {
    explore(6_000, || {
        let (chain, live) = two_stages();
        block_on(async {
            let scope = Scope::new("model");
            let mut run = chain.run_in(&scope, 0..ITEMS);
            cancel_in_a_while(&scope);
            take_all(&mut run).await;
            live.iter().for_each(Live::is_over);
            adds_up(&run.finish().await);
            scope.wait().await.unwrap();
        });
    });
}

#[test]
fn pipeline_whose_first_stage_fails_ends_with_that_failure() {
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

/// Consumers that reach every number below `most` once, from 0 by `2n + 1` and `2n + 2`. The job of `fails` fails.
fn frontier(most: usize, fails: Option<usize>) -> (impl PatternExt<usize, Out = usize>, Live) {
    let live = Live::at_most(2);
    let jobs = live.clone();
    let pattern =
        ProducerConsumer::items().consumers_that_send(2, move |item: usize, queue: QueueTrySender<usize>| {
            let jobs = jobs.clone();
            async move {
                let item = jobs.job(item).await;
                anyhow::ensure!(Some(item) != fails, "the job of {item} fails");
                for next in [2 * item + 1, 2 * item + 2] {
                    if next < most {
                        queue.try_send(next)?;
                    }
                }
                Ok(item)
            }
        });
    (pattern.capacity(most), live)
}

#[test]
fn consumers_that_send_find_everything_and_the_run_ends() {
    explore(8_000, || {
        let (frontier, live) = frontier(5, None);
        block_on(async { are_all(frontier.run([0]).collect().await.unwrap(), 5) });
        live.is_over();
    });
}

#[test]
fn consumer_that_sends_and_fails_ends_the_run() {
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
fn items_of_the_producers_reach_a_consumer() {
    explore(6_000, || {
        let live = Live::at_most(2);
        let jobs = live.clone();
        let pattern = ProducerConsumer::producers(2, |input: usize, queue: QueueSender<usize>| async move {
            for item in [2 * input, 2 * input + 1] {
                queue.send(item).await?;
            }
            Ok(())
        })
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
