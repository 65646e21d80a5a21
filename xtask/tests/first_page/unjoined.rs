//! Calls are answered as they come in. The first program keeps every answer until the last call, and loses the panic of
//! a job.

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use towpath_fanout::{Fanout, OnFailure, PatternExt, Report};

use crate::service::{Call, answer};

// As narrow as a column of the README's table.
#[rustfmt::skip]
pub async fn with_join_set(mut calls: Receiver<Call>) {
    // ANCHOR: join_set
    let mut tasks = JoinSet::new();
    while let Some(call) = calls.recv().await {
        tasks.spawn(answer(call));
    }
    // here the set still has every answer
    while tasks.join_next().await.is_some() {}
    // ANCHOR_END: join_set
}

#[rustfmt::skip]
pub async fn with_fanout(calls: Receiver<Call>) -> Report {
    // ANCHOR: fanout
    let report = Fanout::new(8, answer)
        .on_failure(OnFailure::Continue)
        .run(calls)
        .finish().await;
    for failure in &report.failures {
        eprintln!("{failure:#}");
    }
    // ANCHOR_END: fanout
    report
}
