//! A pattern over chunks as a service: several calls share a job.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use towpath_pattern::{
    Cause, Client, Job, OnFailure, Pattern, PatternExt, Run, Scope, Settings, Source, anyhow,
};

struct Each<J> {
    settings: Settings,
    job: Arc<J>,
}

impl<J> Each<J> {
    fn new(job: J) -> Self {
        Self { settings: Settings::new("each", 4).on_failure(OnFailure::Continue), job: Arc::new(job) }
    }
}

impl<In: Send + 'static, J: Job<In>> Pattern<In> for Each<J> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        Run::spawn(scope, input, self.settings.clone(), Arc::clone(&self.job))
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no row {0}")]
struct NoRow(u64);

const WITHIN: Duration = Duration::from_millis(10);

/// Doubles the items of a chunk: fails for a chunk with 13, and forgets an output for a chunk with 14.
async fn double(chunk: Vec<u64>) -> anyhow::Result<Vec<u64>> {
    if chunk.contains(&13) {
        return Err(NoRow(13).into());
    }
    assert!(!chunk.contains(&15), "15 is not allowed");
    sleep(Duration::from_millis(1)).await;
    let forgotten = usize::from(chunk.contains(&14));
    Ok(chunk.iter().skip(forgotten).map(|item| item * 2).collect())
}

fn serve(scope: &Scope, size: usize) -> Client<u64, u64> {
    Each::new(double).serve_chunks(scope, 100, size, WITHIN)
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_chunk_share_a_job_and_get_their_outputs() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let job = move |chunk: Vec<u64>| {
        seen.lock().expect("not poisoned").push(chunk.len());
        double(chunk)
    };
    let scope = Scope::new("server");
    let client = Each::new(job).serve_chunks(&scope, 100, 4, WITHIN);
    let begun = Instant::now();
    let outputs = join_all((0..10).map(|item| client.call(item))).await;
    let outputs: Result<Vec<_>, _> = outputs.into_iter().collect();
    assert_eq!(outputs.expect("no job fails"), (0..10).map(|item| item * 2).collect::<Vec<_>>());
    assert_eq!(*sizes.lock().expect("not poisoned"), [4, 4, 2]);
    assert_eq!(begun.elapsed(), WITHIN + Duration::from_millis(1));
    assert_eq!(client.monitor().report().to_string(), "each: 3 taken, 3 succeeded");
    drop(client);
    scope.wait().await.expect("no failure");
}

