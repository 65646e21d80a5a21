//! The number of jobs that the limiters of a subject allow, for the weakened forms of the checks.

use std::time::Duration;

use towpath_pattern::Order;

/// The jobs that the limiters and features of a subject allow at once, and the time that a start may wait.
///
/// Not for a subject without limiters and wrappers: the default of [`Subject::allowed`](crate::Subject::allowed)
/// weakens no check.
///
/// The checks in the table of the README have a weakened form: they use [`at_once`](Self::at_once) in place of the
/// limit, and add the [`delay`](Self::delay) to every expected time. All further checks are the same for all subjects.
///
/// # Examples
///
/// Two permits, weights under which two or three items run at once, an order of the items, and a rate that delays a
/// start by a millisecond:
///
/// ```
/// use std::time::Duration;
/// use towpath_pattern::Order;
/// use towpath_testkit::Allowed;
///
/// let permits = Allowed::at_once(2);
/// let rate = Allowed::ANY.delay(Duration::from_millis(1));
/// assert_eq!(permits.and(rate), Allowed::at_once(2).delay(Duration::from_millis(1)));
///
/// let weights = Allowed::at_once(2).at_most(3);
/// assert_eq!(permits.and(weights), permits);
/// let one_by_one = Allowed::at_once(1).in_order();
/// assert_eq!(weights.and(one_by_one), one_by_one);
///
/// // The permits of a later stage delay this stage, and limit no job of this stage.
/// let slow = permits.delay(Duration::from_millis(5));
/// assert_eq!(slow.only_delay(), Allowed::ANY.delay(Duration::from_millis(5)));
///
/// // A limit that adapts, with jobs behind a wrapper that waits, and permits that a later stage shares.
/// let weakest = permits.below_the_bound().waits_before_the_job().shared_with_a_later_stage();
/// assert_ne!(weakest, permits);
///
/// // Two keys in turn. Behind a stage without an order, consecutive items may have equal keys.
/// let keys = permits.by_place();
/// assert_eq!(keys.behind_a_stage(Order::Ordered), keys);
/// assert_eq!(keys.behind_a_stage(Order::AsCompleted), Allowed::at_once(1).at_most(2).by_place());
///
/// // Jobs with a closure on a thread.
/// assert_ne!(Allowed::ANY.on_threads(), Allowed::ANY);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "statements that do not depend on each other")]
pub struct Allowed {
    pub(crate) at_once: usize,
    pub(crate) at_most: usize,
    pub(crate) delay: Duration,
    pub(crate) is_in_order: bool,
    pub(crate) is_below: bool,
    pub(crate) waits_before: bool,
    pub(crate) is_shared: bool,
    pub(crate) on_threads: bool,
    pub(crate) is_by_place: bool,
}

impl Allowed {
    /// No limiter: as many jobs at once as the limit of the case.
    pub const ANY: Self = Self {
        at_once: usize::MAX,
        at_most: usize::MAX,
        delay: Duration::ZERO,
        is_in_order: false,
        is_below: false,
        waits_before: false,
        is_shared: false,
        on_threads: false,
        is_by_place: false,
    };

    /// Creates the number of jobs of limiters under which any `jobs` consecutive items run at once, and no more.
    #[must_use]
    pub const fn at_once(jobs: usize) -> Self {
        Self { at_once: jobs, at_most: jobs, ..Self::ANY }
    }

    /// Sets the largest number of jobs at once, if some items run with more jobs than `at_once`.
    #[must_use]
    pub const fn at_most(self, jobs: usize) -> Self {
        Self { at_most: jobs, ..self }
    }

    /// Sets the longest time between the start of an item and the start of the next item.
    #[must_use]
    pub const fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// States that the jobs start strictly in the order of the items.
    #[must_use]
    pub const fn in_order(self) -> Self {
        Self { is_in_order: true, ..self }
    }

    /// States that the limit itself may be as small as `at_once`, and the bound with the limit: a limit that adapts.
    #[must_use]
    pub const fn below_the_bound(self) -> Self {
        Self { is_below: true, ..self }
    }

    /// States that a wrapper waits before the job of the suite: an item that is cancelled during the wait has started
    /// for the pattern, and has no job.
    #[must_use]
    pub const fn waits_before_the_job(self) -> Self {
        Self { waits_before: true, ..self }
    }

    /// States that a stage behind the job has the same limiters: the outputs wait for the permits of later jobs, and
    /// pass this stage in any order.
    #[must_use]
    pub const fn shared_with_a_later_stage(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// States that a part of the jobs runs on threads outside the workers of the runtime. A paused clock does not wait
    /// for such a thread, so the checks run on the runtimes with the real clock.
    #[must_use]
    pub const fn on_threads(self) -> Self {
        Self { on_threads: true, ..self }
    }

    /// States that the needs of an item depend on the place of the item in the stage, for example alternating keys.
    #[must_use]
    pub const fn by_place(self) -> Self {
        Self { is_by_place: true, ..self }
    }

    /// Returns the jobs behind a stage whose outputs have the given order. If the outputs come as completed, then two
    /// consecutive items may have equal needs, and only one of these items runs at once.
    #[must_use]
    pub fn behind_a_stage(self, order: Order) -> Self {
        if self.is_by_place && order == Order::AsCompleted { Self { at_once: 1, ..self } } else { self }
    }

    /// Returns the delay alone, for limiters of another stage than the stage of the job.
    #[must_use]
    pub const fn only_delay(self) -> Self {
        Self::ANY.delay(self.delay)
    }

    /// Returns the jobs that both allow, for limiters that need no permit of each other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            at_once: self.at_once.min(other.at_once),
            at_most: self.at_most.min(other.at_most),
            delay: self.delay + other.delay,
            is_in_order: self.is_in_order || other.is_in_order,
            is_below: self.is_below || other.is_below,
            waits_before: self.waits_before || other.waits_before,
            is_shared: self.is_shared || other.is_shared,
            on_threads: self.on_threads || other.on_threads,
            is_by_place: self.is_by_place || other.is_by_place,
        }
    }
}
