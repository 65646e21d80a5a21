//! The part of tokio that Towpath uses, under shuttle's scheduler.
//!
//! `shuttle-tokio` is not sufficient: its runtime has no threads to share work, its clock is the clock of the machine,
//! so no schedule can be replayed, and it has no cooperative budget. In this crate, shuttle's generator chooses all
//! three with each schedule: the number of threads, the time between two readings of the clock, and the end of a task's
//! budget. A deadline passes when the scheduler chooses.

#![forbid(unsafe_code)]

pub use real_tokio::sync;
pub use shuttle::future::spawn;

/// Tasks and the threads that run the tasks.
pub mod runtime {
    use shuttle::future::JoinHandle;
    use shuttle::rand::{Rng, thread_rng};

    /// The runtime of the schedule.
    #[derive(Clone, Debug)]
    pub struct Handle;

    /// As tokio's. There is one runtime.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Id(());

    /// The error of a missing runtime.
    #[derive(Debug)]
    pub struct TryCurrentError(());

    impl Handle {
        /// Returns the runtime, which always exists.
        ///
        /// # Errors
        ///
        /// Never fails.
        pub fn try_current() -> Result<Self, TryCurrentError> {
            Ok(Self)
        }

        /// As tokio's.
        #[must_use]
        pub fn id(&self) -> Id {
            Id(())
        }

        /// As tokio's.
        pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
        where
            F: Future<Output: Send> + Send + 'static,
        {
            shuttle::future::spawn(task)
        }

        /// As tokio's.
        #[must_use]
        pub fn metrics(&self) -> Metrics {
            Metrics
        }
    }

    /// The metrics of the runtime.
    pub struct Metrics;

    impl Metrics {
        /// Returns a number from one to three.
        #[must_use]
        pub fn num_workers(&self) -> usize {
            thread_rng().gen_range(1..=3)
        }
    }
}

/// The error of a task, and the cooperative budget.
pub mod task {
    pub use real_tokio::task::JoinError;

    /// As tokio's.
    pub mod coop {
        use std::task::{Context, Poll};

        use shuttle::rand::{Rng, thread_rng};

        /// As tokio's.
        pub struct RestoreOnPending;

        impl RestoreOnPending {
            /// As tokio's.
            pub fn made_progress(&self) {}
        }

        impl Drop for RestoreOnPending {
            /// Does nothing: no unit of a budget must be restored.
            fn drop(&mut self) {}
        }

        /// As tokio's.
        pub type Unconstrained<F> = F;

        /// As tokio's: the clock of a schedule uses no budget.
        pub fn unconstrained<F: Future>(future: F) -> F {
            future
        }

        /// As tokio's. False once in `BUDGET` calls on average.
        #[must_use]
        pub fn has_budget_remaining() -> bool {
            !thread_rng().gen_ratio(1, BUDGET)
        }

        /// The average number of polls until the budget is used up.
        const BUDGET: u32 = 16;

        /// As tokio's.
        pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
            if thread_rng().gen_ratio(1, BUDGET) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(RestoreOnPending)
        }
    }
}

pub mod time;