#[tokio::test(start_paused = true)]
async fn failure_of_a_chunk_is_the_failure_of_each_call() {
    let scope = Scope::new("server");
    let client = serve(&scope, 3);
    let results = join_all([12, 13, 16, 1].map(|item| client.call(item))).await;
    for (index, result) in results[..3].iter().enumerate() {
        let failure = result.as_ref().expect_err("the job fails");
        assert_eq!(failure.index(), Some(index));
        assert_eq!(failure.downcast_ref::<NoRow>().map(|row| row.0), Some(13));
        assert!(format!("{failure:#}").contains("a chunk of 3 calls has failed"), "{failure:#}");
        assert!(format!("{failure:#}").ends_with("no row 13"), "{failure:#}");
    }
    assert_eq!(results[3].as_ref().ok(), Some(&2));
    // The failure of a chunk of one call has no further link.
    let alone = client.call(13).await.expect_err("the job fails");
    assert_eq!(format!("{:#}", alone.cause()), "no row 13");
    drop(client);
    scope.wait().await.expect("every failure had its call");
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_chunk_is_a_panic_of_each_call() {
    let scope = Scope::new("server");
    let client = serve(&scope, 2);
    for result in join_all([15, 1].map(|item| client.call(item))).await {
        let failure = result.expect_err("the job panics");
        assert!(matches!(failure.cause(), Cause::Panicked(_)), "{failure:#}");
        assert!(format!("{failure:#}").contains("15 is not allowed"), "{failure:#}");
    }
    assert_eq!(client.call(4).await.ok(), Some(8));
}

#[tokio::test(start_paused = true)]
async fn chunk_without_an_output_for_each_item_fails_as_a_whole() {
    let scope = Scope::new("server");
    let client = serve(&scope, 2);
    for result in join_all([14, 1].map(|item| client.call(item))).await {
        let failure = result.expect_err("an output is missing");
        let text = format!("{failure:#}");
        assert!(text.contains("1 outputs for a chunk of 2 items"), "{text}");
        assert_eq!(failure.stage(), "each");
    }
    assert_eq!(client.call(4).await.ok(), Some(8));
    // The jobs have returned.
    assert_eq!(client.monitor().report().to_string(), "each: 2 taken, 2 succeeded");
}

/// The elements of the outputs of a job over chunks are no chunks.
#[tokio::test]
#[should_panic(expected = "a call would have no output of its own")]
async fn elements_of_chunks_are_refused_as_a_service() {
    let each = Each::new(async |chunk: Vec<u64>| Ok(vec![chunk])).then_each(Each::new(double));
    let _client = each.serve_chunks(&Scope::new("server"), 100, 2, WITHIN);
}

#[tokio::test(start_paused = true)]
async fn caller_that_gives_up_keeps_no_other_call_from_its_output() {
    let scope = Scope::new("server");
    let client = serve(&scope, 3);
    let impatient = timeout(WITHIN / 2, client.call(1));
    let (impatient, patient) = tokio::join!(impatient, client.call(2));
    assert!(impatient.is_err());
    assert_eq!(patient.ok(), Some(4));
    // All callers of a failed chunk have given up: the scope has the failure.
    let given_up = timeout(WITHIN / 2, client.call(13)).await;
    assert!(given_up.is_err());
    drop(client);
    let failure = scope.wait().await.expect_err("no call has the failure");
    assert!(format!("{failure:#}").ends_with("no row 13"), "{failure:#}");
}

#[tokio::test(start_paused = true)]
async fn drain_completes_started_chunks_and_fails_the_other_calls() {
    let scope = Scope::new("server");
    let client = serve(&scope, 2);
    let drain = async {
        sleep(Duration::from_micros(500)).await;
        scope.drain(Duration::from_secs(1)).await
    };
    let calls = join_all([1, 2, 3].map(|item| client.call(item)));
    let (results, drained) = tokio::join!(calls, drain);
    let results: Vec<_> =
        results.into_iter().map(|result| result.map_err(|failure| failure.is_cancelled())).collect();
    assert_eq!(results, [Ok(2), Ok(4), Err(true)]);
    drained.expect("no failure");
}

/// Panics in its drop.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the drop of an output");
    }
}

/// A second panic in the drop of a vector would abort the process.
#[tokio::test(start_paused = true)]
async fn superfluous_outputs_that_panic_in_their_drops_are_failures() {
    let scope = Scope::new("server").on_failure(OnFailure::Continue);
    let job = |_: Vec<u64>| async { Ok(vec![Bomb, Bomb, Bomb]) };
    let client: Client<u64, Bomb> = Each::new(job).serve_chunks(&scope, 100, 1, WITHIN);
    let text = format!("{:#}", client.call(1).await.expect_err("two outputs are too many"));
    assert!(text.contains("3 outputs for a chunk of 1 items"), "{text}");
    drop(client);
    let first = scope.wait().await.expect_err("the drops panic");
    let failures: Vec<_> = [first].into_iter().chain(scope.take_failures()).collect();
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(
        failures.iter().all(|failure| failure.to_string().contains("the drop of an output")),
        "{failures:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn last_chunk_does_not_wait_without_clients() {
    let scope = Scope::new("server");
    let client = serve(&scope, 100);
    let begun = Instant::now();
    let call = client.try_call(5).expect("the queue is empty");
    drop(client);
    assert_eq!(call.await.ok(), Some(10));
    assert!(begun.elapsed() < WITHIN);
    scope.wait().await.expect("no failure");
}

#[tokio::test]
#[should_panic(expected = "a chunk of 0 items would never be complete; use 1 or more")]
async fn service_over_chunks_without_items_panics() {
    serve(&Scope::new("server"), 0);
}
