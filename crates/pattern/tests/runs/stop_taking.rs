//! A run that takes no more items completes the started work, and returns the rest of the items.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};
use towpath_pattern::{
    Failure, Indexed, Kept, Monitor, OnFailure, PatternExt, Run, Scope, Settings, Source, Taken, anyhow,
    queue,
};

use super::{run_in, settle};

async fn rest_of<T: Send + 'static>(kept: &Kept<T>, items: usize) -> Vec<T> {
    let mut source = kept.take().expect("the run is over");
    let mut rest = Vec::new();
    while rest.len() < items {
        let Some(item) = source.next().await else { break };
        rest.push(item.expect("no failure"));
    }
    rest
}

/// The outputs and the returned items are one unbroken series, in order.
#[tokio::test]
async fn endless_source_ends_and_gives_back_in_order() {
    let (source, kept) = Source::new(0_u64..).kept();
    let job = |item: u64| async move {
        tokio::task::yield_now().await;
        Ok(item)
    };
    let settings = Settings::new("some", 3).ordered().capacity(20);
    let mut run = run_in(&Scope::default(), source, settings, job);
    let mut outputs = Vec::new();
    while let Some(output) = run.next().await {
        outputs.push(output.expect("no failure"));
        if outputs.len() == 40 {
            run.stop_taking();
        }
    }
    assert!(outputs.len() < 40 + 30);
    let counts = run.report().stages[0].counts;
    assert_eq!((counts.succeeded, counts.cancelled), (outputs.len(), 0));
    assert_eq!(counts.taken, counts.settled());
    assert!(counts.never_started > 0, "items were taken ahead");
    outputs.extend(rest_of(&kept, 100).await);
    assert!(outputs.iter().copied().eq(0..outputs.len() as u64), "{outputs:?}");
}

#[tokio::test]
async fn source_that_waits_ends() {
    let waits = Source::generate(|out| async move {
        out.send(1).await;
        std::future::pending::<()>().await;
    });
    let run = run_in(&Scope::default(), waits, Settings::new("some", 2), |item: u64| async move { Ok(item) });
    settle().await;
    run.stop_taking();
    assert_eq!(run.collect().await.expect("no failure"), [1]);
}

/// The job waits for the sender, and the sender waits for capacity: the source is dropped before the job ends.
#[tokio::test]
async fn sender_at_a_full_channel_gets_an_error() {
    let (sender, source) = Source::channel(1);
    let scope = Scope::new("scope");
    let refused = Arc::new(Notify::new());
    let notify = Arc::clone(&refused);
    scope.spawn("sender", async move {
        while sender.send(1_u64).await.is_ok() {}
        notify.notify_one();
        Ok(())
    });
    let job = move |item: u64| {
        let refused = Arc::clone(&refused);
        async move {
            refused.notified().await;
            Ok(item)
        }
    };
    let run = run_in(&scope, source, Settings::new("some", 1).capacity(0), job);
    settle().await;
    run.stop_taking();
    let outputs = timeout(Duration::from_secs(5), run.collect()).await.expect("the sender has ended");
    assert_eq!(outputs.expect("no failure"), [1]);
    scope.wait().await.expect("no failure");
}

#[tokio::test(start_paused = true)]
async fn started_job_completes() {
    let job = |item: u64| async move {
        sleep(Duration::from_secs(item)).await;
        Ok(item)
    };
    let mut run = run_in(&Scope::default(), 1_u64.., Settings::new("sleep", 3), job);
    settle().await;
    run.stop_taking();
    let mut outputs = Vec::new();
    while let Some(output) = run.next().await {
        outputs.push(output.expect("no failure"));
    }
    assert_eq!(outputs, [1, 2, 3]);
    assert_eq!(run.report().last().cancelled, 0);
}

