//! Runs that are merged: the report, the end of the taking, a drain and a stop reach every branch.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::poll_fn;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use towpath_pattern::{Kept, Run, Scope, Settings, Source, anyhow};

use crate::{run_in, settle};

/// A run that returns its items after a short wait.
fn stage(scope: &Scope, name: &'static str, source: Source<u64>) -> Run<u64> {
    let job = |item: u64| async move {
        sleep(Duration::from_millis(item % 7)).await;
        Ok(item)
    };
    run_in(scope, source, Settings::new(name, 3), job)
}

/// Two stages, one behind the other.
fn branch(scope: &Scope, names: [&'static str; 2], source: Source<u64>) -> Source<u64> {
    Source::new(stage(scope, names[1], Source::new(stage(scope, names[0], source))))
}

fn names(report: &towpath_pattern::Report) -> Vec<&str> {
    report.stages.iter().map(|stage| &*stage.stage).collect()
}

async fn rest_of(kept: &Kept<u64>, first: usize) -> Vec<u64> {
    let mut source = kept.take().expect("the run is over");
    let mut rest = Vec::new();
    while rest.len() < first
        && let Some(item) = source.next().await
    {
        rest.push(item.expect("no failure"));
    }
    rest
}

/// The branches come in the order of the sources, and each with its first stage first.
#[tokio::test(start_paused = true)]
async fn report_of_merged_runs_lists_the_stages_of_all_branches() {
    let scope = Scope::default();
    let sources = [
        branch(&scope, ["a1", "a2"], Source::new(0..10)),
        Source::new(100..103),
        Source::merge([
            branch(&scope, ["b1", "b2"], Source::new(10..15)),
            Source::new(stage(&scope, "c", Source::new(0..2))),
        ]),
    ];
    let run = stage(&scope, "all", Source::merge(sources));
    let monitor = run.monitor();
    let expected = ["a1", "a2", "b1", "b2", "c", "all"];
    assert_eq!(names(&run.report()), expected);
    let report = run.finish().await;
    assert_eq!(names(&report), expected);
    assert_eq!(names(&monitor.report()), expected);
    let succeeded: Vec<_> = report.stages.iter().map(|stage| stage.counts.succeeded).collect();
    assert_eq!(succeeded, [10, 10, 5, 5, 2, 20]);
}

/// The merged stage and the second stages complete the items in the chain.
#[tokio::test(start_paused = true)]
async fn stop_taking_ends_the_first_stage_of_every_branch() {
    let scope = Scope::default();
    let (a, kept_a) = Source::new(0_u64..).kept();
    let (b, kept_b) = Source::new(1_000_000_u64..).kept();
    let merged = Source::merge([branch(&scope, ["a1", "a2"], a), branch(&scope, ["b1", "b2"], b)]);
    let mut run = stage(&scope, "all", merged);
    let mut outputs = Vec::new();
    while let Some(output) = run.next().await {
        outputs.push(output.expect("no failure"));
        if outputs.len() == 40 {
            run.stop_taking();
        }
    }
    let report = run.report();
    let [a1, a2, b1, b2, all] = [0, 1, 2, 3, 4].map(|stage| report.stages[stage].counts);
    assert_eq!((a1.succeeded, b1.succeeded), (a2.succeeded, b2.succeeded));
    assert_eq!((all.taken, all.succeeded), (outputs.len(), a2.succeeded + b2.succeeded));
    assert_eq!([a1, a2, b1, b2, all].map(|counts| counts.cancelled), [0; 5]);
    assert_eq!([a2, b2, all].map(|counts| counts.never_started), [0; 3]);
    outputs.extend(rest_of(&kept_a, 20).await);
    outputs.extend(rest_of(&kept_b, 20).await);
    outputs.sort_unstable();
    let split = outputs.partition_point(|item| *item < 1_000_000);
    assert!(outputs[..split].iter().copied().eq(0..split as u64), "{outputs:?}");
    assert!(
        outputs[split..].iter().zip(1_000_000..).all(|(item, expected)| *item == expected),
        "{outputs:?}"
    );
}

/// A source next to a run has no stage before the merged stage: the source ends, and keeps its rest.
#[tokio::test(start_paused = true)]
async fn stop_taking_ends_the_sources_next_to_a_run() {
    let scope = Scope::default();
    let (numbers, kept) = Source::new(1_000_u64..).kept();
    let (sender, channel) = Source::channel(2);
    let refused = scope.spawn_value("sender", async move {
        let mut sent = 0_u64;
        while sender.send(1_000_000 + sent).await.is_ok() {
            sent += 1;
        }
        Ok(sent)
    });
    let inner = Source::merge([numbers, branch(&scope, ["a1", "a2"], Source::new(0_u64..))]);
    let mut run = stage(&scope, "all", Source::merge([channel, inner]));
    let mut outputs = Vec::new();
    while let Some(output) = run.next().await {
        outputs.push(output.expect("no failure"));
        if outputs.len() == 40 {
            run.stop_taking();
        }
        assert!(outputs.len() < 200, "a source goes on");
    }
    let counts = run.report().stages[2].counts;
    assert_eq!((counts.taken, counts.succeeded), (outputs.len(), outputs.len()));
    let sent = refused.await.expect("the sender gets an error");
    let of_channel = outputs.iter().filter(|item| **item >= 1_000_000).count();
    assert!(sent - of_channel as u64 <= 2, "the channel has {of_channel} of {sent} items");
    outputs.retain(|item| (1_000..1_000_000).contains(item));
    outputs.extend(rest_of(&kept, 20).await);
    outputs.sort_unstable();
    assert!(outputs.iter().zip(1_000..).all(|(item, expected)| *item == expected), "{outputs:?}");
}

/// The job of the first item of the channel waits for the error of the sender, so the receiver is dropped before the
/// end.
#[tokio::test(start_paused = true)]
async fn channel_next_to_a_run_is_dropped_before_the_end() {
    let scope = Scope::default();
    let (sender, channel) = Source::channel(1);
    let refused = Arc::new(Notify::new());
    let notify = Arc::clone(&refused);
    scope.spawn("sender", async move {
        while sender.send(1_000).await.is_ok() {}
        notify.notify_one();
        Ok(())
    });
    let waits = AtomicBool::new(true);
    let job = move |item: u64| {
        let first = item == 1_000 && waits.swap(false, Ordering::Relaxed);
        let refused = Arc::clone(&refused);
        async move {
            if first {
                refused.notified().await;
            }
            Ok(item)
        }
    };
    let upstream = Source::new(stage(&scope, "a", Source::new(0_u64..500)));
    let mut run = run_in(&scope, Source::merge([channel, upstream]), Settings::new("all", 4), job);
    run.next().await.expect("there is more").expect("no failure");
    run.stop_taking();
    timeout(Duration::from_secs(60), run.finish()).await.expect("the sender has an error");
    scope.wait().await.expect("no failure");
}

/// The stage is full, and the job waits for the drop of the receiver.
#[tokio::test(start_paused = true)]
async fn full_stage_drops_the_receiver_next_to_a_run() {
    let scope = Scope::default();
    let (sender, receiver) = mpsc::channel::<u64>(1);
    sender.try_send(1).expect("capacity");
    let job = move |_: u64| {
        let sender = sender.clone();
        async move {
            sender.closed().await;
            Ok(())
        }
    };
    let upstream = Source::new(stage(&scope, "a", Source::new(0..0)));
    let settings = Settings::new("all", 1).capacity(0);
    let run = run_in(&scope, Source::merge([upstream, Source::new(receiver)]), settings, job);
    settle().await;
    assert_eq!(run.report().last().running, 1);
    run.stop_taking();
    let report = timeout(Duration::from_secs(60), run.finish()).await.expect("the receiver is dropped");
    assert_eq!(report.last().succeeded, 1);
}

/// The request comes while the merged source is polled, after the source has looked for a request. No other member
/// wakes the source afterwards.
#[tokio::test(start_paused = true)]
async fn stop_taking_during_a_poll_of_a_source_is_seen() {
    let scope = Scope::default();
    let run = Arc::new(OnceLock::<Run<u64>>::new());
    let called = Arc::clone(&run);
    let (wake, woken) = oneshot::channel::<()>();
    let mut woken = Some(woken);
    let stops = poll_fn(move |cx| {
        let is_woken = woken.as_mut().is_some_and(|woken| Pin::new(woken).poll(cx).is_ready());
        if is_woken && let Some(run) = called.get() {
            woken = None;
            run.stop_taking();
        }
        Poll::<Option<u64>>::Pending
    });
    let upstream = Source::new(stage(&scope, "a", Source::new(0..0)));
    assert!(run.set(stage(&scope, "all", Source::merge([upstream, Source::new(stops)]))).is_ok());
    settle().await;
    wake.send(()).expect("the source is open");
    timeout(Duration::from_secs(60), scope.wait()).await.expect("the run ends").expect("no failure");
}

/// The rest of the sources comes back through the handle of the merged source, and runs again.
#[tokio::test(start_paused = true)]
async fn kept_merge_of_a_run_and_a_source_yields_the_rest() {
    let scope = Scope::default();
    let run_of = |source| Source::new(stage(&scope, "a", source));
    let merged = Source::merge([
        run_of(Source::new(1_000_u64..)),
        Source::new(0..500).chunks(2, Duration::MAX).flatten(),
    ]);
    let (source, kept) = merged.kept();
    let mut run = stage(&scope, "all", source);
    let mut outputs = Vec::new();
    while let Some(output) = run.next().await {
        outputs.push(output.expect("no failure"));
        if outputs.len() == 40 {
            run.stop_taking();
        }
    }
    outputs.retain(|item| *item < 500);
    assert!(outputs.len() < 100);
    let rest = kept.take().expect("the run is over");
    outputs.extend(stage(&scope, "rest", rest).collect().await.expect("no failure"));
    outputs.sort_unstable();
    assert!(outputs.iter().copied().eq(0..500), "{outputs:?}");
}

/// Merges the chunks of a channel with the chunks of a run, and ends the taking after three items of the channel.
/// Returns the run at its end. The outputs have the three items.
async fn stopped_within_a_chunk(
    sender: &async_channel::Sender<u64>,
    chunks: Source<Vec<u64>>,
) -> Run<Vec<u64>> {
    let scope = Scope::default();
    let upstream = Source::new(stage(&scope, "a", Source::new(0_u64..)));
    let sources = [chunks, upstream.chunks(10, Duration::from_millis(5))];
    let job = |chunk: Vec<u64>| async move { Ok(chunk) };
    let mut run = run_in(&scope, Source::merge(sources), Settings::new("all", 2).ordered(), job);
    for item in 1_000..1_003 {
        sender.try_send(item).expect("capacity");
    }
    let mut outputs = Vec::new();
    sleep(Duration::from_millis(20)).await;
    run.stop_taking();
    let rest = async {
        while let Some(output) = run.next().await {
            outputs.extend(output.expect("no failure"));
        }
    };
    timeout(Duration::from_secs(60), rest).await.expect("the run ends");
    outputs.retain(|item| *item >= 1_000);
    assert_eq!(outputs, [1_000, 1_001, 1_002]);
    run
}

/// The time of the chunk is never up, and the channel stays open.
#[tokio::test(start_paused = true)]
async fn unfinished_chunk_next_to_a_run_is_completed() {
    let (sender, channel) = Source::channel(10);
    let run = stopped_within_a_chunk(&sender, channel.chunks(10, Duration::MAX)).await;
    assert_eq!(run.report().last().never_started, 0);
}

/// The merged stage computes nothing, and has no place for the failure.
#[tokio::test(start_paused = true)]
async fn failure_of_one_branch_stops_the_other_branches() {
    let scope = Scope::default();
    let failing = run_in(&scope, 0.., Settings::new("failing", 1).capacity(50), |item: u64| async move {
        sleep(Duration::from_millis(1)).await;
        anyhow::ensure!(item < 20, "item {item} is too large");
        Ok(item)
    });
    let sources = [branch(&scope, ["b1", "b2"], Source::new(0_u64..)), Source::new(failing)];
    let job = |_: u64| pending::<anyhow::Result<()>>();
    let run = run_in(&scope, Source::merge(sources), Settings::new("all", 1).capacity(0), job);
    let report = timeout(Duration::from_secs(1), run.finish()).await.expect("the failure stops the run");
    // The index of item 20 of source 1 of 2.
    assert_eq!((report.failures[0].stage(), report.failures[0].index()), ("failing", Some(41)));
    assert_eq!(names(&report), ["b1", "b2", "failing", "all"]);
    assert!(report.stages.iter().all(|stage| stage.counts.taken == stage.counts.settled()));
    scope.wait().await.expect("no failure is left");
}

/// The budget is spent while a job of a branch runs.
#[tokio::test(start_paused = true)]
async fn drain_of_merged_runs_ends_within_the_budget() {
    let scope = Scope::default();
    let naps = run_in(&scope, 0.., Settings::new("naps", 1), |item: u64| async move {
        sleep(Duration::from_secs(item * 60)).await;
        Ok(item)
    });
    let (numbers, kept) = Source::new(0_u64..).kept();
    let sources = [Source::new(naps), branch(&scope, ["b1", "b2"], numbers)];
    let run = stage(&scope, "all", Source::merge(sources));
    settle().await;
    let report = run.drain(Duration::from_secs(10)).await;
    assert!(report.forced);
    assert_eq!((report.stages[0].counts.cancelled, report.stages[1].counts.cancelled), (1, 0));
    assert_eq!(report.stages[1].counts.succeeded, report.stages[2].counts.succeeded);
    let taken = report.stages[1].counts.succeeded as u64;
    assert_eq!(rest_of(&kept, 1).await, [taken]);
}

/// At a random moment under many threads, every item of every branch is accounted for once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stop_taking_of_merged_runs_loses_no_item() {
    const ITEMS: u64 = 2_000;
    for round in 0..100_u64 {
        let scope = Scope::default();
        let mut kept = Vec::new();
        let mut source = |number: u64| {
            let (source, rest) = Source::new(number * ITEMS..(number + 1) * ITEMS).kept();
            kept.push(rest);
            source
        };
        let step = move |item: u64| async move {
            if item % 64 == round % 64 {
                yield_now().await;
            }
            Ok(item)
        };
        let run = |source, limit| run_in(&scope, source, Settings::new("some", limit).capacity(9), step);
        let plain = source(0);
        let single = Source::new(run(source(1), 2));
        let double = Source::new(run(Source::new(run(source(2), 3)), 1));
        let nested = Source::merge([source(3), Source::new(run(source(4), 1))]);
        let mut all = run(Source::merge([plain, single, double, nested]), 1 + (round % 5) as usize);
        let mut outputs = Vec::new();
        while let Some(output) = all.next().await {
            outputs.push(output.expect("no failure"));
            if outputs.len() == 1 + (round * 37 % 3_000) as usize {
                all.stop_taking();
            }
        }
        for rest in &kept {
            let rest = rest_of(rest, usize::MAX).await;
            assert!(rest.is_sorted());
            outputs.extend(rest);
        }
        let mut places = BTreeMap::new();
        for item in outputs {
            *places.entry(item).or_insert(0) += 1;
        }
        let wrong: Vec<_> = (0..5 * ITEMS).filter(|item| places.get(item) != Some(&1)).collect();
        assert!(wrong.is_empty(), "round {round}: {wrong:?}");
    }
}

