//! The runtimes of the checks, on threads with a watchdog, and bounded waits.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, RuntimeFlavor};

use crate::environment::{is_long, repetitions};

/// The time limit of a check.
const WATCHDOG: Duration = Duration::from_secs(20);

/// The time limit of a check with `TOWPATH_LONG=1` and many games.
const WATCHDOG_LONG: Duration = Duration::from_secs(200);

/// The time limit of a repeated check. Repetitions take hours, and a machine with other work may starve a check for a
/// while.
const WATCHDOG_REPEATED: Duration = Duration::from_secs(120);

/// The longest wait for an event. A paused clock passes this time once no task can proceed.
const SOON: Duration = Duration::from_secs(10);

/// The outcome of a check: `Err` has the observation against the law.
pub(crate) type Outcome = Result<(), String>;

/// A kind of runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// A single thread and a paused clock. The clock moves only while no task can proceed.
    CurrentThread,
    /// A single thread and the real clock.
    RealClock,
    /// A single thread and a paused clock. The check runs after every poll of a task.
    Stepped,
    /// Three worker threads and the real clock.
    MultiThread,
}

/// The runtimes of checks that do not depend on time.
pub(crate) const BOTH: &[Runtime] = &[Runtime::CurrentThread, Runtime::MultiThread];
/// The runtime of checks of times.
pub(crate) const PAUSED: &[Runtime] = &[Runtime::CurrentThread];
/// The runtimes of checks with a second runtime: a paused clock does not see the work of the second runtime.
pub(crate) const UNPAUSED: &[Runtime] = &[Runtime::RealClock, Runtime::MultiThread];
/// The runtime of checks that act between two polls.
pub(crate) const STEPPED: &[Runtime] = &[Runtime::Stepped];
/// The runtime of checks of threads.
pub(crate) const THREADS: &[Runtime] = &[Runtime::MultiThread];
/// The runtime of checks of the timer.
pub(crate) const REAL_CLOCK: &[Runtime] = &[Runtime::RealClock];

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CurrentThread => "current-thread",
            Self::RealClock => "current-thread (real clock)",
            Self::Stepped => "poll-by-poll",
            Self::MultiThread => "multi-thread",
        })
    }
}

impl Runtime {
    fn build(self) -> std::io::Result<tokio::runtime::Runtime> {
        match self {
            Self::CurrentThread => Builder::new_current_thread().enable_time().start_paused(true).build(),
            Self::RealClock => Builder::new_current_thread().enable_time().build(),
            Self::Stepped => {
                Builder::new_current_thread().enable_time().start_paused(true).event_interval(1).build()
            }
            Self::MultiThread => Builder::new_multi_thread().worker_threads(3).enable_time().build(),
        }
    }

    /// Runs `check` on a runtime of this kind, in a new thread. The thread of a hung check is never joined.
    pub(crate) fn watch<T: Send + 'static>(
        self,
        check: impl FnOnce(&tokio::runtime::Runtime) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (done, outcome) = mpsc::channel();
        let checking = move || {
            let runtime = self.build().map_err(|error| format!("no runtime: {error}"));
            let outcome = runtime.as_ref().map_err(Clone::clone).and_then(|runtime| {
                catch_unwind(AssertUnwindSafe(|| check(runtime)))
                    .map_err(|_| "a panic left the pattern, and is not reported as a failure".to_owned())
            });
            // Sent before the drop of the runtime: the tasks of a broken pattern may block the drop.
            let _ = done.send(outcome);
        };
        let spawned = thread::Builder::new().name("check".to_owned()).spawn(checking);
        spawned.map_err(|error| format!("no thread for the check: {error}"))?;
        let is_repeated = repetitions() > NonZeroU32::MIN;
        let watchdog = match (is_long(), is_repeated) {
            (true, _) => WATCHDOG_LONG,
            (false, true) => WATCHDOG_REPEATED,
            (false, false) => WATCHDOG,
        };
        outcome.recv_timeout(watchdog).unwrap_or_else(|_| {
            Err(format!("hung: not over after {} s; a check takes a moment", watchdog.as_secs()))
        })
    }
}

/// Waits for `future`.
///
/// # Errors
///
/// When `future` does not complete within [`SOON`]. The message names `what`.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    // Not `timeout`: `timeout` polls the future once more at the end, and the poll hides a missing wake-up.
    tokio::select! {
        biased;
        () = tokio::time::sleep(SOON) => Err(format!("hung: {what} did not come")),
        came = future => Ok(came),
    }
}

/// Waits until all tasks that can proceed have done so.
pub(crate) async fn settle() {
    if is_multi_thread() {
        for _ in 0..20 {
            // A round through the queues of the other workers.
            let _ = tokio::spawn(tokio::task::yield_now()).await;
        }
    } else {
        // The clock is paused: the sleep ends once no task can proceed.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn is_multi_thread() -> bool {
    Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread
}
