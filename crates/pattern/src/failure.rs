//! Failures of items and of runs.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::util::panic;

/// A failure of an item or of a run: the index, the stage and the cause.
///
/// A `Failure` is a [`std::error::Error`], so `?` works wherever an error is boxed. [`Failure::cause`] distinguishes
/// the kinds of failures and holds the error of the job: `Cause::Errored(error)` with `error.is::<Mine>()`. The
/// `Display` output includes the error of the job, and [`source`](Error::source) returns the source of that error.
pub struct Failure(Box<Inner>);

struct Inner {
    index: Option<usize>,
    stage: Arc<str>,
    cause: Cause,
}

/// The cause of a failure of an item or a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The job or the source returned this error.
    Errored(anyhow::Error),
    /// The job, the source or the drop of a value panicked with this message.
    Panicked(String),
    /// The job returned this [`TimedOut`], or tokio's `Elapsed`.
    TimedOut(anyhow::Error),
    /// The run was stopped from outside before its end.
    Cancelled(Cancelled),
}

/// The reason why a run was stopped from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// [`Run::cancel`](crate::Run::cancel) was called.
    Run,
    /// The run was dropped before its end.
    Dropped,
    /// The [`Scope`](crate::Scope) of the run, or an ancestor of the scope, was cancelled.
    Scope,
    /// The deadline of the scope passed.
    Deadline,
    /// The upstream run, which is the source of the run, had been stopped before, and its failure had been taken
    /// already.
    Upstream,
    /// The tokio runtime of the run was shut down.
    Runtime,
}

/// Returns the cancellation of a run in the chain of an error.
pub(crate) fn cancellation_in(error: &anyhow::Error) -> Option<Cancelled> {
    let mut error = error;
    loop {
        // The chain of a failure leaves out the error of the job, so the search goes on in the error of the job.
        match error.chain().find_map(|link| link.downcast_ref::<Failure>())?.cause() {
            Cause::Cancelled(by) => return Some(*by),
            Cause::Errored(inner) | Cause::TimedOut(inner) => error = inner,
            Cause::Panicked(_) => return None,
        }
    }
}

impl Failure {
    pub(crate) fn new(index: Option<usize>, stage: &Arc<str>, cause: Cause) -> Self {
        let stage = Arc::clone(stage);
        Self(Box::new(Inner { index, stage, cause }))
    }

    /// Returns the index of the failed input, counted from zero at the first stage; `None` if the failure belongs to
    /// the run and to no item.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// Returns the name of the stage where the failure happened.
    #[must_use]
    pub fn stage(&self) -> &str {
        &self.0.stage
    }

    /// Returns the cause.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Returns the cause by value.
    #[must_use]
    pub fn into_cause(self) -> Cause {
        self.0.cause
    }

    /// Returns whether the run was stopped from outside.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.cause, Cause::Cancelled(_))
    }

    pub(crate) fn is_of(&self, stage: &Arc<str>) -> bool {
        Arc::ptr_eq(&self.0.stage, stage)
    }
}

impl Cause {
    /// Creates the cause from an error: [`Cause::TimedOut`] if the error says so (see [`TimedOut::is_in`]),
    /// [`Cause::Errored`] otherwise.
    #[must_use]
    pub fn from_error(error: anyhow::Error) -> Self {
        if TimedOut::is_in(&error) { Self::TimedOut(error) } else { Self::Errored(error) }
    }

    /// Creates the cause from the payload of a panic, and keeps the message. The payload is dropped here; a panic of
    /// the drop is ignored.
    #[must_use]
    pub fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        Self::Panicked(panic::message_of(payload))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errored(error) => write!(f, "{error}"),
            Self::TimedOut(error) => write!(f, "timed out: {error}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Cancelled(by) => write!(f, "{by}"),
        }
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "cancelled: the run was cancelled",
            Self::Dropped => "cancelled: the run was dropped",
            Self::Scope => "cancelled: its scope was cancelled",
            Self::Deadline => "cancelled: the deadline passed",
            Self::Upstream => "cancelled: the run before it had been stopped",
            Self::Runtime => "cancelled: the runtime was shut down",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.index {
            Some(index) => write!(f, "item {index} at stage `{}`: {}", self.0.stage, self.0.cause),
            None => write!(f, "stage `{}`: {}", self.0.stage, self.0.cause),
        }
    }
}

impl fmt::Debug for Failure {
    /// Writes the failure and all sources of its error on one line, as `unwrap` and `main` print an error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        f.write_str(")")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.cause {
            Cause::Errored(error) | Cause::TimedOut(error) => error.source(),
            Cause::Panicked(_) | Cause::Cancelled(_) => None,
        }
    }
}

/// The error that a job returns after a timeout. The item then counts as timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// The time limit of the job.
    pub after: std::time::Duration,
}

impl TimedOut {
    /// Returns whether an error is a timeout: a `TimedOut`, or tokio's `Elapsed`.
    #[must_use]
    pub fn is_in(error: &anyhow::Error) -> bool {
        error.is::<Self>() || error.is::<tokio::time::error::Elapsed>()
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no result within {:?}", self.after)
    }
}

impl Error for TimedOut {}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(cause: Cause) -> anyhow::Error {
        Failure::new(Some(0), &Arc::from("stage"), cause).into()
    }

    #[test]
    fn cancellation_is_found_through_contexts_and_failures_of_jobs() {
        let mut error = failure(Cause::Cancelled(Cancelled::Deadline));
        for _ in 0..3 {
            assert_eq!(cancellation_in(&error), Some(Cancelled::Deadline));
            error = failure(Cause::Errored(error.context("while it collected"))).context("in the task");
        }
    }

    #[test]
    fn cancellation_is_in_no_other_error() {
        for error in [
            anyhow::anyhow!("by itself"),
            failure(Cause::Panicked("on purpose".to_owned())),
            failure(Cause::Errored(anyhow::anyhow!("by itself"))).context("in the task"),
        ] {
            assert_eq!(cancellation_in(&error), None, "{error:?}");
        }
    }
}
