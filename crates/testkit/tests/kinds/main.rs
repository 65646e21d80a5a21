//! Sources of every kind at their end, in runs of every pattern: the source drops its value at the end, and never polls
//! the value again.

mod again;
mod dropped;
mod iterators;
#[path = "../processes/patterns.rs"]
mod patterns;
mod source;

use std::panic;
use std::sync::Once;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use towpath_pattern::{Failure, Run};

/// A run takes less than a second.
const LIMIT: Duration = Duration::from_secs(20);

/// Returns a runtime of each kind. On the paused clock, the time limit of a hung run passes at once. The panics of the
/// sources print nothing.
fn runtimes() -> [Runtime; 2] {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&source::FAILS) {
                print(info);
            }
        }));
    });
    let single = Builder::new_current_thread().enable_time().start_paused(true).build();
    let several = Builder::new_multi_thread().worker_threads(2).enable_time().build();
    [single.expect("a runtime"), several.expect("a runtime")]
}

/// The outputs of a run in ascending order, and its failures.
#[derive(Default)]
struct Outcomes {
    outputs: Vec<usize>,
    failures: Vec<Failure>,
}

impl Outcomes {
    /// Takes all outcomes of a run; `name` is in the message of a run that hangs.
    async fn of(name: &str, mut run: Run<usize>) -> Self {
        let taking = async {
            let mut outcomes = Self::default();
            while let Some(outcome) = run.next().await {
                outcomes.add(outcome);
            }
            outcomes.outputs.sort_unstable();
            outcomes
        };
        tokio::time::timeout(LIMIT, taking).await.unwrap_or_else(|_| panic!("{name}: the run hangs"))
    }

    fn add(&mut self, outcome: Result<usize, Failure>) {
        match outcome {
            Ok(output) => self.outputs.push(output),
            Err(failure) => self.failures.push(failure),
        }
    }
}
