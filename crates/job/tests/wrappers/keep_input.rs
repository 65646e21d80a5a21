//! The input of a failed job.

use std::future::pending;
use std::io;

use towpath_fanout::{Cause, Fanout, OnFailure, PatternExt, anyhow};
use towpath_job::backon::ConstantBuilder;
use towpath_job::{FailureExt, JobExt};

use crate::seconds;

async fn fails(url: String) -> anyhow::Result<()> {
    Err(io::Error::new(io::ErrorKind::NotFound, format!("no {url}")).into())
}

async fn hangs(_: String) -> anyhow::Result<()> {
    pending().await
}

async fn panics(_: String) -> anyhow::Result<()> {
    panic!("a bug")
}

fn page() -> [String; 1] {
    ["page".to_owned()]
}

#[tokio::test(start_paused = true)]
async fn error_has_the_input_and_its_own_type() {
    let failure = Fanout::new(1, fails.keep_input()).run(page()).collect().await.unwrap_err();
    assert_eq!(failure.input::<String>().map(String::as_str), Some("page"));
    assert!(failure.input::<&'static str>().is_none(), "another type");
    assert!(failure.downcast_ref::<io::Error>().is_some());
    assert_eq!(format!("{failure:#}"), "item 0 at stage `fanout` failed: with the input kept: no page");
}

/// Every failed item has its own input.
#[tokio::test(start_paused = true)]
async fn failures_of_a_run_have_the_inputs_of_their_items() {
    let job = |x: u64| async move {
        anyhow::ensure!(!x.is_multiple_of(3), "three");
        Ok(x)
    };
    let pattern = Fanout::new(4, job.keep_input()).on_failure(OnFailure::Continue);
    let report = pattern.run(0..10).finish().await;
    for failure in &report.failures {
        assert_eq!(failure.input::<u64>().map(|x| usize::try_from(*x).unwrap()), failure.index());
    }
    assert_eq!(report.failures.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn job_without_keep_input_has_no_input() {
    let failure = Fanout::new(1, fails).run(page()).collect().await.unwrap_err();
    assert!(failure.input::<String>().is_none());
}

/// A job that panics returns no error, and so no context with the input.
#[tokio::test(start_paused = true)]
async fn panic_has_no_input() {
    let failure = Fanout::new(1, panics.keep_input()).run(page()).collect().await.unwrap_err();
    assert!(matches!(failure.cause(), Cause::Panicked(_)));
    assert!(failure.input::<String>().is_none());
}

/// Inside of the wrapper, a time limit is an error of the inner job; outside, the inner job returns no error.
#[tokio::test(start_paused = true)]
async fn timeout_has_the_input_inside_of_the_wrapper_only() {
    let inside =
        Fanout::new(1, hangs.timeout(seconds(1)).keep_input()).run(page()).collect().await.unwrap_err();
    assert_eq!(inside.input::<String>().map(String::as_str), Some("page"));
    assert!(matches!(inside.cause(), Cause::TimedOut(_)), "the group is kept");
    let outside =
        Fanout::new(1, hangs.keep_input().timeout(seconds(1))).run(page()).collect().await.unwrap_err();
    assert!(outside.input::<String>().is_none());
}

/// The input is found below the contexts of further wrappers.
#[tokio::test(start_paused = true)]
async fn input_is_found_below_further_wrappers() {
    let job = fails.keep_input().retry(ConstantBuilder::new().with_max_times(1)).hedge(seconds(60));
    let failure = Fanout::new(1, job).run(page()).collect().await.unwrap_err();
    assert_eq!(failure.input::<String>().map(String::as_str), Some("page"));
}

/// The failure of a later stage of a chain has the input of that stage.
#[tokio::test(start_paused = true)]
async fn failure_of_a_chain_has_the_input_of_its_stage() {
    let double = |x: u64| async move { anyhow::Ok(x * 2) };
    let refuse = |x: u64| async move {
        anyhow::ensure!(x != 4, "four");
        Ok(x)
    };
    let chain = Fanout::new(1, double.keep_input()).then(Fanout::new(1, refuse.keep_input()));
    let failure = chain.run([1, 2]).collect().await.unwrap_err();
    assert_eq!((failure.index(), failure.input::<u64>()), (Some(1), Some(&4)));
}
