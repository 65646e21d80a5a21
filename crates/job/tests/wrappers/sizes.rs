//! The sizes of waiting jobs: the figures in the documentation of the crate.

use std::future::pending;

use towpath_fanout::{Job, Scope, anyhow};
use towpath_job::backon::ExponentialBuilder;
use towpath_job::{JobExt, blocking};

use crate::seconds;

async fn bare(_: u64) -> anyhow::Result<()> {
    pending().await
}

/// Returns the size of the future of a job, without the inner job and the item.
fn added(job: &impl Job<u64, Out = ()>, inner: usize, item: usize) -> usize {
    size_of_val(&job.call_in(1, &Scope::default())) - inner - item
}

/// The memory of a waiting job counts: ten thousand jobs may wait.
#[tokio::test]
#[cfg(target_pointer_width = "64")]
async fn waiting_jobs_have_the_documented_sizes() {
    let inner = size_of_val(&Job::call(&bare, 1));
    let item = size_of::<u64>();
    assert_eq!(added(&bare.timeout(seconds(1)), inner, 0), 120);
    assert_eq!(added(&bare.retry(ExponentialBuilder::default()), inner, item), 56);
    assert_eq!(added(&bare.hedge(seconds(1)), inner, item), 168);
    assert_eq!(added(&bare.keep_input(), inner, item), 8);
    assert_eq!(added(&bare.keep_cancelled().0, inner, item), 32);
    assert_eq!(added(&blocking(|_: u64| Ok(())), 0, 0), 88);
}
