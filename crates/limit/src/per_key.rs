//! Equal keys: a number of jobs at once, in input order.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use towpath_pattern::{IntoLimit, Limiter, anyhow};

use crate::gate::{Gate, Pass, Wait};
use crate::table::Table;

/// Creates a limiter for items with keys: of the items with equal keys, at most `limit` jobs run at once. See [`PerKey`].
///
/// `key` returns an owned key, and no reference into the item: `|page: &Page| page.host.clone()`.
///
/// # Panics
///
/// Panics at the caller's location if `limit` is zero.
///
/// # Examples
///
/// The events of a user, one at a time and in order:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_limit::{Limiter, per_key};
///
/// struct Event {
///     user: u64,
///     text: &'static str,
/// }
///
/// let in_order = per_key(1, |event: &Event| event.user);
/// let permit = in_order.acquire(&Event { user: 7, text: "login" }).await?;
/// let mut next = std::pin::pin!(in_order.acquire(&Event { user: 7, text: "logout" }));
/// let other = in_order.acquire(&Event { user: 8, text: "login" }).await?; // a different user does not wait
///
/// tokio::select! {
///     biased;
///     _ = &mut next => unreachable!("the first event of the user has not ended"),
///     () = tokio::task::yield_now() => drop(permit),
/// }
/// next.await?;
/// # Ok(()) }
/// ```
#[must_use]
#[track_caller]
pub fn per_key<T, K, F>(limit: impl IntoLimit, key: F) -> PerKey<F, K>
where
    F: Fn(&T) -> K,
{
    PerKey { key: Arc::new(key), table: Arc::new(Table::new(limit.into_limit().get())) }
}

/// Limits the jobs at once for every key. Created by [`per_key`].
///
/// # When not to use it
///
/// - For a fixed and small number of groups: a run for each group.
/// - For a lock around a value: `tokio::sync::Mutex`. The limiter orders jobs, and does not protect a value.
/// - For a rate for each key: [`Rate::per_key`](crate::Rate::per_key).
///
/// # Meaning
///
/// With a limit of 1, jobs with equal keys run strictly in input order. With a higher limit, these jobs start in input
/// order. Jobs with different keys do not wait for each other. The order of the *outputs* is the setting of the run.
///
/// An item that waits occupies no slot of the run, and a place in the stage. The capacity of the run is the look-ahead: a
/// frequent key whose items fill limit and capacity stops all other keys. A run with such keys has a capacity of several
/// times the limit.
///
/// Clones share the keys, so runs with clones are limited together. The order then is the order in which the runs take the
/// items.
///
/// # Keys
///
/// A key is `Hash + Eq`, owned, and forgotten as soon as no item with the key waits or runs. The function of the key, the hash,
/// the comparison and the drop of keys run under no lock; a panic there is a failure of the item, and loses no permit.
/// The limiter keeps memory, without the keys, for a thousand keys.
pub struct PerKey<F, K> {
    key: Arc<F>,
    table: Arc<Table<K, Gate>>,
}

/// The permit of a job under [`PerKey`], released when dropped.
#[must_use = "a permit that is dropped is released"]
pub struct KeyPermit<K> {
    _pass: Pass<K>,
}

impl<K> From<Pass<K>> for KeyPermit<K> {
    fn from(pass: Pass<K>) -> Self {
        Self { _pass: pass }
    }
}

impl<F, K> PerKey<F, K> {
    /// Returns the number of keys with an item that waits or runs.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_limit::{Limiter, per_key};
    ///
    /// let limiter = per_key(1, |key: &u64| *key);
    /// let permits = (limiter.acquire(&7).await?, limiter.acquire(&8).await?);
    /// assert_eq!(limiter.keys(), 2);
    /// drop(permits);
    /// assert_eq!(limiter.keys(), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn keys(&self) -> usize {
        self.table.len()
    }
}

impl<F, K> Clone for PerKey<F, K> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), table: Arc::clone(&self.table) }
    }
}

impl<F, K> fmt::Debug for PerKey<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.table.with_seed(|limit| *limit);
        f.debug_struct("PerKey").field("limit", &limit).finish_non_exhaustive()
    }
}

impl<K> fmt::Debug for KeyPermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPermit").finish_non_exhaustive()
    }
}

// An error names the limiter and its items, and not the bounds of the key.
impl<In, K, F> Limiter<In> for PerKey<F, K>
where
    F: Fn(&In) -> K + Send + Sync + 'static,
    K: Hash + Eq + Send + Sync + 'static,
{
    type Permit = KeyPermit<K>;

    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<KeyPermit<K>>> + Send + 'static + use<In, K, F> {
        Wait::new(Arc::clone(&self.table), (self.key)(item))
    }
}
