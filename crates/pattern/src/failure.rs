//! Failures of items and of runs.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tokio::task::JoinError;
use tokio::time::error::Elapsed;

use crate::util::panic;

/// A failure of an item or of a run: the index, the stage and the cause.
///
/// A `Failure` is a [`std::error::Error`], so `?` works wherever an error is boxed. [`Failure::cause`] distinguishes
/// the kinds of failures, and [`Failure::downcast_ref`] finds the error of the job by its type.
///
/// # Texts
///
/// `{}` says the item, the stage and the kind of the failure. The error of the job is the [`source`](Error::source),
/// so a log that writes the sources of an error contains each text once. `{:#}` writes the failure and all sources on
/// one line, separated by `: `, and so does `{:?}`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::num::ParseIntError;
///
/// use towpath_pattern::{Run, Scope, Settings, Source, anyhow};
///
/// let parse = std::sync::Arc::new(|text: &'static str| async move { Ok(text.parse::<u64>()?) });
/// let run = Run::spawn(Scope::default(), Source::new(["1", "one"]), Settings::new("parse", 1), parse);
/// let failure = run.collect().await.expect_err("`one` is no number");
///
/// assert_eq!(failure.to_string(), "item 1 at stage `parse` failed");
/// assert_eq!(format!("{failure:#}"), "item 1 at stage `parse` failed: invalid digit found in string");
/// assert!(failure.downcast_ref::<ParseIntError>().is_some());
///
/// let error = anyhow::Error::from(failure).context("the import stopped");
/// assert_eq!(
///     format!("{error:#}"),
///     "the import stopped: item 1 at stage `parse` failed: invalid digit found in string"
/// );
/// # }
/// ```
///
/// The cause decides the next step:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
///
/// use towpath_pattern::{Cause, OnFailure, Run, Scope, Settings, Source};
///
/// let parse = Arc::new(|text: &'static str| async move { Ok(text.parse::<u64>()?) });
/// let settings = Settings::new("parse", 2).on_failure(OnFailure::Continue);
/// let mut run = Run::spawn(Scope::default(), Source::new(["1", "one"]), settings, parse);
/// let mut rejected = Vec::new();
/// while let Some(outcome) = run.next().await {
///     let Err(failure) = outcome else { continue };
///     match failure.cause() {
///         Cause::Errored(_) | Cause::TimedOut(_) => rejected.push(failure.index()),
///         Cause::Panicked(panic) => eprintln!("a bug at stage `{}`: {}", failure.stage(), panic.message()),
///         _ => return Err(failure.into()),
///     }
/// }
/// assert_eq!(rejected, [Some(1)]);
/// # Ok(()) }
/// ```
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
///
/// `{}` writes the error of the job or the message of the panic, and `{:#}` also writes all sources of the error.
///
/// # Examples
///
/// The causes of an error and of a panic, for authors of patterns:
///
/// ```
/// use towpath_pattern::{Cause, anyhow};
///
/// let errored = Cause::from_error(anyhow::anyhow!("no route").context("no page"));
/// assert_eq!(errored.to_string(), "no page");
/// assert_eq!(format!("{errored:#}"), "no page: no route");
///
/// let payload = std::panic::catch_unwind(|| -> u64 { panic!("no digest") }).expect_err("a panic");
/// assert_eq!(Cause::from_panic(payload).to_string(), "panicked: no digest");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The job or the source returned this error.
    Errored(anyhow::Error),
    /// The job, the source or the drop of a value panicked, or the job returned an error with a [`Panic`] in it.
    Panicked(Panic),
    /// The job returned this error, with a [`TimedOut`] in it.
    TimedOut(anyhow::Error),
    /// The run was stopped from outside before its end.
    Cancelled(Cancelled),
}

