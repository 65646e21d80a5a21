//! A pattern as a service: calls, replies, and the end of the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use towpath_pattern::{
    Cancelled, Cause, Client, Failure, OnFailure, Pattern, PatternExt, Run, Scope, Settings, Source,
    TryCallError, anyhow, queue,
};

use super::settle;

/// Waits for a permit, counts the start, and fails for an odd number.
#[derive(Clone)]
struct Gated {
    settings: Settings,
    permits: Arc<Semaphore>,
    started: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
}

impl Gated {
    fn new(limit: usize, permits: usize, on_failure: OnFailure) -> Self {
        let limit = towpath_pattern::Limit::try_from(limit).expect("not zero");
        let settings = Settings::new("gated", limit).on_failure(on_failure);
        let permits = Arc::new(Semaphore::new(permits));
        Self { settings, permits, started: Arc::default(), running: Arc::default() }
    }
}

impl Pattern<u64> for Gated {
    type Out = u64;

    fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
        let Self { permits, started, running, settings } = self.clone();
        let limit = settings.limit.get();
        let job = move |item: u64| {
            started.fetch_add(1, Ordering::Relaxed);
            assert!(running.fetch_add(1, Ordering::Relaxed) < limit);
            let (permits, running) = (Arc::clone(&permits), Arc::clone(&running));
            async move {
                permits.acquire().await?.forget();
                running.fetch_sub(1, Ordering::Relaxed);
                anyhow::ensure!(item.is_multiple_of(2), "{item} is odd");
                Ok(item + 1)
            }
        };
        Run::spawn(scope, input, settings, Arc::new(job))
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}

fn is_service(failure: &Failure) -> bool {
    matches!(failure.cause(), Cause::Cancelled(Cancelled::Service))
}

#[tokio::test]
async fn every_call_gets_its_own_output() {
    let scope = Scope::new("server");
    let client = Gated::new(3, 1_000, OnFailure::Continue).serve(&scope, 2);
    let calls = join_all((0..100).map(|item| {
        let client = client.clone();
        async move { (item, client.call(item).await) }
    }));
    for (item, result) in calls.await {
        match result {
            Ok(output) => assert!(item % 2 == 0 && output == item + 1),
            Err(failure) => assert_eq!(failure.cause().to_string(), format!("{item} is odd")),
        }
    }
    assert_eq!(client.monitor().report().to_string(), "gated: 100 taken, 50 succeeded, 50 errored");
    drop(client);
    scope.wait().await.expect("every failure had its call");
}

#[tokio::test]
async fn caller_that_gives_up_withdraws_its_item() {
    let gated = Gated::new(1, 0, OnFailure::Continue);
    let client = gated.serve(&Scope::new("server"), 1);
    let first = client.try_call(2).expect("a place");
    settle().await;
    let second = client.try_call(4).expect("a place, since the first item was taken");
    assert_eq!(client.try_call(6).expect_err("no place").into_inner(), 6);
    drop(second);
    let third = client.try_call(8).expect("the place of the second");
    gated.permits.add_permits(10);
    assert_eq!((first.await.expect("no failure"), third.await.expect("no failure")), (3, 9));
    assert_eq!(gated.started.load(Ordering::Relaxed), 2, "the second was never started");
}

