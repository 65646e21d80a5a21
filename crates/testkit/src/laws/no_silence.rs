//! Law 6, no silence: a panic is a failure with an item and a stage, and every failure is reported.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use towpath_pattern::{Cancelled, Cause, Failure, Report, Run, Scope, Source};

use crate::check::{Check, Law, Weakened};
use crate::game::{Game, Stop, play};
use crate::panics;
use crate::probe::{Act, End, Fate, Form, Ledger, Plan, Token, Wait};
use crate::runtime::{BOTH, Outcome, UNPAUSED, settle, soon};
use crate::subject::Case;
use crate::testable::Tested;

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::NoSilence;
    vec![
        Check::generated(law, "every_failure_is_reported_once", BOTH, |t, game| {
            reported_once(t, game, Stop::Never)
        }),
        Check::generated(law, "every_failure_is_reported_once_when_cancelled", BOTH, |t, game| {
            reported_once(t, game, Stop::Cancel)
        }),
        Check::new(law, "a_panic_is_a_failure_with_message_item_and_stage", BOTH, in_the_job),
        Check::new(law, "a_panic_before_the_first_await_is_reported", BOTH, in_the_call),
        Check::new(law, "a_panic_in_the_source_is_reported", BOTH, in_the_source),
        Check::new(law, "a_panic_in_the_drop_of_an_item_is_reported", BOTH, in_a_drop),
        Check::new(law, "a_panic_in_a_drop_during_a_cancel_is_reported", BOTH, in_a_drop_during_a_cancel)
            .weakened(Weakened::Two),
        Check::new(law, "a_panic_in_the_drop_of_the_source_is_reported", BOTH, in_the_drop_of_the_source),
        Check::new(law, "a_failure_not_taken_is_in_the_report", BOTH, in_the_report),
        Check::new(law, "a_failure_of_a_dropped_run_is_reported_by_the_scope", BOTH, by_the_scope),
        Check::new(law, "a_failure_of_a_drop_is_reported_by_the_scope", BOTH, while_dropping)
            .weakened(Weakened::Two),
        Check::new(law, "a_runtime_that_shuts_down_ends_the_run_as_cancelled", UNPAUSED, runtime_shuts_down)
            .weakened(Weakened::AtOnce),
    ]
}

/// Checks that the failure of every job is reported once: by the run or in the report.
async fn reported_once(tested: Tested, game: Game, stop: Stop) -> Outcome {
    let played = play(&*tested, &game, stop).await?;
    let ended = std::mem::take(&mut played.ledger.seen().ended);
    let failed = |fate| matches!(fate, Fate::Errored | Fate::Panicked | Fate::TimedOut);
    let mut failed: Vec<_> = ended.into_iter().filter(|ended| failed(ended.1)).map(|ended| ended.0).collect();
    let yielded = played.yielded.iter().filter_map(|result| result.as_ref().err());
    let untaken = played.report.iter().flat_map(|report| &report.failures);
    let of_scope = played.closed.as_ref().err();
    let reported = yielded.chain(untaken).chain(of_scope).filter(|failure| !failure.is_cancelled());
    let mut reported: Vec<_> = reported.filter_map(Failure::index).collect();
    failed.sort_unstable();
    reported.sort_unstable();
    if reported == failed {
        Ok(())
    } else {
        Err(format!(
            "the jobs of the items {failed:?} failed, and the reported failures are of the items {reported:?}"
        ))
    }
}

/// Returns all failures of a run, yielded or in the report.
async fn failures(mut run: Run<Token>) -> Result<Vec<Failure>, String> {
    let mut failures = Vec::new();
    while let Some(result) = soon("the next output or the end", run.next()).await? {
        failures.extend(result.err());
    }
    let Report { failures: untaken, .. } = soon("the report", run.finish()).await?;
    failures.extend(untaken);
    Ok(failures)
}

