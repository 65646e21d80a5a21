//! How an item, or a whole run, can fail.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::util::panic;

/// One failure: which item, at which stage, and why.
///
/// It is a [`std::error::Error`], so `?` works wherever an error is boxed; match on [`Failure::cause`] to
/// tell the kinds apart, and on the job's own error inside: `Cause::Errored(error)` with `error.is::<Mine>()`. It
/// is displayed as that error is, and its [`source`](Error::source) is that error's source.
pub struct Failure(Box<Inner>);

struct Inner {
    index: Option<usize>,
    stage: Arc<str>,
    cause: Cause,
}

/// Why an item or a run failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The job, or the source, returned this error.
    Errored(anyhow::Error),
    /// The job, the source, or a value being dropped panicked with this message.
    Panicked(String),
    /// The job returned [`TimedOut`] (or tokio's `Elapsed`), which is inside.
    TimedOut(anyhow::Error),
    /// The run was stopped from outside before it came to its end.
    Cancelled(Cancelled),
}

/// Who stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// [`Run::cancel`](crate::Run::cancel) was called.
    Run,
    /// The run was dropped before its end.
    Dropped,
    /// The [`Scope`](crate::Scope) it ran in, or one around that, was cancelled.
    Scope,
    /// The scope's deadline passed.
    Deadline,
    /// The run that is its source had been stopped before, and its failure taken already.
    Upstream,
    /// The tokio runtime it ran on was shut down.
    Runtime,
}

/// Returns the cancellation of a run in the chain of an error.
pub(crate) fn cancellation_in(error: &anyhow::Error) -> Option<Cancelled> {
    let mut error = error;
    loop {
        // The chain of a failure leaves out the error of the job, so the search goes on in that error.
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

    /// The index of the input it happened to, counted from zero at the first stage; `None` where it
    /// concerns the run and no item of it.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// The name of the stage it happened at.
    #[must_use]
    pub fn stage(&self) -> &str {
        &self.0.stage
    }

    /// Why.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Why, by value.
    #[must_use]
    pub fn into_cause(self) -> Cause {
        self.0.cause
    }

    /// Whether the run was stopped from outside.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.cause, Cause::Cancelled(_))
    }

    pub(crate) fn is_of(&self, stage: &Arc<str>) -> bool {
        Arc::ptr_eq(&self.0.stage, stage)
    }
}

impl Cause {
    /// Sorts an error: what says that it timed out is [`Cause::TimedOut`].
    #[must_use]
    pub fn of_error(error: anyhow::Error) -> Self {
        if TimedOut::is_in(&error) { Self::TimedOut(error) } else { Self::Errored(error) }
    }

    /// Returns the panic with its message. The payload is dropped here; a panic of that drop is ignored.
    #[must_use]
    pub fn of_panic(payload: Box<dyn Any + Send>) -> Self {
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
    /// One line, as `unwrap` and `main` print it, with all that the error is caused by.
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

/// What a job returns to say that it timed out, so that its item is counted as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// How long it was given.
    pub after: std::time::Duration,
}

impl TimedOut {
    /// Whether that is what an error says: this, or tokio's `Elapsed`.
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
