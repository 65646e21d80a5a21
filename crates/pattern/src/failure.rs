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
    /// The name of the scope whose passed deadline is the cause.
    deadline_of: Option<Arc<str>>,
    later: Vec<Failure>,
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
        Self(Box::new(Inner { index, stage, cause, deadline_of: None, later: Vec::new() }))
    }

    /// Adds the name of the scope with the deadline, if a passed deadline is the cause.
    pub(crate) fn with_deadline_of(mut self, scope: Option<&Arc<str>>) -> Self {
        if let Cause::Cancelled(Cancelled::Deadline) = self.0.cause {
            self.0.deadline_of = scope.cloned();
        }
        self
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

    /// Returns the name of the scope whose deadline stopped the run or the task: the scope on which
    /// [`Scope::with_deadline`](crate::Scope::with_deadline) or [`Scope::with_timeout`](crate::Scope::with_timeout) was
    /// called. Returns `None` if no deadline is the cause.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::future::pending;
    /// use std::time::Duration;
    /// use towpath_pattern::Scope;
    ///
    /// let start_up = Scope::new("start-up").with_timeout(Duration::from_millis(1));
    /// let migration = start_up.child("migration");
    /// migration.spawn("migrate", pending());
    /// let failure = migration.wait().await.expect_err("the deadline passed");
    /// assert_eq!((failure.stage(), failure.deadline_of()), ("migrate", Some("start-up")));
    /// # }
    /// ```
    #[must_use]
    pub fn deadline_of(&self) -> Option<&str> {
        self.0.deadline_of.as_deref()
    }

    /// Returns the failures that came after this failure and have no other place, in order, for example the failure of
    /// the release of a resource after failed work. [`Failure::followed_by`] adds such failures.
    #[must_use]
    pub fn later(&self) -> &[Failure] {
        &self.0.later
    }

    /// Adds failures that came after this failure, for authors of functions that return one failure.
    ///
    /// The `Display` output of this failure includes the later failures.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_pattern::{OnFailure, Scope};
    ///
    /// let scope = Scope::new("group").on_failure(OnFailure::Continue);
    /// scope.spawn("first", async { anyhow::bail!("no route") });
    /// scope.spawn("second", async { anyhow::bail!("no space") });
    /// let failure = scope.wait().await.expect_err("both tasks failed");
    /// let failure = failure.followed_by(scope.take_failures());
    /// assert_eq!((failure.stage(), failure.later()[0].stage()), ("first", "second"));
    /// # }
    /// ```
    #[must_use]
    pub fn followed_by(mut self, later: impl IntoIterator<Item = Failure>) -> Self {
        self.0.later.extend(later);
        self
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
            Some(index) => write!(f, "item {index} at stage `{}`: ", self.0.stage)?,
            None => write!(f, "stage `{}`: ", self.0.stage)?,
        }
        match &self.0.deadline_of {
            Some(scope) => write!(f, "cancelled: the deadline of the scope `{scope}` passed")?,
            None => write!(f, "{}", self.0.cause)?,
        }
        for later in &self.0.later {
            write!(f, "; and then ")?;
            later.write_chain(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    /// Writes the failure and all sources of its error on one line, as `unwrap` and `main` print an error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failure(")?;
        self.write_chain(f)?;
        f.write_str(")")
    }
}

impl Failure {
    /// Writes the failure and all sources of its error on one line.
    fn write_chain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
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
