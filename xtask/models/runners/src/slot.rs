//! The state of a job from its start to its end. The state decides which runner may poll the job, and whether a wake-up
//! puts the job into the run queue.
//!
//! # Invariants
//!
//! - S1: a job is in the run queue at most once. The caller of the transition to `Queued` puts the job there.
//! - S2: one runner at a time owns a job: the runner that started the job or took the job from the run queue.
//! - S3: a wake-up during a poll is not lost: the wake-up turns `Running` into `Woken`, and the end of the poll queues the
//!   job.

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Slot {
    /// A runner owns the job.
    Running,
    /// A runner owns the job, and a wake-up has come since the poll began.
    Woken,
    /// The job waits for a wake-up.
    Waiting,
    /// The job is in the run queue, or its waker is about to put it there.
    Queued,
    /// The job has ended.
    Ended,
}

impl Slot {
    /// Reads a state that was stored as a number.
    ///
    /// # Panics
    ///
    /// Panics if no state has that number.
    #[must_use]
    pub fn from_u8(number: u8) -> Self {
        let states = [Self::Running, Self::Woken, Self::Waiting, Self::Queued, Self::Ended];
        states[usize::from(number)]
    }

    /// Returns the state after a wake-up, and whether the caller must put the job into the run queue.
    #[must_use]
    pub fn wake(self) -> (Self, bool) {
        match self {
            Self::Waiting => (Self::Queued, true),
            Self::Running => (Self::Woken, false),
            Self::Woken | Self::Queued | Self::Ended => (self, false),
        }
    }

    /// Returns the state after a poll that was pending, and whether the caller must put the job into the run queue.
    ///
    /// # Panics
    ///
    /// Panics if no runner owns the job.
    #[must_use]
    pub fn pause(self) -> (Self, bool) {
        match self {
            Self::Running => (Self::Waiting, false),
            Self::Woken => (Self::Queued, true),
            Self::Waiting | Self::Queued | Self::Ended => panic!("a job was polled by two runners: {self:?}"),
        }
    }

    /// Returns the state once a runner has taken the job from the run queue.
    ///
    /// # Panics
    ///
    /// Panics if the job was not in the run queue.
    #[must_use]
    pub fn resume(self) -> Self {
        assert_eq!(self, Self::Queued, "a job that was not queued");
        Self::Running
    }
}