/// The reason why a run was stopped from outside.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::{future::pending, sync::Arc, time::Duration};
///
/// use towpath_pattern::{Cancelled, Cause, Run, Scope, Settings, Source};
///
/// let scope = Scope::new("request").with_timeout(Duration::from_millis(1));
/// let wait = Arc::new(|_: u64| pending::<anyhow::Result<()>>());
/// let run = Run::spawn(scope, Source::new([7]), Settings::new("wait", 1), wait);
/// let failure = run.collect().await.expect_err("the deadline passes");
/// assert!(matches!(failure.cause(), Cause::Cancelled(Cancelled::Deadline)));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// [`Run::cancel`](crate::Run::cancel) was called.
    Run,
    /// The run was dropped before its end.
    Dropped,
    /// The [`Scope`](crate::Scope) of the run, or an ancestor of the scope, was cancelled. Or the scope was
    /// [draining](crate::Scope::drain) at the start of the run or the task, and has refused the run or the task.
    Scope,
    /// A drain was forced to its end: the budget was spent, or a second signal came. See
    /// [`Run::drain`](crate::Run::drain) and [`Scope::drain`](crate::Scope::drain).
    Drain,
    /// The service of a [`Client`](crate::Client) ended before the call: the run of the service has stopped, or drains.
    Service,
    /// The deadline of the scope passed.
    Deadline,
    /// The upstream run, which is the source of the run, had stopped, and the failure of the upstream run had already
    /// been returned elsewhere.
    Upstream,
    /// The tokio runtime of the run was shut down.
    Runtime,
}

/// A panic of a job, of a source or of the drop of a value.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::Arc;
///
/// use towpath_pattern::anyhow::Context;
/// use towpath_pattern::{Cause, Run, Scope, Settings, Source};
///
/// let digest = Arc::new(|block: u64| async move {
///     if block == 0 {
///         panic!("an empty block");
///     }
///     let digest = tokio::task::spawn_blocking(move || -> u64 { panic!("a block of {block} bytes") });
///     digest.await.context("no digest")
/// });
/// let settings = || Settings::new("digest", 1);
///
/// // A panic of the job itself.
/// let run = Run::spawn(Scope::default(), Source::new([0]), settings(), Arc::clone(&digest));
/// let failure = run.collect().await.expect_err("a panic");
/// let Cause::Panicked(panic) = failure.cause() else { unreachable!("the job panicked") };
/// assert_eq!(panic.message(), "an empty block");
/// assert!(panic.error().is_none());
///
/// // A panic of a task, in the error of the job.
/// let run = Run::spawn(Scope::default(), Source::new([8]), settings(), digest);
/// let failure = run.collect().await.expect_err("a panic");
/// let Cause::Panicked(panic) = failure.cause() else { unreachable!("the task panicked") };
/// assert!(panic.message().contains("a block of 8 bytes"));
/// assert_eq!(panic.error().map(ToString::to_string).as_deref(), Some("no digest"));
/// # }
/// ```
#[derive(Debug)]
pub struct Panic {
    message: String,
    /// The error that reported the panic, if the panic did not reach the run itself.
    error: Option<anyhow::Error>,
}

/// The group of an error in the counts of a stage.
enum Kind {
    Errored,
    TimedOut,
    /// With the message of the panic.
    Panicked(String),
}

impl Kind {
    /// Returns the kind of the outermost link that is a timeout, a panic or the failure of a run.
    fn of(error: &anyhow::Error) -> Self {
        // A type that is a context is no link of the chain: only the error itself knows that type.
        if error.is::<TimedOut>() || error.is::<Elapsed>() {
            return Self::TimedOut;
        }
        error.chain().find_map(Self::of_link).unwrap_or(Self::Errored)
    }

