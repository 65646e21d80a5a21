//! The limit of a stage: the number of jobs at once.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Weak;

mod live;

pub use live::{LiveLimit, WatchLimit};

/// The number of jobs that a stage runs at once; never zero.
///
/// A parameter of type `impl` [`IntoLimit`] also takes a literal, for example `4`. `Limit::try_from(n)?` checks a number
/// that is known only at run time.
///
/// # Examples
///
/// ```
/// use towpath_pattern::{Limit, Settings};
///
/// # fn main() -> anyhow::Result<()> {
/// let from_a_file = "8".parse::<usize>()?;
/// let settings = Settings::new("fetch", Limit::try_from(from_a_file)?);
/// assert_eq!(settings.limit.get(), Limit::new(8).get());
/// assert!(Limit::try_from(0).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(NonZeroUsize);

impl Limit {
    /// Creates a limit of `jobs` at once.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `jobs` is zero. `Limit::try_from(jobs)` returns an error instead.
    #[must_use]
    #[track_caller]
    pub fn new(jobs: usize) -> Self {
        match Self::try_from(jobs) {
            Ok(limit) => limit,
            Err(zero) => panic!("{zero}"),
        }
    }

    /// Returns the limit as a number.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::Limit;
    ///
    /// assert_eq!(Limit::new(8).get(), 8);
    /// ```
    #[must_use]
    pub fn get(self) -> usize {
        self.0.get()
    }
}

impl From<NonZeroUsize> for Limit {
    fn from(jobs: NonZeroUsize) -> Self {
        Self(jobs)
    }
}

impl TryFrom<usize> for Limit {
    type Error = ZeroLimit;

    fn try_from(jobs: usize) -> Result<Self, ZeroLimit> {
        NonZeroUsize::new(jobs).map(Self).ok_or(ZeroLimit)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error of a limit of zero, under which no job could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroLimit;

impl fmt::Display for ZeroLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit of 0 would never run a job; use 1 or more")
    }
}

impl std::error::Error for ZeroLimit {}

/// A value that converts into a [`Limit`]: a `usize` (also as a literal), a `NonZero<usize>` or a `Limit`.
///
/// # Examples
///
/// A type with a limit takes each of these values:
///
/// ```
/// use std::num::NonZero;
///
/// use towpath_pattern::{IntoLimit, Limit};
///
/// struct Crawler {
///     limit: Limit,
/// }
///
/// impl Crawler {
///     fn new(limit: impl IntoLimit) -> Self {
///         Self { limit: limit.into_limit() }
///     }
/// }
///
/// assert_eq!(Crawler::new(4).limit, Limit::new(4));
/// assert_eq!(Crawler::new(NonZero::<usize>::MIN).limit.get(), 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a limit",
    label = "expected a `usize`, such as the literal `4`, or a `Limit`",
    note = "for a number known only at run time: `Limit::try_from(usize::try_from(n)?)?`"
)]
pub trait IntoLimit {
    /// Returns the limit.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if the value is zero.
    #[track_caller]
    fn into_limit(self) -> Limit;
}

impl IntoLimit for Limit {
    fn into_limit(self) -> Limit {
        self
    }
}

impl IntoLimit for NonZeroUsize {
    fn into_limit(self) -> Limit {
        Limit(self)
    }
}

impl IntoLimit for usize {
    #[track_caller]
    fn into_limit(self) -> Limit {
        Limit::new(self)
    }
}

/// The number of jobs at once of a stage: fixed, or a [`LiveLimit`].
///
/// A parameter of type `impl` [`IntoJobLimit`] also takes a literal, a [`Limit`] or a reference to a [`LiveLimit`].
///
/// # Examples
///
/// ```
/// use towpath_pattern::{JobLimit, LiveLimit, Settings};
///
/// let limit = LiveLimit::new(8);
/// let settings = Settings::new("fetch", &limit);
/// assert!(matches!(settings.limit, JobLimit::Live(_)));
/// limit.set(2);
/// assert_eq!(settings.limit.get(), 2);
/// ```
#[derive(Clone, Debug)]
pub enum JobLimit {
    /// A number that stays.
    Fixed(Limit),
    /// A number that changes while runs use it; 0 pauses the runs.
    Live(LiveLimit),
}

impl JobLimit {
    /// Returns the number of jobs at once; 0 if a [`LiveLimit`] pauses the runs.
    #[must_use]
    pub fn get(&self) -> usize {
        match self {
            Self::Fixed(limit) => limit.get(),
            Self::Live(limit) => limit.get(),
        }
    }

    /// Adds a watcher, which every later change notifies. A dropped watcher is forgotten. A number that stays notifies no
    /// watcher.
    ///
    /// Add a watcher before its first look at the number. Otherwise the watcher may miss a change in between.
    ///
    /// # Examples
    ///
    /// A watcher that wakes the next of the waiting jobs of a pattern:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::sync::{Arc, Weak};
    ///
    /// use tokio::sync::Notify;
    /// use towpath_pattern::{JobLimit, LiveLimit, WatchLimit};
    ///
    /// struct Waiting(Notify);
    ///
    /// impl WatchLimit for Waiting {
    ///     fn limit_changed(&self) {
    ///         self.0.notify_one();
    ///     }
    /// }
    ///
    /// let limit = LiveLimit::new(2);
    /// let waiting = Arc::new(Waiting(Notify::new()));
    /// let watcher: Weak<Waiting> = Arc::downgrade(&waiting);
    /// JobLimit::Live(limit.clone()).watch(watcher);
    /// limit.set(3);
    /// waiting.0.notified().await;
    /// # }
    /// ```
    pub fn watch(&self, watcher: Weak<dyn WatchLimit>) {
        if let Self::Live(limit) = self {
            limit.watch(watcher);
        }
    }
}

/// A value that converts into a [`JobLimit`]: every [`IntoLimit`], a [`LiveLimit`], or a reference to a [`LiveLimit`].
///
/// # Examples
///
/// ```
/// use towpath_pattern::{IntoJobLimit, LiveLimit};
///
/// let limit = LiveLimit::new(3);
/// assert_eq!((&limit).into_job_limit().get(), 3);
/// assert_eq!(4.into_job_limit().get(), 4);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a limit",
    label = "expected a `usize`, such as the literal `4`, a `Limit`, or a `&LiveLimit`",
    note = "for a number known only at run time: `Limit::try_from(usize::try_from(n)?)?`"
)]
pub trait IntoJobLimit {
    /// Returns the limit.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if the value is the number zero.
    #[track_caller]
    fn into_job_limit(self) -> JobLimit;
}

#[diagnostic::do_not_recommend]
impl<L: IntoLimit> IntoJobLimit for L {
    #[track_caller]
    fn into_job_limit(self) -> JobLimit {
        JobLimit::Fixed(self.into_limit())
    }
}

impl IntoJobLimit for JobLimit {
    fn into_job_limit(self) -> JobLimit {
        self
    }
}

impl IntoJobLimit for LiveLimit {
    fn into_job_limit(self) -> JobLimit {
        JobLimit::Live(self)
    }
}

impl IntoJobLimit for &LiveLimit {
    fn into_job_limit(self) -> JobLimit {
        JobLimit::Live(self.clone())
    }
}
