//! A source that has panicked has ended: the source keeps no place in a wait list and no sender while the jobs of its
//! run continue.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};

use futures_core::Stream;
use towpath_pattern::{OnFailure, Run, Scope, Settings, Source, anyhow, queue};

use crate::{run_in, settle};

/// Starts a run with a job that never completes, and returns the run after the panic of its source.
async fn broken(source: Source<u32>) -> Run<u32> {
    let job = |_: u32| pending::<anyhow::Result<u32>>();
    let settings = Settings::new("goes on", 2).capacity(10).on_failure(OnFailure::Continue);
    let mut run = run_in(&Scope::default(), source, settings, job);
    let failure = run.next().await.expect("a failure").expect_err("a panic");
    assert_eq!(format!("{failure:#}"), "stage `source` panicked: broken");
    settle().await;
    run
}

/// Yields an item, then waits for a queue, and panics.
struct WaitsAndPanics {
    consumer: queue::Receiver<u32>,
    gave_one: bool,
}

impl Stream for WaitsAndPanics {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        if !std::mem::replace(&mut self.gave_one, true) {
            return Poll::Ready(Some(0));
        }
        assert!(Pin::new(&mut self.consumer).poll_next(cx).is_pending());
        panic!("broken");
    }
}

#[tokio::test]
async fn broken_source_keeps_no_place_in_a_wait_list() {
    let (producer, mut consumer) = queue::bounded(10);
    let stream = WaitsAndPanics { consumer: consumer.clone(), gave_one: false };
    let _run = broken(Source::new(stream)).await;
    let other = tokio::spawn(async move { consumer.recv().await });
    settle().await;
    producer.send(7).await.expect("it is open");
    settle().await;
    assert!(other.is_finished(), "the receiver sleeps, and the queue has an item");
}

#[tokio::test]
async fn task_sending_for_a_broken_generator_gets_an_error() {
    let sending = Arc::new(AtomicBool::new(true));
    let sends = Arc::clone(&sending);
    let source = Source::generate(|out| async move {
        out.send(0).await;
        tokio::spawn(async move {
            while out.send(1).await {}
            sends.store(false, SeqCst);
        });
        panic!("broken");
    });
    let _run = broken(source).await;
    assert!(!sending.load(SeqCst), "the task sends to a source that has panicked");
}