    fn of_link(link: &(dyn Error + 'static)) -> Option<Self> {
        if link.is::<TimedOut>() || link.is::<Elapsed>() {
            return Some(Self::TimedOut);
        }
        if let Some(join) = link.downcast_ref::<JoinError>() {
            return join.is_panic().then(|| Self::Panicked(join.to_string()));
        }
        Some(match link.downcast_ref::<Failure>()?.cause() {
            Cause::Errored(_) | Cause::Cancelled(_) => Self::Errored,
            Cause::TimedOut(_) => Self::TimedOut,
            Cause::Panicked(panic) => Self::Panicked(panic.message.clone()),
        })
    }
}

/// Returns the cancellation of a run in the chain of an error. An error with [later](Failure::later) failures is no plain
/// cancellation: the later failures have no other place.
pub(crate) fn cancellation_in(error: &anyhow::Error) -> Option<Cancelled> {
    for failure in error.chain().filter_map(|link| link.downcast_ref::<Failure>()) {
        match failure.cause() {
            _ if !failure.later().is_empty() => return None,
            Cause::Cancelled(by) => return Some(*by),
            _ => {}
        }
    }
    None
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

    /// Replaces the index of the failed input, if there is an index.
    pub(crate) fn map_index(mut self, map: impl Fn(usize) -> usize) -> Self {
        self.0.index = self.0.index.map(map);
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
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::{io, sync::Arc};
    ///
    /// use towpath_pattern::{Cause, Run, Scope, Settings, Source};
    ///
    /// let open = Arc::new(|_: u64| async { Err::<(), _>(io::Error::from(io::ErrorKind::NotFound).into()) });
    /// let run = Run::spawn(Scope::default(), Source::new([7]), Settings::new("open", 1), open);
    /// let failure = run.collect().await.expect_err("the page is missing");
    /// let Cause::Errored(error) = failure.into_cause() else { unreachable!("the job returned an error") };
    /// let error: io::Error = error.downcast()?;
    /// assert_eq!(error.kind(), io::ErrorKind::NotFound);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn into_cause(self) -> Cause {
        self.0.cause
    }

    /// Returns the first error of type `E` in the chain of this failure.
    ///
    /// The search goes through the contexts of an `anyhow::Error`, through the [sources](Error::source) of every error, and
    /// through the failures of inner runs. A context of type `E` in the error of a job is found, too. An error that is
    /// missing from the sources is not found: `#[error(transparent)]` of `thiserror` hides the wrapped error.
    ///
    /// After the conversion of the failure to an `anyhow::Error`, `error.downcast_ref::<Mine>()` returns `None`: anyhow
    /// checks the outermost error, which is the `Failure`, and not the sources. Two expressions find the error of the job:
    ///
    /// - `error.chain().find_map(|source| source.downcast_ref::<Mine>())`;
    /// - `error.downcast_ref::<Failure>()`, and then this method, which also finds a context.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::io;
    ///
    /// use towpath_pattern::anyhow::Context;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let open = |_: u64| async { Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)).context("no page") };
    /// let run = Run::spawn(Scope::default(), Source::new([7]), Settings::new("open", 1), std::sync::Arc::new(open));
    /// let failure = run.collect().await.expect_err("the page is missing");
    ///
    /// let error = failure.downcast_ref::<io::Error>().expect("the error below the context");
    /// assert_eq!(error.kind(), io::ErrorKind::NotFound);
    /// # }
    /// ```
    #[must_use]
    pub fn downcast_ref<E: Error + Send + Sync + 'static>(&self) -> Option<&E> {
        let mut error = self.0.cause.error()?;
        loop {
            // A type that is a context is no link of the chain: only the error itself knows that type.
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            let mut inner = None;
            for link in error.chain() {
                if let Some(found) = link.downcast_ref() {
                    return Some(found);
                }
                if let Some(failure) = link.downcast_ref::<Self>() {
                    inner = failure.0.cause.error();
                    break;
                }
            }
            error = inner?;
        }
    }

    /// Returns whether the run was stopped from outside.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::{future::pending, sync::Arc};
    ///
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let scope = Scope::new("server");
    /// let wait = Arc::new(|_: u64| pending::<anyhow::Result<()>>());
    /// let run = Run::spawn(scope.clone(), Source::new([7]), Settings::new("wait", 1), wait);
    /// scope.cancel();
    /// let failure = run.collect().await.expect_err("the scope is cancelled");
    /// assert!(failure.is_cancelled());
    /// # }
    /// ```
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

    /// Returns the failures that came after this failure and that no other call returns, in order. An example is the
    /// failure to release a resource after failed work. [`Failure::followed_by`] adds later failures.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_pattern::{Failure, OnFailure, Scope};
    ///
    /// /// Writes a line for every failure.
    /// fn log(failure: &Failure) -> Vec<String> {
    ///     std::iter::once(failure).chain(failure.later()).map(ToString::to_string).collect()
    /// }
    ///
    /// let scope = Scope::new("backup").on_failure(OnFailure::Continue);
    /// scope.spawn("copy", async { anyhow::bail!("no space") });
    /// scope.spawn("unmount", async { anyhow::bail!("busy") });
    /// let mut failures = scope.wait().await.expect_err("both tasks failed");
    /// assert_eq!(log(&failures), ["stage `copy` failed"]);
    ///
    /// failures = failures.followed_by(scope.take_failures());
    /// assert_eq!(log(&failures)[1], "stage `unmount` failed");
    /// # }
    /// ```
    #[must_use]
    pub fn later(&self) -> &[Failure] {
        &self.0.later
    }

