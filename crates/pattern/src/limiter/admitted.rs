//! An item with the permits of its limiters.

use std::mem;
use std::panic::resume_unwind;

use super::chain::Limits;
use crate::util::panic::{Payload, catch, drop_caught};

/// An item of a run with limiters, and the permits of the item. For authors of patterns.
///
/// The work of a pattern passes an `Admitted` on to a [`LimitedJob`](crate::LimitedJob), or calls [`Admitted::start`]
/// right before the job starts.
#[derive(Debug)]
pub struct Admitted<In, P> {
    value: In,
    permits: P,
    refusal: Option<Box<Refusal>>,
}

/// The reason of an item whose job does not start.
pub(crate) struct Refusal {
    /// The error of a limiter, or its panic.
    pub(crate) cause: Result<anyhow::Error, Payload>,
    /// Panics of the drops that followed.
    pub(crate) later: Vec<Payload>,
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refusal").field("error", &self.cause.as_ref().ok()).finish_non_exhaustive()
    }
}

impl<In, P: Default> Admitted<In, P> {
    /// Creates an item without a permit.
    pub(crate) fn new(value: In) -> Self {
        Self { value, permits: P::default(), refusal: None }
    }

    /// Creates an item with the result of the first step.
    pub(crate) fn with(value: In, acquired: Result<P, Box<Refusal>>) -> Self {
        match acquired {
            Ok(permits) => Self { value, permits, refusal: None },
            Err(refusal) => Self { value, permits: P::default(), refusal: Some(refusal) },
        }
    }

    /// Returns the item.
    pub(crate) fn value(&self) -> &In {
        &self.value
    }

    /// Takes the refusal of a limiter.
    pub(crate) fn take_refusal(&mut self) -> Option<Box<Refusal>> {
        self.refusal.take()
    }

    /// Returns the permits, for the second step.
    pub(crate) fn permits_mut(&mut self) -> &mut P {
        &mut self.permits
    }

    /// Gives the permits back, and returns the panic of their drop.
    pub(crate) fn release_permits(&mut self) -> Option<Payload> {
        drop_caught(mem::take(&mut self.permits))
    }

    /// Gives the permits back, and returns the item. The panics of the drops go to `panicked`.
    pub(crate) fn release(self, panicked: impl FnMut(Payload)) -> In {
        let Self { value, permits, refusal } = self;
        [drop_caught(permits), drop_caught(refusal)].into_iter().flatten().for_each(panicked);
        value
    }
}

impl<In, P: Send + 'static> Admitted<In, P> {
    /// Records at every limiter that the job of the item starts now. Returns the item, and the permits, which the job
    /// drops at its end.
    ///
    /// # Panics
    ///
    /// Panics with the panic of a limiter, after the drop of the item and the permits.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::{Admitted, Limits};
    ///
    /// /// Prints a line with its permits.
    /// fn print<L: Limits<String>>(limits: &L, line: Admitted<String, L::Permits>) {
    ///     let (line, permits) = line.start(limits);
    ///     println!("{line}");
    ///     drop(permits);
    /// }
    /// ```
    pub fn start<L>(self, limits: &L) -> (In, P)
    where
        L: Limits<In, Permits = P>,
    {
        let Self { value, mut permits, refusal } = self;
        drop(refusal);
        if let Err(payload) = catch(|| limits.started(&mut permits)) {
            // A second panic would abort the process.
            [drop_caught(permits), drop_caught(value)].into_iter().flatten().for_each(mem::forget);
            resume_unwind(payload);
        }
        (value, permits)
    }
}