fn panicked(failures: &[Failure], message: &str) -> Outcome {
    let reported = |failure: &Failure| matches!(failure.cause(), Cause::Panicked(reported) if reported.message().contains(message));
    if failures.iter().any(reported) {
        return Ok(());
    }
    let reported: Vec<_> = failures.iter().map(|failure| format!("{failure:#}")).collect();
    Err(format!("a panic has the message `{message}`, and the reported failures are {reported:?}"))
}

async fn in_the_job(tested: Tested) -> Outcome {
    for wait in [Wait::Not, Wait::Polls(2)] {
        let ledger = Ledger::new();
        let job = Act::planned(&ledger, move |index| match index {
            7 => Plan { wait, end: End::Panic },
            _ => Plan::NOTHING,
        });
        let source = Form::Iterator.supply(&*tested, &ledger, 20).source;
        let run = tested.pattern(Case::new(3), job).start(source, Scope::default());
        let stage = run.report().stages[tested.job_stage()].stage.clone();
        let failures = failures(run).await?;
        panicked(&failures, "on purpose: job 7 panicked")?;
        let first = &failures[0];
        if first.index() != Some(7) || first.stage() != &*stage {
            return Err(format!(
                "the job of item 7 at stage `{stage}` panicked, and the reported failure is `{first:#}`"
            ));
        }
    }
    Ok(())
}

async fn in_the_call(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let job = Act::new(&ledger, |token: Token| {
        if token.index == 3 {
            panics::on_purpose("no future");
        }
        async move { Ok(token) }
    });
    let source = Form::Iterator.supply(&*tested, &ledger, 20).source;
    let run = tested.pattern(Case::new(2), job).start(source, Scope::default());
    panicked(&failures(run).await?, "no future")
}

async fn in_the_source(tested: Tested) -> Outcome {
    for iterator in [true, false] {
        let ledger = Ledger::new();
        let items = Arc::clone(&ledger);
        let item = move |index| {
            if index == 5 {
                panics::on_purpose("the well is poisoned");
            }
            items.hand_out(index)
        };
        let source = if iterator {
            Source::new((0..20).map(item))
        } else {
            Source::generate(|out| async move {
                for index in 0..20 {
                    out.send(item(index)).await;
                }
            })
        };
        let run = tested
            .pattern(Case::new(2), Act::nothing(&ledger))
            .start(tested.source(source), Scope::default());
        panicked(&failures(run).await?, "the well is poisoned")?;
        let started = ledger.seen().started.len();
        if started > 5 {
            return Err(format!(
                "the source panicked after 5 items, and {started} jobs started; 5 would be right"
            ));
        }
    }
    Ok(())
}

async fn in_a_drop(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let job = Act::new(&ledger, |token: Token| async move {
        if token.index == 4 {
            token.make_explosive();
        }
        anyhow::ensure!(token.index != 4, "the error is lost in the panic");
        Ok(token)
    });
    let source = Form::Iterator.supply(&*tested, &ledger, 20).source;
    let run = tested.pattern(Case::new(2), job).start(source, Scope::default());
    panicked(&failures(run).await?, "the drop of item 4")
}

/// Starts a run of three endless jobs, or of as many as the limiters allow, with a panic in the drop of item 1.
async fn explosive(tested: &Tested, ledger: &Arc<Ledger>, scope: Scope) -> Result<Run<Token>, String> {
    let job = Act::new(ledger, |token: Token| async move {
        if token.index == 1 {
            token.make_explosive();
        }
        std::future::pending::<()>().await;
        Ok(token)
    });
    let at_once = tested.at_once(3);
    let source = Form::Iterator.supply(&**tested, ledger, at_once).source;
    let run = tested.pattern(Case::new(3), job).start(source, scope);
    ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
    settle().await;
    Ok(run)
}

async fn in_a_drop_during_a_cancel(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let run = explosive(&tested, &ledger, Scope::default()).await?;
    run.cancel();
    panicked(&failures(run).await?, "the drop of item 1")?;
    match ledger.seen().live {
        0 => Ok(()),
        left => Err(format!("{left} jobs were left after the panic in a drop")),
    }
}

/// An iterator with a panic in the drop.
struct Grudge(std::vec::IntoIter<Token>);

