//! Faults to plant in the protocol, to show that the models find them.

/// A fault of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The protocol without a fault.
    None,
    /// The counter of the first sketch: a runner with a batch counts as 1. A job that begins to wait is added at the
    /// next look of the runner that started the job, and a job that has ended is subtracted at the next look of the
    /// runner that resumed the job. The two looks have no order.
    CountsRunners,
    /// A runner looks, unlocks, and only then parks.
    ParksAfterTheUnlock,
    /// A stage has at most as many runners as the executor has threads.
    SpawnsUpToTheThreads,
    /// A runner that takes work does not notify the next runner.
    NoNotifyAfterATake,
    /// A woken job notifies no runner.
    NoNotifyForAJob,
    /// A delivered output makes room and notifies no runner.
    NoNotifyForRoom,
    /// The listening runner is recorded apart from the parking list. It is notified for a job before an idle runner is,
    /// and counts as listening while it runs that job.
    ListensWhileItRuns,
    /// A wake-up during a poll is lost.
    LosesAWakeDuringAPoll,
    /// A runner leaves once no item can start, while jobs wait.
    LeavesWhileJobsWait,
    /// The first runner to leave notifies no parked runner.
    LeavesWithoutNotify,
    /// A stop notifies no parked runner.
    StopsWithoutNotify,
}
