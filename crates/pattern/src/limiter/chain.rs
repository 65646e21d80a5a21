//! The limiters of a pattern, in the order of their addition.

use std::future::{self, Future};
use std::mem;

use super::both::{AcquireBoth, BothPermits, Order};
use super::contract::Limiter;

/// The limiters of a pattern: `()` without a limiter, and [`LimitedBy`] with one or more.
///
/// A pattern has a type parameter for its limiters, `()` by default, and a method `limited_by` that adds a limiter. The
/// engine acquires the permits of an item in two steps. The limiters with [`Limiter::PER_ITEM`] come first, while the item
/// waits without a slot. The other limiters come when the item has a slot. In each step, the order is the order of the
/// calls of `limited_by`.
///
/// The trait is implemented by the two types of this module only.
pub trait Limits<In>: Clone + Send + Sync + 'static + sealed::Sealed {
    /// The permits of an item; without a permit at first.
    type Permits: Default + Send + 'static;

    /// Whether a limiter is [`Limiter::PER_ITEM`].
    const ANY_PER_ITEM: bool;

    /// Whether a limiter is not [`Limiter::PER_ITEM`].
    const ANY_IN_SLOT: bool;

    /// Acquires the permits of the limiters that are [`Limiter::PER_ITEM`].
    #[doc(hidden)]
    fn acquire_per_item(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Self::Permits>> + Send + 'static + use<Self, In>;

    /// Acquires the permits of the other limiters.
    #[doc(hidden)]
    fn acquire_in_slot(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Self::Permits>> + Send + 'static + use<Self, In>;

    /// Adds the permits of the second step to the permits of the first step.
    #[doc(hidden)]
    fn add(permits: &mut Self::Permits, in_slot: Self::Permits);

    /// Records that the job of the permits starts now.
    #[doc(hidden)]
    fn started(&self, permits: &mut Self::Permits);
}

/// The limiters `B` of a pattern, and a further limiter `L`. Created by the methods `limited_by` of the patterns.
#[derive(Clone, Debug)]
pub struct LimitedBy<B, L> {
    before: B,
    last: L,
}

impl<B, L: Clone> LimitedBy<B, L> {
    /// Adds `limiter` to the limiters `before`. For authors of patterns.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::{Job, LimitedBy, Limiter};
    ///
    /// struct Each<J, L = ()> {
    ///     job: J,
    ///     limits: L,
    /// }
    ///
    /// impl<J, L> Each<J, L> {
    ///     fn limited_by<In, M>(self, limiter: &M) -> Each<J, LimitedBy<L, M>>
    ///     where
    ///         J: Job<In>, // the compiler infers the items
    ///         M: Limiter<In> + Clone,
    ///     {
    ///         Each { job: self.job, limits: LimitedBy::new(self.limits, limiter) }
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn new(before: B, limiter: &L) -> Self {
        Self { before, last: limiter.clone() }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<B, L> Sealed for super::LimitedBy<B, L> {}
}

impl<In> Limits<In> for () {
    type Permits = ();

    const ANY_PER_ITEM: bool = false;
    const ANY_IN_SLOT: bool = false;

    fn acquire_per_item(
        &self,
        _: &In,
    ) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<In> {
        future::ready(Ok(()))
    }

    fn acquire_in_slot(&self, _: &In) -> impl Future<Output = anyhow::Result<()>> + Send + 'static + use<In> {
        future::ready(Ok(()))
    }

    fn add((): &mut (), (): ()) {}

    fn started(&self, (): &mut ()) {}
}

#[diagnostic::do_not_recommend]
impl<In, B, L> Limits<In> for LimitedBy<B, L>
where
    B: Limits<In>,
    L: Limiter<In> + Clone,
{
    type Permits = BothPermits<B::Permits, Option<L::Permit>>;

    const ANY_PER_ITEM: bool = B::ANY_PER_ITEM || L::PER_ITEM;
    const ANY_IN_SLOT: bool = B::ANY_IN_SLOT || !L::PER_ITEM;

    fn acquire_per_item(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Self::Permits>> + Send + 'static + use<In, B, L> {
        let before = self.before.acquire_per_item(item);
        let last = L::PER_ITEM.then(|| self.last.acquire(item));
        AcquireBoth::new(before, last, Order::FirstSecond)
    }

    fn acquire_in_slot(
        &self,
        item: &In,
    ) -> impl Future<Output = anyhow::Result<Self::Permits>> + Send + 'static + use<In, B, L> {
        let before = self.before.acquire_in_slot(item);
        let last = (!L::PER_ITEM).then(|| self.last.acquire(item));
        AcquireBoth::new(before, last, Order::FirstSecond)
    }

    fn add(permits: &mut Self::Permits, mut in_slot: Self::Permits) {
        B::add(&mut permits.first, mem::take(&mut in_slot.first));
        if let Some(permit) = in_slot.second.take() {
            permits.second = Some(permit);
        }
    }

    fn started(&self, permits: &mut Self::Permits) {
        self.before.started(&mut permits.first);
        if let Some(permit) = &mut permits.second {
            self.last.started(permit);
        }
    }
}