impl Iterator for Grudge {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.0.next()
    }
}

impl Drop for Grudge {
    fn drop(&mut self) {
        panics::on_purpose("the source is dropped");
    }
}

async fn in_the_drop_of_the_source(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let items: Vec<_> = (0..5).map(|index| ledger.hand_out(index)).collect();
    let source = Source::new(Grudge(items.into_iter()));
    let run =
        tested.pattern(Case::new(2), Act::nothing(&ledger)).start(tested.source(source), Scope::default());
    panicked(&failures(run).await?, "the source is dropped")
}

async fn in_the_report(tested: Tested) -> Outcome {
    for end in [End::Fail, End::Panic, End::TimeOut] {
        let ledger = Ledger::new();
        let job = Act::planned(&ledger, move |index| match index {
            7 => Plan::ends(end),
            _ => Plan::NOTHING,
        });
        let source = Form::Iterator.supply(&*tested, &ledger, 20).source;
        let run = tested.pattern(Case::new(3), job).start(source, Scope::default());
        let report = soon("the report", run.finish()).await?;
        match &report.failures[..] {
            [failure] if failure.index() == Some(7) => {}
            other => {
                let reported: Vec<_> = other.iter().map(|failure| format!("{failure:#}")).collect();
                return Err(format!(
                    "the failure of item 7 was not taken, and must be in the report; the report has {reported:?}"
                ));
            }
        }
    }
    Ok(())
}

async fn by_the_scope(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let job = Act::planned(&ledger, |index| match index {
        2 => Plan::ends(End::Panic),
        _ => Plan::NOTHING,
    });
    // The number of items is the bound, since no outputs are taken.
    let source = Form::Iterator.supply(&*tested, &ledger, 6).source;
    let scope = Scope::new("no silence");
    let run = tested.pattern(Case::new(3), job).start(source, scope.clone());
    ledger.until("the panic", |seen| seen.count(Fate::Panicked) == 1).await?;
    settle().await;
    drop(run);
    let reported = soon("the scope's end", scope.wait()).await?;
    panicked(&reported.err().into_iter().collect::<Vec<_>>(), "job 2 panicked")
}

async fn while_dropping(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let scope = Scope::new("no silence");
    drop(explosive(&tested, &ledger, scope.clone()).await?);
    let reported = soon("the scope's end", scope.wait()).await?;
    panicked(&reported.err().into_iter().collect::<Vec<_>>(), "the drop of item 1")
}

/// A second runtime. The check never waits for the shutdown, since a runtime does not allow a blocking wait.
struct Other(Option<Runtime>);

impl Other {
    fn shut_down(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.shut_down();
    }
}

async fn runtime_shuts_down(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let mut other = Other(Builder::new_multi_thread().worker_threads(1).enable_time().build().ok());
    let entered = other.0.as_ref().ok_or("no runtime")?;
    let source = Form::Iterator.supply(&*tested, &ledger, 20).source;
    let pattern = tested.pattern(Case::new(3), Act::endless(&ledger));
    let mut run = {
        let _guard = entered.enter();
        pattern.start(source, Scope::default())
    };
    let at_once = tested.at_once(3);
    ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
    other.shut_down();
    let Some(Err(failure)) = soon("the end of the run", run.next()).await? else {
        return Err("the runtime was shut down during the run, and the run yields no failure; a cancellation would be right".to_owned());
    };
    if !matches!(failure.cause(), Cause::Cancelled(Cancelled::Runtime)) {
        return Err(format!(
            "the runtime was shut down during the run, and the reported failure is `{failure:#}`; a cancellation would be right"
        ));
    }
    let report = soon("the report", run.finish()).await?;
    ledger.until("the end of every job", |seen| seen.live == 0).await?;
    let counts = report.stages[tested.job_stage()].counts;
    if counts.taken == counts.settled() && counts.cancelled >= at_once {
        Ok(())
    } else {
        Err(format!(
            "{at_once} jobs were running at the shutdown of the runtime, and the report has {counts}"
        ))
    }
}