/// On one thread, no job starts after the return of the call, although the batch of the worker has more items.
#[tokio::test]
async fn no_job_of_the_batch_starts_after_the_call() {
    let run = Arc::new(OnceLock::<Arc<Run<u64>>>::new());
    let started = Arc::new(AtomicUsize::new(0));
    let (shared, count) = (Arc::clone(&run), Arc::clone(&started));
    let job = move |item: u64| {
        count.fetch_add(1, Ordering::Relaxed);
        if item == 500
            && let Some(run) = shared.get()
        {
            run.stop_taking();
        }
        async move { Ok(item) }
    };
    let (source, kept) = Source::new(0..10_000_u64).kept();
    let settings = Settings::new("some", 8).capacity(20_000);
    let spawned = Arc::new(run_in(&Scope::default(), source, settings, job));
    assert!(run.set(Arc::clone(&spawned)).is_ok());
    while spawned.report().last().running > 0 || spawned.report().last().taken < 501 {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!(started.load(Ordering::Relaxed), 501);
    assert_eq!(spawned.report().last().succeeded, 501);
    assert_eq!(rest_of(&kept, 2).await, [501, 502]);
}

fn each(name: &'static str) -> impl PatternExt<u64, Out = u64> {
    struct Each(&'static str);
    impl towpath_pattern::Pattern<u64> for Each {
        type Out = u64;

        fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
            let job = |item: u64| async move {
                sleep(Duration::from_millis(item % 7)).await;
                Ok(item)
            };
            Run::spawn(scope, input, Settings::new(self.0, 4), Arc::new(job))
        }
    }
    Each(name)
}

/// The last stage would lose the items between the stages if the last stage took no more items.
#[tokio::test(start_paused = true)]
async fn later_stages_complete_the_items_in_the_chain() {
    let chain = each("first").then(each("second")).then(each("third"));
    let (source, kept) = Source::new(0_u64..).kept();
    let mut run = chain.run(source);
    for _ in 0..20 {
        run.next().await.expect("there is more").expect("no failure");
    }
    run.stop_taking();
    while let Some(output) = run.next().await {
        output.expect("no failure");
    }
    let report = run.report();
    let [first, second, third] = [0, 1, 2].map(|stage| report.stages[stage].counts);
    assert_eq!((first.succeeded, second.succeeded), (second.succeeded, third.succeeded));
    assert_eq!(first.taken, first.succeeded + first.never_started);
    assert_eq!((second.never_started, third.never_started, third.cancelled), (0, 0, 0));
    assert!(third.succeeded > 20);
    drop(rest_of(&kept, 1).await);
}

#[tokio::test(start_paused = true)]
async fn call_on_the_last_run_of_a_chain_of_runs_ends_the_first() {
    let run = each("second").run(each("first").run(0_u64..));
    settle().await;
    run.stop_taking();
    let report = run.finish().await;
    assert_eq!(report.stages[0].counts.succeeded, report.last().succeeded);
    assert!(report.last().succeeded > 0 && report.failures.is_empty());
}

/// The producers that have started send all their items, and the consumers receive the whole queue.
#[tokio::test(start_paused = true)]
async fn consumers_receive_the_whole_queue() {
    let scope = Scope::default();
    let (sender, receiver) = queue::bounded(4);
    let produce = Arc::new(move |producer: u64| {
        let sender = sender.clone();
        async move {
            for item in 0..20 {
                sender.send(producer * 100 + item).await?;
            }
            Ok(())
        }
    });
    let producers =
        Run::spawn_discarding(scope.clone(), Source::new(0..), Settings::new("produce", 2), produce);
    let consume = Arc::new(|item: u64| async move {
        sleep(Duration::from_millis(1)).await;
        Ok(item)
    });
    let source = Source::produced(producers, receiver);
    let mut run = Run::spawn(scope, source, Settings::new("consume", 2), consume);
    run.next().await.expect("there is more").expect("no failure");
    run.stop_taking();
    let mut outputs = 1;
    while let Some(output) = run.next().await {
        output.expect("no failure");
        outputs += 1;
    }
    let report = run.report();
    let [produced, consumed] = [0, 1].map(|stage| report.stages[stage].counts);
    assert_eq!(outputs, 20 * produced.succeeded);
    assert!(produced.succeeded <= 2 && produced.cancelled == 0);
    assert_eq!((consumed.taken, consumed.succeeded), (outputs, outputs));
}

/// Items 1 and 3 wait before their start, and the outputs behind the gaps are yielded.
#[tokio::test]
async fn ordered_outputs_behind_an_item_never_started_are_yielded() {
    let odd = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&odd);
    let work = move |mut taken: Taken<u64, u64>| {
        let odd = Arc::clone(&shared);
        async move {
            let index = taken.index();
            let wait = async move {
                if index % 2 == 1 {
                    drop(odd.acquire().await);
                }
            };
            taken.before_start(wait).await;
            let (item, running) = taken.start();
            running.complete(Ok(item))
        }
    };
    let (source, kept) = Source::new(0..5_u64).kept();
    let run = Run::spawn(Scope::default(), source, Settings::new("odd", 5).ordered(), work);
    settle().await;
    run.stop_taking();
    let (outcomes, report) = run.outcomes().await;
    let outputs: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("no failure")).collect();
    assert_eq!(outputs, [0, 2, 4]);
    assert_eq!(report.to_string(), "odd: 5 taken, 3 succeeded, 2 never started");
    assert_eq!(rest_of(&kept, 9).await, [1, 3]);
    assert_eq!(Arc::strong_count(&odd), 1, "the work of the run was dropped");
}

