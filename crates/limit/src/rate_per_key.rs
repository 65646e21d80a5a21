//! A rate for every key.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

use tokio::time::Instant;
use towpath_pattern::{Limiter, anyhow};

use crate::pacer::{Grant, Pacer, Wait};
use crate::quota::Quota;
use crate::rate::{Rate, debug};
use crate::sync::{WakeList, panic};
use crate::table::{Share, Table, Value};

/// A [`Rate`] for every key: items with equal keys share a budget. Created by [`Rate::per_key`].
///
/// # When not to use it
///
/// - For a number of jobs at once for each key: [`per_key`](crate::per_key).
/// - For different rates: this limiter has one rate for all keys. Two rates are two limiters, or two runs.
///
/// # Meaning
///
/// The promise of [`Rate`] holds for every key by itself. An item that waits occupies no slot of the run, and items with other
/// keys pass. The capacity of the run is the look-ahead: a frequent key whose items fill limit and capacity stops all other
/// keys.
///
/// Clones share all budgets.
///
/// # Keys
///
/// A key is forgotten once its budget is full again, which is the case after `burst` intervals without a start at the latest.
/// Later uses of the limiter forget such keys by themselves, a few at each use; an unused limiter keeps the keys of its last
/// intervals. The function of the key, the hash, the comparison and the drop of keys run under no lock; a panic there is a
/// failure of the item, and loses no start.
pub struct RatePerKey<F, K> {
    key: Arc<F>,
    table: Arc<Table<K, Arc<Pacer>>>,
}

/// A share in the pacer of a key, which has a lock of its own.
struct PacerShare<K> {
    pacer: Arc<Pacer>,
    _share: Share<K, Arc<Pacer>>,
}

impl<K> Deref for PacerShare<K> {
    type Target = Pacer;

    fn deref(&self) -> &Pacer {
        &self.pacer
    }
}

/// The start of a job under a [`RatePerKey`]. The drop gives the start back, unless the job has started.
#[must_use = "a permit that is dropped gives its start back"]
pub struct KeyRatePermit<K>(Grant<PacerShare<K>>);

impl<K> From<Grant<PacerShare<K>>> for KeyRatePermit<K> {
    fn from(grant: Grant<PacerShare<K>>) -> Self {
        Self(grant)
    }
}

impl Value for Arc<Pacer> {
    type Seed = Quota;

    fn new(quota: &Quota) -> Self {
        Arc::new(Pacer::new(*quota, Instant::now()))
    }

    fn rests_until(&self) -> Option<Instant> {
        Pacer::rests_until(self)
    }
}

impl Rate {
    /// Returns a limiter with this rate for every key: items with equal keys share a budget, and items with different keys do
    /// not wait for each other. The budget of `self` is not used. `key` returns an owned key, and no reference into the item.
    ///
    /// See [`RatePerKey`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use towpath_limit::{Limiter, Rate};
    ///
    /// struct Page {
    ///     host: String,
    ///     path: String,
    /// }
    ///
    /// let polite = Rate::per_second(2).per_key(|page: &Page| page.host.clone());
    /// let page = |host: &str| Page { host: host.to_owned(), path: "/".to_owned() };
    /// for host in ["a.example", "b.example"] {
    ///     let mut permit = polite.acquire(&page(host)).await?; // no wait
    ///     Limiter::<Page>::started(&polite, &mut permit);
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn per_key<T, K, F>(self, key: F) -> RatePerKey<F, K>
    where
        F: Fn(&T) -> K,
    {
        RatePerKey { key: Arc::new(key), table: Arc::new(Table::new(self.quota())) }
    }
}

impl<F, K> RatePerKey<F, K> {
    /// Changes the rate and the burst of every key to the numbers of `rate`, as [`Rate::set`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_limit::Rate;
    ///
    /// let polite = Rate::per_second(2).per_key(|host: &String| host.clone());
    /// polite.set(&Rate::per_second(10).burst(2));
    /// ```
    pub fn set(&self, rate: &Rate) {
        let (quota, now) = (rate.quota(), Instant::now());
        let mut woken = WakeList::default();
        self.table.reseed(quota, |pacer| pacer.set(quota, now, &mut woken));
        panic::resume(woken.wake_all());
    }

    /// Returns the number of keys that the limiter remembers: the keys with items in the stage, and the keys whose budget is
    /// not full.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_limit::{Limiter, Rate};
    ///
    /// let polite = Rate::per_second(2).per_key(|host: &u32| *host);
    /// let mut permit = polite.acquire(&7).await?;
    /// Limiter::<u32>::started(&polite, &mut permit);
    /// drop(permit);
    /// assert_eq!(polite.keys(), 1); // until half a second later
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn keys(&self) -> usize {
        self.table.len()
    }
}

impl<F, K> Clone for RatePerKey<F, K> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), table: Arc::clone(&self.table) }
    }
}

impl<F, K> fmt::Debug for RatePerKey<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("RatePerKey", self.table.with_seed(|quota| *quota), f)
    }
}

impl<K> fmt::Debug for KeyRatePermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRatePermit").finish_non_exhaustive()
    }
}

impl<In, K, F> Limiter<In> for RatePerKey<F, K>
where
    F: Fn(&In) -> K + Send + Sync + 'static,
    K: Hash + Eq + Send + Sync + 'static,
{
    type Permit = KeyRatePermit<K>;

    const PER_ITEM: bool = true;

    fn acquire(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<KeyRatePermit<K>>> + Send + 'static + use<In, K, F> {
        let (share, pacer) = Arc::clone(&self.table).enter((self.key)(item), |pacer| Arc::clone(pacer));
        Wait::new(PacerShare { pacer, _share: share })
    }

    fn started(&self, permit: &mut KeyRatePermit<K>) {
        permit.0.start();
    }
}
