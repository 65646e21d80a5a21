//! The budget of further attempts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One attempt, in the unit of the balance.
const ATTEMPT: u64 = 1_000_000;

/// A budget of further attempts against a storm of retries: a share of the successes.
///
/// Not for a limit of one job: the policy has the number of attempts. A budget is for all jobs that call one service.
///
/// Every success adds the share to the budget, and every further attempt takes one attempt from the budget. With a
/// share of 0.1, retries add at most a tenth to the load. Without the budget, three retries of every job multiply the
/// load of a failing service by four.
///
/// The budget starts with a reserve of ten attempts, and never holds more. So a service that fails after many successes
/// gets ten further attempts, however many successes there were. [`with_reserve`](Self::with_reserve) sets the reserve.
///
/// Clones share the budget, also between runs and between wrappers ([`Hedge::budget`](crate::Hedge::budget), and
/// `Retry::budget` with the feature `retry`).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use towpath_fanout::anyhow;
/// use towpath_job::{JobExt, RetryBudget};
///
/// let budget = RetryBudget::new(0.1).with_reserve(20);
/// let read = |key: u64| async move { anyhow::Ok(key) };
/// let list = |page: u64| async move { anyhow::Ok(page) };
/// # fn is_job<In, J: towpath_fanout::Job<In>>(_: J) {}
/// // Both jobs call one service.
/// is_job(read.hedge(Duration::from_millis(50)).budget(&budget));
/// is_job(list.hedge(Duration::from_millis(90)).budget(&budget));
/// ```
#[derive(Clone)]
pub struct RetryBudget(Arc<Shared>);

struct Shared {
    balance: AtomicU64,
    share: u64,
    most: u64,
}

impl RetryBudget {
    /// Creates a budget: every success allows `share` of a further attempt.
    ///
    /// With a share of 0, the budget allows no attempts beyond the reserve.
    ///
    /// # Panics
    ///
    /// Panics if `share` is negative, infinite or not a number.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_job::RetryBudget;
    ///
    /// let budget = RetryBudget::new(0.1);
    /// assert_eq!(budget.attempts_left(), 10);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn new(share: f64) -> Self {
        assert!(share.is_finite() && share >= 0.0, "a share of {share} is no share of successes; use 0.1");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        #[expect(clippy::cast_precision_loss, reason = "the number is small")]
        let share = (share * ATTEMPT as f64).round() as u64;
        Self::build(share, 10)
    }

    /// Sets the reserve: the attempts at the start, and the most that the budget ever holds. The returned budget is not
    /// shared with earlier clones.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_job::RetryBudget;
    ///
    /// let budget = RetryBudget::new(0.1).with_reserve(100);
    /// assert_eq!(budget.attempts_left(), 100);
    /// ```
    #[must_use]
    pub fn with_reserve(self, attempts: u32) -> Self {
        Self::build(self.0.share, attempts)
    }

    fn build(share: u64, reserve: u32) -> Self {
        let most = u64::from(reserve) * ATTEMPT;
        Self(Arc::new(Shared { balance: AtomicU64::new(most), share, most }))
    }

    /// Returns the number of further attempts that the budget allows at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_job::RetryBudget;
    ///
    /// assert_eq!(RetryBudget::new(0.0).with_reserve(0).attempts_left(), 0);
    /// ```
    #[must_use]
    pub fn attempts_left(&self) -> u64 {
        self.0.balance.load(Ordering::Relaxed) / ATTEMPT
    }

    /// Adds the share of a success.
    pub(crate) fn deposit(&self) {
        let Shared { balance, share, most } = &*self.0;
        let more = |held: u64| (held < *most).then(|| held.saturating_add(*share).min(*most));
        // A full budget, the usual case, is only read.
        let _ = balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Takes one attempt; returns whether the budget allows the attempt.
    pub(crate) fn withdraw(&self) -> bool {
        let less = |held: u64| held.checked_sub(ATTEMPT);
        self.0.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget").field("attempts_left", &self.attempts_left()).finish_non_exhaustive()
    }
}