    /// Adds failures that came after this failure, for a function that returns a single failure.
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
        for mut failure in later {
            // The list is flat, so that no text and no drop of the list recurses.
            let behind = std::mem::take(&mut failure.0.later);
            self.0.later.push(failure);
            self.0.later.extend(behind);
        }
        self
    }

    pub(crate) fn is_of(&self, stage: &Arc<str>) -> bool {
        Arc::ptr_eq(&self.0.stage, stage)
    }
}

impl Cause {
    /// Creates the cause from an error: [`Cause::TimedOut`] for a timeout ([`TimedOut::is_in`]), [`Cause::Panicked`] for
    /// a panic ([`Panic::is_in`]), [`Cause::Errored`] otherwise.
    ///
    /// The failure of an inner run keeps its kind, with one exception: the cancellation of an inner run becomes
    /// [`Cause::Errored`]. The engine handles the stop of the outer run before this call.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::time::Duration;
    ///
    /// use towpath_pattern::{Cause, anyhow};
    ///
    /// let late = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await;
    /// let error = anyhow::Error::from(late.expect_err("no time")).context("no answer");
    /// assert!(matches!(Cause::from_error(error), Cause::TimedOut(_)));
    /// # }
    /// ```
    #[must_use]
    pub fn from_error(error: anyhow::Error) -> Self {
        match Kind::of(&error) {
            Kind::Errored => Self::Errored(error),
            Kind::TimedOut => Self::TimedOut(error),
            Kind::Panicked(message) => Self::Panicked(Panic::from_error(error, message)),
        }
    }

    /// Creates the cause from the payload of a panic, and keeps the message. The payload is dropped here; a panic of
    /// the drop is ignored.
    #[must_use]
    pub fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        Self::Panicked(Panic { message: panic::message_of(payload), error: None })
    }

    /// Returns the error of the job.
    fn error(&self) -> Option<&anyhow::Error> {
        match self {
            Self::Errored(error) | Self::TimedOut(error) => Some(error),
            Self::Panicked(panic) => panic.error(),
            Self::Cancelled(_) => None,
        }
    }
}

impl Panic {
    /// Returns whether an error counts as a panic: tokio's `JoinError` of a task that panicked, for example of
    /// `spawn_blocking`, or the failure of an inner run with a panic as the cause. The panic may be anywhere in the
    /// chain of the error.
    ///
    /// If the chain also has a [`TimedOut`], the outer error of the two decides. A `JoinError` of an aborted task does
    /// not count as a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_pattern::{Panic, anyhow};
    ///
    /// let digest = tokio::task::spawn_blocking(|| -> u64 { panic!("no digest") });
    /// let error = anyhow::Error::from(digest.await.expect_err("the task panicked"));
    /// assert!(Panic::is_in(&error));
    /// # }
    /// ```
    #[must_use]
    pub fn is_in(error: &anyhow::Error) -> bool {
        matches!(Kind::of(error), Kind::Panicked(_))
    }

    /// A plain `JoinError` gives up its payload, which has the message. Every other error is kept for its text and type.
    fn from_error(error: anyhow::Error, message: String) -> Self {
        let is_plain = error.chain().next().is_some_and(<dyn Error>::is::<JoinError>);
        match if is_plain { error.downcast::<JoinError>() } else { Err(error) } {
            Ok(join) => Self { message: panic::message_of(join.into_panic()), error: None },
            Err(error) => Self { message, error: Some(error) },
        }
    }

