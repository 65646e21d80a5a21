//! The runtimes that checks run on, each on a thread with a watchdog, and waiting on them with an end.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, RuntimeFlavor};

use crate::environment::is_long;

/// How long a check may take in all before it counts as hung.
const WATCHDOG: Duration = Duration::from_secs(20);

/// The same with `TOWPATH_LONG=1`, when checks play many games.
const WATCHDOG_LONG: Duration = Duration::from_secs(200);

/// How long a check waits for one thing that must happen; on a paused clock it passes when nothing else can.
const SOON: Duration = Duration::from_secs(10);

/// What a check says: nothing, or the sentence that tells what was broken.
pub(crate) type Outcome = Result<(), String>;

/// A kind of runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// One thread; the clock is paused, and moves only when nothing else can happen.
    CurrentThread,
    /// One thread and the real clock.
    RealClock,
    /// One thread and a paused clock; the check has its turn after each poll of a task.
    Stepped,
    /// Three workers and the real clock.
    MultiThread,
}

/// Both kinds of runtime: for all that has nothing to do with time.
pub(crate) const BOTH: &[Runtime] = &[Runtime::CurrentThread, Runtime::MultiThread];
/// For what has to do with time.
pub(crate) const PAUSED: &[Runtime] = &[Runtime::CurrentThread];
/// For what waits for another runtime: a paused clock does not know that something goes on there.
pub(crate) const UNPAUSED: &[Runtime] = &[Runtime::RealClock, Runtime::MultiThread];
/// For what is done between two polls.
pub(crate) const STEPPED: &[Runtime] = &[Runtime::Stepped];
/// For what has to do with threads.
pub(crate) const THREADS: &[Runtime] = &[Runtime::MultiThread];
/// For what has to do with the timer itself.
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

    /// Runs `check` on such a runtime. One that hangs is left behind on its thread.
    pub(crate) fn watch<T: Send + 'static>(
        self,
        check: impl FnOnce(&tokio::runtime::Runtime) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (done, outcome) = mpsc::channel();
        let checking = move || {
            let runtime = self.build().map_err(|error| format!("no runtime: {error}"));
            let outcome = runtime.as_ref().map_err(Clone::clone).and_then(|runtime| {
                catch_unwind(AssertUnwindSafe(|| check(runtime)))
                    .map_err(|_| "a panic came out of the pattern, not as a failure".to_owned())
            });
            // Whoever waits need not wait for the runtime's end as well: what a broken pattern left may block it.
            let _ = done.send(outcome);
        };
        let spawned = thread::Builder::new().name("check".to_owned()).spawn(checking);
        spawned.map_err(|error| format!("no thread for the check: {error}"))?;
        let watchdog = if is_long() { WATCHDOG_LONG } else { WATCHDOG };
        outcome.recv_timeout(watchdog).unwrap_or_else(|_| {
            Err(format!("hung: not over after {} s, and it should take a moment", watchdog.as_secs()))
        })
    }
}

/// Waits for what must happen; if it does not, says that `what` did not.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    // Not `timeout`: at its end that polls the future once more, which hides that nobody woke it.
    tokio::select! {
        biased;
        () = tokio::time::sleep(SOON) => Err(format!("hung: {what} did not come")),
        came = future => Ok(came),
    }
}

/// Gives everything that is about to happen, and should perhaps not, the time to happen.
pub(crate) async fn settle() {
    if is_multi_thread() {
        for _ in 0..20 {
            // A round through the queues of the other workers.
            let _ = tokio::spawn(tokio::task::yield_now()).await;
        }
    } else {
        // The clock is paused: this is over when nothing else can happen.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn is_multi_thread() -> bool {
    Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread
}
