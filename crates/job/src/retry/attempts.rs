//! The number of attempts, in the error of a job.

use std::error::Error;
use std::fmt;

/// The number of attempts of a failed job, and the reason for no further attempt, as a context of the last error.
///
/// A job that fails at the first attempt with an error that is not retryable has no such context.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
///
/// use towpath_fanout::{Fanout, PatternExt, anyhow};
/// use towpath_job::backon::ConstantBuilder;
/// use towpath_job::{Attempts, JobExt, RetryStop};
///
/// # fn as_job<J: towpath_fanout::Job<u64, Out = ()>>(job: J) -> J { job }
/// let get = as_job(|_: u64| async { anyhow::bail!("no route") });
/// let get = get.retry(ConstantBuilder::new().with_delay(Duration::from_millis(1)).with_max_times(2));
/// let failure = Fanout::new(1, get).run([7]).collect().await.expect_err("every attempt fails");
/// assert_eq!(format!("{failure:#}"), "item 0 at stage `fanout` failed: after 3 attempts: no route");
///
/// let attempts = failure.downcast_ref::<Attempts>().expect("there were retries");
/// assert_eq!((attempts.count(), attempts.stop()), (3, &RetryStop::Exhausted));
/// # }
/// ```
#[derive(Debug)]
pub struct Attempts {
    count: u32,
    stop: RetryStop,
}

/// The reason for no further attempt.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryStop {
    /// The policy has no further delay.
    Exhausted,
    /// The error is not retryable: `when` has returned `false`, or the error is a panic or a cancellation.
    Refused,
    /// The budget is empty.
    Budget,
    /// The next attempt would start after the total time.
    TotalTime,
    /// The drop of the failed attempt panicked, with this message.
    Panicked(String),
}

impl Attempts {
    pub(super) fn new(count: u32, stop: RetryStop) -> Self {
        Self { count, stop }
    }

    /// Returns the number of attempts.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Returns the reason for no further attempt.
    #[must_use]
    pub fn stop(&self) -> &RetryStop {
        &self.stop
    }

    /// Adds the attempts to the last error, unless the context has no information: a single attempt, and an error that
    /// is not retryable.
    pub(super) fn add_to(self, error: anyhow::Error) -> anyhow::Error {
        match self {
            Self { count: 1, stop: RetryStop::Refused } => error,
            attempts => error.context(attempts),
        }
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} attempt{}", self.count, if self.count == 1 { "" } else { "s" })?;
        match &self.stop {
            RetryStop::Exhausted | RetryStop::Refused => Ok(()),
            RetryStop::Budget => f.write_str(", with no retry left in the budget"),
            RetryStop::TotalTime => f.write_str(", with no time left for a further attempt"),
            RetryStop::Panicked(message) => write!(f, ", the last of which was dropped and {message}"),
        }
    }
}

impl Error for Attempts {}
