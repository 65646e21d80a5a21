//! A fetch with a limit for every attempt, retries with a budget, a limit for all attempts, and the input of a failure.

use std::io;
use std::time::Duration;

use towpath_fanout::{Fanout, Job, OnFailure, PatternExt, anyhow};
use towpath_job::backon::ExponentialBuilder;
use towpath_job::{Attempts, FailureExt, JobExt, RetryBudget};

/// A client of a service that refuses some of the pages and never answers for others.
struct Client;

impl Client {
    async fn get(&self, page: u64) -> io::Result<u64> {
        match page % 5 {
            3 => Err(io::ErrorKind::ConnectionRefused.into()),
            4 => std::future::pending().await,
            _ => Ok(page * 100),
        }
    }
}

struct Fetch {
    client: Client,
}

impl Job<u64> for Fetch {
    type Out = u64;

    async fn call(&self, page: u64) -> anyhow::Result<u64> {
        Ok(self.client.get(page).await?)
    }
}

#[tokio::main]
async fn main() {
    let budget = RetryBudget::new(0.1);
    let fetch = Fetch { client: Client }
        .timeout(Duration::from_millis(20))
        .retry(ExponentialBuilder::new().with_min_delay(Duration::from_millis(5)).with_max_times(2))
        .notify(|error, delay| println!("again in {delay:.1?}: {error:#}"))
        .budget(&budget)
        .timeout(Duration::from_secs(60))
        .named("fetch")
        .keep_input();

    let (outcomes, report) = Fanout::new(4, fetch).on_failure(OnFailure::Continue).run(0..5).outcomes().await;
    for failure in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        let attempts = failure.downcast_ref::<Attempts>().map_or(1, Attempts::count);
        println!("page {:?}, {attempts} attempts: {failure:#}", failure.input::<u64>());
    }
    println!("{report}");
    assert_eq!((report.last().errored, report.last().timed_out), (1, 1));
}
