//! Faults to plant in the protocol, to show that the models find them.

/// A fault of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The protocol as it is meant.
    None,
    /// The fault of the first sketch: a runner counts as one job whatever it has in hand, and says how many of its jobs
    /// have begun to wait only when it looks again. Another runner may have ended those by then.
    CountsRunners,
    /// A runner looks, unlocks, and only then parks.
    ParksAfterTheUnlock,
    /// There are as many runners as threads, whatever holds them up.
    HiresUpToTheThreads,
    /// A runner that takes work calls nobody for the rest.
    CallsNobodyForMore,
    /// A woken job calls nobody: an active runner will find it.
    CallsNobodyForAJob,
    /// A delivered output makes room, and calls nobody.
    CallsNobodyForRoom,
    /// Which runner listens is kept apart from the parking list: the listening runner is called for a job although others
    /// are idle, and counts as listening while it runs that job.
    ListensWhileItRuns,
    /// A wake-up during a poll is forgotten.
    ForgetsAWakeDuringAPoll,
    /// A runner leaves once no item can start, though jobs wait.
    LeavesWhileJobsWait,
    /// The last runner to see that all is done leaves alone.
    LeavesAlone,
    /// A stop wakes no parked runner.
    StopsWithoutACall,
}
