//! The part of tokio that Towpath uses, under shuttle's scheduler.
//!
//! `shuttle-tokio` does not serve here: its runtime has no threads to share work among, its clock is the machine's,
//! so that no schedule could be replayed, and it has no cooperative budget. Here all three are chosen with each
//! schedule, by shuttle's generator: how many threads there are, how long everything takes, and when a task has used
//! up its budget. A deadline passes whenever the scheduler likes.

#![forbid(unsafe_code)]

pub use real_tokio::sync;
pub use shuttle::future::spawn;

/// Tasks and the threads they run on.
pub mod runtime {
    use shuttle::future::JoinHandle;
    use shuttle::rand::{Rng, thread_rng};

    /// The schedule's runtime.
    #[derive(Clone, Debug)]
    pub struct Handle;

    /// As tokio's; there is one runtime.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Id(());

    /// There is no runtime.
    #[derive(Debug)]
    pub struct TryCurrentError(());

    impl Handle {
        /// There always is one.
        ///
        /// # Errors
        ///
        /// Never.
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
        /// One to three.
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
            /// No unit is ever lacking that would have to be given back.
            fn drop(&mut self) {}
        }

        /// As tokio's.
        pub type Unconstrained<F> = F;

        /// As tokio's: the clock of a schedule uses no budget.
        pub fn unconstrained<F: Future>(future: F) -> F {
            future
        }

        /// As tokio's: spent once in so many times.
        #[must_use]
        pub fn has_budget_remaining() -> bool {
            !thread_rng().gen_ratio(1, BUDGET)
        }

        /// Pending once in so many times.
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
