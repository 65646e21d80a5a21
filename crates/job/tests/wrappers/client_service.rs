//! A pattern as a tower service.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Semaphore;
use tower::{Service, ServiceExt};
use towpath_fanout::{Fanout, OnFailure, PatternExt, Scope, anyhow};
use towpath_job::ClientService;

fn gated(permits: &Arc<Semaphore>) -> Fanout<impl towpath_fanout::Job<u64, Out = u64>> {
    let permits = Arc::clone(permits);
    let job = move |item: u64| {
        let permits = Arc::clone(&permits);
        async move {
            permits.acquire().await?.forget();
            anyhow::ensure!(item > 0, "zero");
            Ok(item + 1)
        }
    };
    Fanout::new(1, job).on_failure(OnFailure::Continue)
}

async fn is_ready(service: &mut ClientService<u64, u64>) -> bool {
    poll_fn(|cx| Poll::Ready(service.poll_ready(cx).is_ready())).await
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn service_is_ready_with_a_place_in_the_queue() {
    let permits = Arc::new(Semaphore::new(0));
    let mut first = ClientService::new(gated(&permits).serve(&Scope::new("server"), 1));
    let mut second = first.clone();
    let running = first.ready().await.expect("a place").call(1);
    settle().await;
    assert!(is_ready(&mut first).await, "the item was taken");
    assert!(!is_ready(&mut second).await, "the first has the place and has not called");
    let waiting = first.call(2);
    assert!(!is_ready(&mut second).await, "the queue is full");
    permits.add_permits(3);
    assert_eq!((running.await.expect("no failure"), waiting.await.expect("no failure")), (2, 3));
    assert!(is_ready(&mut second).await);
    assert!(second.call(0).await.expect_err("zero").to_string().contains("fanout"));
}

/// The drop of a service that is ready and never called frees the place of the service.
#[tokio::test]
async fn dropped_readiness_leaves_the_place_to_another() {
    let permits = Arc::new(Semaphore::new(9));
    let mut first = ClientService::new(gated(&permits).serve(&Scope::new("server"), 1));
    let mut second = first.clone();
    assert!(is_ready(&mut first).await && !is_ready(&mut second).await);
    drop(first);
    assert_eq!(second.ready().await.expect("a place").call(4).await.expect("no failure"), 5);
}

#[tokio::test]
async fn service_that_has_ended_is_ready_with_the_failure() {
    let scope = Scope::new("server");
    let mut service = ClientService::new(gated(&Arc::new(Semaphore::new(9))).serve(&scope, 1));
    scope.cancel();
    settle().await;
    assert!(service.ready().await.expect_err("no service").is_cancelled());
}

#[tokio::test]
#[should_panic(expected = "before `poll_ready` returned `Ready`")]
async fn call_of_a_service_that_is_not_ready_panics() {
    let mut service = ClientService::new(gated(&Arc::new(Semaphore::new(9))).serve(&Scope::new("server"), 1));
    drop(service.call(1));
}