    /// Returns the message of the panic.
    ///
    /// If a `JoinError` below another error or a context reported the panic, this method returns the text of the
    /// `JoinError`. The text includes the message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the error that reported the panic; `None` if the run caught the panic, or if the job returned a plain
    /// `JoinError`.
    #[must_use]
    pub fn error(&self) -> Option<&anyhow::Error> {
        self.error.as_ref()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Errored(_) => "",
            Self::TimedOut(_) => "timed out: ",
            Self::Panicked(_) => "panicked: ",
            Self::Cancelled(by) => return write!(f, "{by}"),
        };
        match (self.error(), self) {
            (Some(error), _) if f.alternate() => write!(f, "{kind}{error:#}"),
            (_, Self::Panicked(panic)) => write!(f, "{kind}{}", panic.message),
            (Some(error), _) => write!(f, "{kind}{error}"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "cancelled: the run was cancelled",
            Self::Dropped => "cancelled: the run was dropped",
            Self::Scope => "cancelled: its scope was cancelled",
            Self::Service => "cancelled: the service had ended",
            Self::Drain => "cancelled: the drain was forced to its end",
            Self::Deadline => "cancelled: the deadline passed",
            Self::Upstream => "cancelled: the run before it had been stopped",
            Self::Runtime => "cancelled: the runtime was shut down",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.0.index {
            write!(f, "item {index} at ")?;
        }
        write!(f, "stage `{}` ", self.0.stage)?;
        match (&self.0.cause, &self.0.deadline_of) {
            (Cause::Errored(_), _) => f.write_str("failed")?,
            (Cause::TimedOut(_), _) => f.write_str("timed out")?,
            // An error that reported the panic follows as the source, with the message in it.
            (Cause::Panicked(Panic { error: Some(_), .. }), _) => f.write_str("panicked")?,
            (Cause::Panicked(Panic { message, error: None }), _) => write!(f, "panicked: {message}")?,
            (Cause::Cancelled(_), Some(scope)) => {
                write!(f, "was cancelled: the deadline of the scope `{scope}` passed")?;
            }
            (Cause::Cancelled(by), None) => write!(f, "was {by}")?,
        }
        for (position, later) in self.0.later.iter().enumerate() {
            write!(f, "{}{later:#}", if position == 0 { " (followed by: " } else { "; " })?;
        }
        if !self.0.later.is_empty() {
            f.write_str(")")?;
        }
        match self.0.cause.error() {
            Some(error) if f.alternate() => write!(f, ": {error:#}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Failure {
    /// Writes the failure and all sources on one line, as `unwrap` and `main` print an error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({self:#})")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let error: &(dyn Error + 'static) = self.0.cause.error()?.as_ref();
        Some(error)
    }
}

/// The error that a job returns after a timeout. The item then counts as timed out.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::{future::pending, sync::Arc, time::Duration};
///
/// use towpath_pattern::{OnFailure, Run, Scope, Settings, Source, TimedOut};
///
/// let after = Duration::from_millis(1);
/// let ask = Arc::new(move |_: u64| async move {
///     let answer = tokio::time::timeout(after, pending::<u64>()).await;
///     answer.map_err(|_| TimedOut { after }.into())
/// });
/// let settings = Settings::new("ask", 2).on_failure(OnFailure::Continue);
/// let report = Run::spawn(Scope::default(), Source::new([1, 2]), settings, ask).finish().await;
/// assert_eq!(report.last().timed_out, 2);
/// assert_eq!(format!("{:#}", report.failures[0].cause()), "timed out: no result within 1ms");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// The time limit of the job.
    pub after: std::time::Duration,
}

impl TimedOut {
    /// Returns whether an error counts as a timeout: a `TimedOut`, tokio's `Elapsed`, or the failure of an inner run that
    /// timed out. The timeout may be anywhere in the chain of the error.
    ///
    /// If the chain also has a [`Panic`], the outer error of the two decides.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::time::Duration;
    ///
    /// use towpath_pattern::{TimedOut, anyhow};
    ///
    /// let late = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await;
    /// let error = anyhow::Error::from(late.expect_err("no time")).context("no answer");
    /// assert!(TimedOut::is_in(&error));
    /// # }
    /// ```
    #[must_use]
    pub fn is_in(error: &anyhow::Error) -> bool {
        matches!(Kind::of(error), Kind::TimedOut)
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
            failure(Cause::from_panic(Box::new("on purpose"))),
            failure(Cause::Errored(anyhow::anyhow!("by itself"))).context("in the task"),
        ] {
            assert_eq!(cancellation_in(&error), None, "{error:?}");
        }
    }
}
