//! The state of one job between its start and its end: who may poll it, and whether a wake-up puts it into the run
//! queue.
//!
//! # Invariants
//!
//! - S1: a job is in the run queue at most once: `Queued` is entered by one transition only, and that transition's
//!   caller puts the job there.
//! - S2: one runner at a time owns a job: the runner that started it, or the runner that took it from the run queue.
//! - S3: a wake-up during a poll is not lost: it turns `Running` into `Woken`, and the end of that poll queues the job.

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Slot {
    /// A runner owns the job.
    Running,
    /// A runner owns the job, and a wake-up has come since its poll began.
    Woken,
    /// The job waits for a wake-up.
    Waiting,
    /// The job is in the run queue, or on its way there.
    Queued,
    /// The job has ended.
    Ended,
}

impl Slot {
    /// Reads a state that was stored as a number.
    ///
    /// # Panics
    ///
    /// If the number is none of a state.
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
    /// If no runner owns the job.
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
    /// If the job was not in the run queue.
    #[must_use]
    pub fn resume(self) -> Self {
        assert_eq!(self, Self::Queued, "a job that was not queued");
        Self::Running
    }
}
