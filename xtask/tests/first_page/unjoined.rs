//! Requests are answered as they come in. The first program keeps every answer until the last request, and loses the
//! panic of one.

use tokio::task::JoinSet;
use towpath_fanout::async_channel::Receiver;
use towpath_fanout::{Fanout, OnFailure, PatternExt, Report, Source};

use crate::service::{Request, answer};

pub async fn with_join_set(requests: Receiver<Request>) {
    // ANCHOR: join_set
    let mut tasks = JoinSet::new();
    while let Ok(request) = requests.recv().await {
        tasks.spawn(answer(request)); // keeps each answer
    }
    while tasks.join_next().await.is_some() {} // loses a panic
    // ANCHOR_END: join_set
}

#[expect(clippy::unused_async, reason = "as the other program")]
pub async fn with_fanout(requests: Receiver<Request>) -> Report {
    // ANCHOR: fanout
    let answers = Fanout::new(8, answer).on_failure(OnFailure::Continue);
    let report = answers.run(Source::receiver(requests)).finish().await;
    for failure in &report.failures {
        eprintln!("{failure}"); // says which request panicked, and why
    }
    // ANCHOR_END: fanout
    report
}