/// The chunk counts as taken, so the chunk completes: the handle gets the items behind the chunk.
#[tokio::test(start_paused = true)]
async fn unfinished_chunk_of_a_kept_source_is_completed() {
    let (sender, channel) = Source::channel(10);
    let (chunks, kept) = channel.chunks(10, Duration::MAX).kept();
    let _run = stopped_within_a_chunk(&sender, chunks).await;
    sender.try_send(1_003).expect("the handle has the receiver");
    drop(sender);
    let rest = kept.take().expect("the run is over").collect().await.expect("no failure");
    assert_eq!(rest, [[1_003]]);
}

/// The inner handle is not used: the outer handle alone has the rest of all sources.
#[tokio::test(start_paused = true)]
async fn halted_source_of_a_kept_merge_in_a_merge_runs_again() {
    let scope = Scope::default();
    let run_of = |source| Source::new(stage(&scope, "a", source));
    let (inner, _) = Source::merge([run_of(Source::new(1_000..1_020)), Source::new(0_u64..500)]).kept();
    let (source, kept) = Source::merge([inner, Source::new(2_000..2_500)]).kept();
    let mut run = stage(&scope, "all", source);
    let mut outputs = vec![run.next().await.expect("an output").expect("no failure")];
    run.stop_taking();
    while let Some(output) = run.next().await {
        outputs.push(output.expect("no failure"));
    }
    outputs.retain(|item| *item < 500);
    assert!(outputs.len() < 100);
    let rest = kept.take().expect("the run is over");
    outputs.extend(stage(&scope, "rest", rest).collect().await.expect("no failure"));
    outputs.retain(|item| *item < 500);
    outputs.sort_unstable();
    assert!(outputs.iter().copied().eq(0..500), "{outputs:?}");
}
