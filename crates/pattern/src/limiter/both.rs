//! The permits of two limiters, and the future that acquires both.
//!
//! # Invariants
//!
//! - A panic in the drop of a permit or of a future keeps no other permit and no other future from being dropped. Two panics
//!   in drops do not abort the process: the second one is caught.
//! - A permit is stored before the drop of the completed future, and moves on afterwards. So a panic of the drop does not lose
//!   the permit, and the unwinding drops no permit.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::util::panic::drop_in_order;

/// The permits of two limiters, released in the order of the limiters.
#[derive(Debug, Default)]
#[must_use = "permits that are dropped are released"]
pub struct BothPermits<P: Default, Q: Default> {
    pub(super) first: P,
    pub(super) second: Q,
}

impl<P: Default, Q: Default> Drop for BothPermits<P, Q> {
    #[inline]
    fn drop(&mut self) {
        let Self { first, second } = self;
        drop_in_order(|| drop(mem::take(first)), || drop(mem::take(second)));
    }
}

/// The order of two waits.
#[derive(Clone, Copy)]
pub(super) enum Order {
    FirstSecond,
    SecondFirst,
}

pin_project! {
    /// Acquires the permits of two limiters, one after the other.
    pub(super) struct AcquireBoth<F, G, P: Default, Q: Default> {
        // `None` once completed.
        #[pin]
        first: Option<F>,
        // `None` once completed, or without a permit to acquire.
        #[pin]
        second: Option<G>,
        order: Order,
        // The permits acquired so far.
        permits: BothPermits<P, Q>,
    }

    impl<F, G, P: Default, Q: Default> PinnedDrop for AcquireBoth<F, G, P, Q> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let (mut first, mut second) = (this.first, this.second);
            if first.is_some() || second.is_some() {
                drop_in_order(|| first.set(None), || second.set(None));
            }
        }
    }
}

impl<F, G, P: Default, Q: Default> AcquireBoth<F, G, P, Q> {
    pub(super) fn new(first: F, second: Option<G>, order: Order) -> Self {
        Self { first: Some(first), second, order, permits: BothPermits::default() }
    }
}

impl<F, G, P, Q, X, Y> Future for AcquireBoth<F, G, P, Q>
where
    F: Future<Output = anyhow::Result<X>>,
    G: Future<Output = anyhow::Result<Y>>,
    P: Default + From<X>,
    Q: Default + From<Y>,
{
    type Output = anyhow::Result<BothPermits<P, Q>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Order::SecondFirst = this.order {
            ready!(finish(this.second.as_mut(), &mut this.permits.second, cx))?;
        }
        ready!(finish(this.first, &mut this.permits.first, cx))?;
        ready!(finish(this.second, &mut this.permits.second, cx))?;
        Poll::Ready(Ok(mem::take(this.permits)))
    }
}

/// Polls a future, unless completed, and stores its permit. The completed future is dropped.
#[inline]
fn finish<F, P, X>(
    mut future: Pin<&mut Option<F>>,
    permit: &mut P,
    cx: &mut Context<'_>,
) -> Poll<anyhow::Result<()>>
where
    F: Future<Output = anyhow::Result<X>>,
    P: From<X>,
{
    if let Some(running) = future.as_mut().as_pin_mut() {
        let acquired = ready!(running.poll(cx)).map(|acquired| *permit = acquired.into());
        future.set(None);
        acquired?;
    }
    Poll::Ready(Ok(()))
}