/// The same for a caller that waits for a place.
#[tokio::test]
async fn caller_without_a_place_gives_up_its_turn() {
    let gated = Gated::new(1, 0, OnFailure::Continue);
    let client = gated.serve(&Scope::new("server"), 1);
    let (first, second) = (client.clone(), client.clone());
    let first = tokio::spawn(async move { first.call(2).await });
    settle().await;
    let second = tokio::spawn(async move { second.call(4).await });
    settle().await;
    assert!(timeout(Duration::from_millis(1), client.call(6)).await.is_err());
    gated.permits.add_permits(10);
    assert_eq!(first.await.expect("no panic").expect("no failure"), 3);
    assert_eq!(second.await.expect("no panic").expect("no failure"), 5);
    assert_eq!(client.call(8).await.expect("no failure"), 9);
    assert_eq!(gated.started.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn started_job_of_a_dropped_call_completes() {
    let gated = Gated::new(1, 0, OnFailure::Continue);
    let scope = Scope::new("server");
    let client = gated.serve(&scope, 1);
    for item in [2, 3] {
        let call = client.try_call(item).expect("a place");
        settle().await;
        drop(call);
        gated.permits.add_permits(1);
        settle().await;
    }
    let monitor = client.monitor();
    drop(client);
    let failure = scope.wait().await.expect_err("the failure has no other receiver");
    assert_eq!(failure.cause().to_string(), "3 is odd");
    assert_eq!((monitor.report().last().succeeded, monitor.report().last().errored), (1, 1));
}

#[tokio::test]
async fn failure_of_a_call_dropped_after_its_job_is_recorded() {
    let scope = Scope::new("server");
    let client = Gated::new(1, 10, OnFailure::Continue).serve(&scope, 2);
    let call = client.try_call(3).expect("the queue is empty");
    let other = client.call(2).await;
    assert_eq!(other.ok(), Some(3), "the job of the first call has ended");
    settle().await;
    drop(call);
    drop(client);
    let failure = scope.wait().await.expect_err("no caller has the failure");
    assert_eq!(failure.cause().to_string(), "3 is odd");
}

#[tokio::test]
async fn last_client_ends_the_run_after_the_calls_in_progress() {
    let gated = Gated::new(1, 0, OnFailure::Continue);
    let scope = Scope::new("server");
    let client = gated.serve(&scope, 4);
    let calls = [2, 4].map(|item| client.try_call(item).expect("a place"));
    let other = client.clone();
    drop(client);
    settle().await;
    let last = other.try_call(6).expect("a client is left");
    drop(other);
    settle().await;
    gated.permits.add_permits(3);
    for call in calls.into_iter().chain([last]) {
        call.await.expect("the calls in progress complete");
    }
    scope.wait().await.expect("the run has ended");
}

#[tokio::test]
async fn first_failure_under_stop_ends_the_service() {
    let gated = Gated::new(2, 0, OnFailure::Stop);
    let scope = Scope::new("server");
    let client = gated.serve(&scope, 4);
    let calls = [3, 4, 6].map(|item| client.try_call(item).expect("a place"));
    settle().await;
    gated.permits.add_permits(1);
    let [failed, running, waiting] = calls;
    assert_eq!(failed.await.expect_err("odd").cause().to_string(), "3 is odd");
    assert!(is_service(&running.await.expect_err("cancelled")));
    assert!(is_service(&waiting.await.expect_err("never taken")));
    assert!(is_service(&client.call(2).await.expect_err("no service")));
    assert!(matches!(client.try_call(2), Err(TryCallError::Ended(2))));
    scope.wait().await.expect("the call had the failure");
    assert!(!scope.spawn("task", async { Ok(()) }).is_refused(), "the scope goes on");
}

#[tokio::test(start_paused = true)]
async fn end_of_the_scope_ends_all_calls() {
    for by in [Cancelled::Scope, Cancelled::Deadline] {
        let scope = Scope::new("server").with_timeout(Duration::from_secs(9));
        let client = Gated::new(1, 0, OnFailure::Continue).serve(&scope, 1);
        let calls = join_all((0..3).map(|item| {
            let client = client.clone();
            async move { client.call(item).await }
        }));
        let cancel = async {
            sleep(Duration::from_secs(1)).await;
            if by == Cancelled::Scope {
                scope.cancel();
            }
        };
        let (results, ()) = tokio::join!(calls, cancel);
        for result in results {
            let failure = result.expect_err("cancelled");
            assert!(matches!(failure.cause(), Cause::Cancelled(cause) if *cause == by), "{failure:#}");
        }
        assert!(client.call(1).await.expect_err("no service").is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn drain_completes_started_calls_and_fails_the_others() {
    let gated = Gated::new(2, 0, OnFailure::Continue);
    let scope = Scope::new("server");
    let client = gated.serve(&scope, 2);
    let calls = join_all((1..6).map(|item| {
        let client = client.clone();
        async move { client.call(2 * item).await }
    }));
    let drain = async {
        settle().await;
        let started = Instant::now();
        let late = async {
            sleep(Duration::from_secs(1)).await;
            gated.permits.add_permits(10);
        };
        let (drained, ()) = tokio::join!(scope.drain(Duration::from_secs(60)), late);
        drained.expect("everything is complete");
        assert_eq!(started.elapsed(), Duration::from_secs(1));
    };
    let (results, ()) = tokio::join!(calls, drain);
    let outputs: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(outputs, [&3, &5]);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(is_service));
    assert!(is_service(&client.call(2).await.expect_err("no service")));
}

/// The started call is not over yet.
#[tokio::test(start_paused = true)]
async fn call_in_the_queue_fails_at_the_begin_of_a_drain() {
    let gated = Gated::new(1, 0, OnFailure::Continue);
    let scope = Scope::new("server");
    let client = gated.serve(&scope, 4);
    let [running, waiting] = [2, 4].map(|item| client.try_call(item).expect("a place"));
    settle().await;
    let mut drain = std::pin::pin!(scope.drain(Duration::from_secs(60)));
    tokio::select! {
        biased;
        _ = &mut drain => panic!("a job runs"),
        result = waiting => assert!(is_service(&result.expect_err("never taken"))),
    }
    gated.permits.add_permits(1);
    let (drained, output) = tokio::join!(drain, running);
    drained.expect("everything is complete");
    assert_eq!(output.expect("no failure"), 3);
}

/// After a job that waits, and many quick calls: the source could be polled for several items at once.
#[tokio::test]
async fn stage_takes_no_item_before_its_job_is_free() {
    let gated = Gated::new(1, 0, OnFailure::Continue);
    let client = gated.serve(&Scope::new("server"), 8);
    let first = client.try_call(2).expect("a place");
    settle().await;
    gated.permits.add_permits(60);
    first.await.expect("no failure");
    for _ in 0..59 {
        client.call(2).await.expect("no failure");
    }
    let mut calls: Vec<_> = (0..4).map(|_| client.try_call(2).expect("a place")).collect();
    settle().await;
    let first = calls.remove(0);
    drop(calls);
    gated.permits.add_permits(9);
    assert_eq!(first.await.expect("no failure"), 3);
    settle().await;
    assert_eq!(gated.started.load(Ordering::Relaxed), 61, "the further items were withdrawn");
}

/// The job holds the only place, so the inner call is never taken, and ends with its time limit.
#[tokio::test(start_paused = true)]
async fn call_from_a_job_of_the_service_ends_with_its_limit() {
    struct Nested(Arc<std::sync::OnceLock<Client<u64, u64>>>);
    impl Pattern<u64> for Nested {
        type Out = u64;

        fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
            let client = Arc::clone(&self.0);
            let job = move |item: u64| {
                let client = client.get().expect("set before the first call").clone();
                async move {
                    if item > 0 {
                        timeout(Duration::from_secs(5), client.call(item - 1)).await??;
                    }
                    Ok(item)
                }
            };
            let settings = Settings::new("nested", 1).on_failure(OnFailure::Continue);
            Run::spawn(scope, input, settings, Arc::new(job))
        }

        fn is_one_to_one(&self) -> bool {
            true
        }
    }
    let clients = Arc::new(std::sync::OnceLock::new());
    let scope = Scope::new("server");
    let client = Nested(Arc::clone(&clients)).serve(&scope, 4);
    assert!(clients.set(client.clone()).is_ok());
    let started = Instant::now();
    let failure = client.call(1).await.expect_err("no free job");
    assert!(matches!(failure.cause(), Cause::TimedOut(_)));
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert_eq!(client.call(0).await.expect("the service goes on"), 0);
    assert_eq!(client.monitor().report().last().taken, 2, "the inner call was withdrawn");
    scope.cancel();
}

/// Sends every number `n` to a stage of consumers `n` times, and claims to be one-to-one.
struct Several;

impl Pattern<u64> for Several {
    type Out = u64;

    fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
        let (sender, receiver) = queue::bounded(4);
        let produce = move |taken: towpath_pattern::Taken<u64, ()>| {
            let sender = sender.from_input(taken.index());
            async move {
                let (times, running) = taken.start();
                let mut result = Ok(());
                for _ in 0..times {
                    result = sender.send(times).await.map_err(anyhow::Error::from);
                }
                running.complete(result)
            }
        };
        let producers = Run::spawn_discarding(scope.clone(), input, Settings::new("produce", 1), produce);
        let source = Source::produced(producers, receiver);
        let settings = Settings::new("consume", 1).on_failure(OnFailure::Continue);
        Run::spawn(scope, source, settings, Arc::new(|item: u64| async move { Ok(item) }))
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn second_output_of_a_call_is_an_error_that_says_why() {
    let scope = Scope::new("server");
    let client = Several.serve(&scope, 1);
    assert_eq!(client.call(1).await.expect("one output"), 1);
    assert_eq!(client.call(3).await.expect("the first output"), 3);
    settle().await;
    assert!(client.call(1).await.is_err(), "the service has ended");
    drop(client);
    let failure = scope.wait().await.expect_err("a misuse");
    assert!(format!("{failure:#}").contains("more than one output for an input"), "{failure:#}");
}

#[tokio::test]
async fn call_without_an_output_is_an_error_that_says_why() {
    let scope = Scope::new("server");
    let client = Several.serve(&scope, 1);
    let call = client.try_call(0).expect("a place");
    drop(client);
    let failure = call.await.expect_err("a misuse");
    assert!(format!("{failure:#}").contains("no output for an input"), "{failure:#}");
}

#[tokio::test]
#[should_panic(expected = "a service with a capacity of 0 could never accept a call")]
async fn service_without_a_capacity_panics() {
    let _client = Gated::new(1, 0, OnFailure::Stop).serve(&Scope::new("server"), 0);
}

/// By default, a pattern is not one-to-one.
#[tokio::test]
#[should_panic(expected = "a call would have no output of its own")]
async fn pattern_that_is_not_one_to_one_is_refused() {
    struct Two;
    impl Pattern<u64> for Two {
        type Out = u64;

        fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
            Several.start(input, scope)
        }
    }
    let _client = Several.then(Two).boxed().serve(&Scope::new("server"), 1);
}

/// An output has any number of elements, so a call would wait for an output without end.
#[tokio::test]
#[should_panic(expected = "a call would have no output of its own")]
async fn elements_of_outputs_are_refused_as_a_service() {
    struct Pairs;
    impl Pattern<u64> for Pairs {
        type Out = Vec<u64>;

        fn start(&self, input: Source<u64>, scope: Scope) -> Run<Vec<u64>> {
            let job = Arc::new(|item: u64| async move { Ok(vec![item; 2]) });
            Run::spawn(scope, input, Settings::new("pairs", 1), job)
        }

        fn is_one_to_one(&self) -> bool {
            true
        }
    }
    let gated = Gated::new(1, 0, OnFailure::Continue);
    let _client = Pairs.then_each(gated).boxed().serve(&Scope::new("server"), 1);
}

/// Callers on many threads. Some of the callers give up at once, and some give up late.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_many_threads_get_their_outputs() {
    let scope = Scope::new("server").on_failure(OnFailure::Continue);
    let gated = Gated::new(8, 1_000_000, OnFailure::Continue);
    let client: Client<u64, u64> = gated.serve(&scope, 16);
    let callers = (0..16_u64).map(|caller| {
        let client = client.clone();
        tokio::spawn(async move {
            let mut answered = 0;
            for round in 0..200_u64 {
                let item = 2 * (caller * 1_000 + round);
                let call = client.call(item);
                if round % 7 == caller % 7 {
                    tokio::select! { biased; _ = call => answered += 1, () = tokio::task::yield_now() => {} }
                } else {
                    assert_eq!(call.await.expect("no failure"), item + 1);
                    answered += 1;
                }
            }
            answered
        })
    });
    let mut answered = 0;
    for caller in join_all(callers).await {
        answered += caller.expect("no panic");
    }
    let monitor = client.monitor();
    drop(client);
    scope.wait().await.expect("no failure");
    let report = monitor.report();
    assert!(report.last().succeeded >= answered, "{report}");
    assert_eq!(report.last().taken, report.last().succeeded);
}
