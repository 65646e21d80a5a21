//! A round: starts the runs, takes the outputs, stops the runs, and checks for jobs, items and tasks at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use towpath_pattern::{Pattern, PatternExt, Scope, Source};

use super::choice::{Choice, Round, ScopeStop, Stop};
use super::job::Inner;
use super::receiver;
use super::seen::Seen;
use super::source::Ends;
use super::verdict;
use super::within::within;
use crate::probe::{Ledger, Token};

impl Round {
    /// Plays the round, and returns the number of items.
    ///
    /// # Errors
    ///
    /// When a law is broken. The message starts with the name of the law.
    pub(super) async fn play(self) -> Result<usize, String> {
        let (outermost, stopper) = scope(Scope::new("round"), self.all_stop);
        let parent = (0..self.nested).fold(outermost.clone(), |scope, _| scope.child("nested"));
        let outside = self.all_stop.is_some();
        let mut items = 0;
        if self.spawned {
            let start = |choice: Choice| tokio::spawn(play(choice, parent.clone(), outside));
            let playing: Vec<_> = self.runs.into_iter().map(start).collect();
            for run in playing {
                items += run.await.map_err(|error| format!("no_silence: a panic left a run: {error}"))??;
            }
        } else {
            for choice in self.runs {
                items += play(choice, parent.clone(), outside).await?;
            }
        }
        join(stopper, "the task that stops the scope").await?;
        drop(parent);
        let ended = within("the end of the outermost scope", outermost.wait()).await?;
        ended.map_err(|failure| {
            format!("no_silence: every child scope reported its failure, and the outermost scope reports `{failure:#}`")
        })?;
        drop(outermost);
        no_task().await?;
        Ok(items)
    }
}

/// Returns the scope with the deadline of `stop`, and the task that cancels the scope.
fn scope(scope: Scope, stop: Option<ScopeStop>) -> (Scope, Option<JoinHandle<()>>) {
    let stopped = scope.clone();
    match stop {
        None => (scope, None),
        Some(ScopeStop::DeadlineMs(ms)) => (scope.with_timeout(Duration::from_millis(ms)), None),
        Some(ScopeStop::CancelAfter(times)) => {
            let stopping = async move {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
                stopped.cancel();
            };
            (scope, Some(tokio::spawn(stopping)))
        }
        Some(ScopeStop::CancelAfterMicros(micros)) => {
            let stopping = async move {
                tokio::time::sleep(Duration::from_micros(micros)).await;
                stopped.cancel();
            };
            (scope, Some(tokio::spawn(stopping)))
        }
    }
}

async fn join(task: Option<JoinHandle<()>>, what: &str) -> Result<(), String> {
    let Some(task) = task else { return Ok(()) };
    within(what, task).await?.map_err(|error| format!("{what} failed: {error}"))
}

async fn play(choice: Choice, parent: Scope, outside: bool) -> Result<usize, String> {
    let stop = if let Stop::Scope(stop) = choice.stop { Some(stop) } else { None };
    let (scope, stopper) = scope(parent.child("run"), stop);
    drop(parent);
    let ledgers: Vec<_> = choice.parts.iter().map(|_| Ledger::new()).collect();
    let inside = Ledger::new();
    let supplied = choice.supplying.start(&ledgers[0]);

    let first = &choice.parts[0].tested;
    let inner = Inner { tested: first.clone(), ledger: Arc::clone(&inside), scope: scope.clone() };
    let parts = choice.parts.iter().zip(&ledgers);
    let parts =
        parts.map(|(part, ledger)| part.tested.pattern(part.case, part.mood.job(ledger, inner.clone())));
    let run = composed(parts.collect()).run_in(&scope, supplied.source);
    drop(inner);

    let taken = receiver::take(run, &choice, &ledgers).await?;
    let ended = within("the end of the run's scope", scope.wait()).await?;
    let recorded = ended.err().into_iter().chain(scope.take_failures()).collect();
    let outside = outside || choice.stop != Stop::Never;
    join(stopper, "the task that stops the run's scope").await?;
    drop(scope);

    let (handed_out, most_ahead) = {
        let seen = ledgers[0].seen();
        (seen.handed_out, supplied.is_lazy.then_some(seen.most_ahead))
    };
    let rest = supplied.kept.take();
    let rest = rest.ok_or("structure: the run has ended and did not return the source")?;
    let is_endless = choice.supplying.ends == Ends::Never;
    let items = if is_endless { handed_out } else { choice.supplying.count() };
    let kept = within("the rest of the source", drain(rest, items, is_endless)).await?;
    join(supplied.feeder, "the task that feeds the source").await?;

    let seen = Seen { taken, ledgers, items, kept, most_ahead, recorded, outside };
    verdict::of(&choice, &seen)?;
    let inner_items = verdict::nothing_is_left(&inside)?;
    Ok(seen.items + inner_items)
}

type Boxed = Box<dyn Pattern<Token, Out = Token>>;

fn composed(parts: Vec<Boxed>) -> Boxed {
    let mut parts = parts.into_iter();
    let first = parts.next().expect("a run has a part");
    parts.fold(first, |first, next| first.then(next).boxed())
}

/// Returns the items left in the source; for an endless source, only the items below `items`.
async fn drain(mut source: Source<Token>, items: usize, is_endless: bool) -> Vec<usize> {
    let mut indexes = Vec::new();
    while let Some(Ok(token)) = source.next().await {
        if is_endless && token.index >= items {
            break;
        }
        indexes.push(token.index);
    }
    indexes
}

/// Waits until the last task of the round has returned.
async fn no_task() -> Result<(), String> {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let gone = async {
        for _ in 0..100 {
            if alive() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        while alive() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = within("the end of the last task", gone).await;
    waited.map_err(|_| format!("structure: {} tasks are left at the end of every run", alive()))
}