#[tokio::test]
async fn second_call_and_late_call_have_no_effect() {
    let run =
        run_in(&Scope::default(), 0..3_u64, Settings::new("some", 1), |item: u64| async move { Ok(item) });
    settle().await;
    run.stop_taking();
    run.stop_taking();
    let monitor = run.monitor();
    let count = |monitor: &Monitor| monitor.report().last().never_started;
    let run: Indexed<u64> = run.indexed();
    run.stop_taking();
    let report = run.finish().await;
    assert_eq!(count(&monitor), report.last().never_started);
    let over =
        run_in(&Scope::default(), 0..3_u64, Settings::new("some", 4), |item: u64| async move { Ok(item) });
    settle().await;
    over.stop_taking();
    assert_eq!(over.collect().await.expect("no failure").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn failure_and_cancel_after_the_call_stop_the_run() {
    let job = |item: u64| async move {
        sleep(Duration::from_secs(item)).await;
        anyhow::ensure!(item < 2, "item {item} is too long");
        Ok(item)
    };
    let start = || run_in(&Scope::default(), 1_u64.., Settings::new("sleep", 3), job);
    let run = start();
    settle().await;
    run.stop_taking();
    let report = run.finish().await;
    assert_eq!((report.last().succeeded, report.last().errored, report.last().cancelled), (1, 1, 1));
    assert_eq!(report.failures[0].index(), Some(1));

    let run = start();
    settle().await;
    run.stop_taking();
    run.cancel();
    let report = run.finish().await;
    assert_eq!((report.last().cancelled, report.failures.len()), (3, 1));
    assert!(report.failures.iter().all(Failure::is_cancelled));
}

/// At a random moment under many threads, every item is accounted for once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn call_at_any_moment_loses_no_item() {
    for round in 0..200_u64 {
        let (source, kept) = Source::new(0..5_000_u64).kept();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        let job = move |item: u64| {
            shared.lock().expect("no panic").push(item);
            async move {
                if item % 64 == round % 64 {
                    tokio::task::yield_now().await;
                }
                Ok(item)
            }
        };
        let settings = Settings::new("some", 1 + (round % 9) as usize).on_failure(OnFailure::Continue);
        let mut run = run_in(&Scope::default(), source, settings, job);
        let mut outputs = Vec::new();
        while let Some(output) = run.next().await {
            outputs.push(output.expect("no failure"));
            if outputs.len() == 1 + (round * 7 % 300) as usize {
                run.stop_taking();
            }
        }
        let mut seen = std::mem::take(&mut *seen.lock().expect("no panic"));
        let rest = rest_of(&kept, 5_000).await;
        assert!(rest.is_sorted());
        outputs.sort_unstable();
        seen.sort_unstable();
        assert_eq!(outputs, seen);
        outputs.extend(rest);
        outputs.sort_unstable();
        assert!(outputs.iter().copied().eq(0..5_000));
    }
}
