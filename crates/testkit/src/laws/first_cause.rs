//! Law 5, first cause: a run yields the completed outputs, then the first failure, then the end. No later failure masks
//! the first failure.

mod failures;
mod remains;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Notify;
use towpath_pattern::{Cancelled, Cause, Failure, OnFailure, Scope, Source};

use self::failures::{first_failure, is_of_job};
use crate::check::{Check, Law, Weakened};
use crate::game::{Game, Played, Stop, play};
use crate::probe::{Act, End, Fate, Form, Ledger, Plan};
use crate::runtime::{BOTH, Outcome, PAUSED, settle, soon};
use crate::subject::Case;
use crate::testable::{Testable, Tested};

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::FirstCause;
    vec![
        Check::generated(law, "the_failure_yielded_last_is_the_first", PAUSED, the_first),
        Check::generated(law, "the_failure_yielded_last_is_no_cancellation", BOTH, comes_last),
        Check::generated(law, "a_cancel_masks_no_failure", PAUSED, not_masked),
        Check::generated(law, "a_run_set_to_continue_yields_every_failure", BOTH, going_on),
        Check::new(law, "completed_outputs_are_yielded_before_the_failure", BOTH, finished_before)
            .weakened(Weakened::Two),
        Check::new(law, "a_later_cancel_masks_nothing", BOTH, later_cancel),
        Check::new(law, "a_later_failure_masks_nothing", BOTH, later_failure).weakened(Weakened::Two),
        Check::new(law, "a_panic_in_the_drop_of_a_job_masks_nothing", BOTH, remains::masked),
        Check::new(law, "a_failure_of_the_source_comes_after_its_items", BOTH, of_the_source),
        Check::new(law, "a_cancellation_names_its_cause", BOTH, who_cancelled).weakened(Weakened::AtOnce),
        Check::new(law, "a_passed_deadline_is_reported_as_a_deadline", PAUSED, deadline),
    ]
}

pub(crate) fn failed(fate: Fate) -> bool {
    matches!(fate, Fate::Errored | Fate::Panicked | Fate::TimedOut)
}

/// Returns the items of failed jobs, in the order of the failures.
fn failures(played: &Played) -> Vec<usize> {
    played.ledger.seen().ended.iter().filter(|ended| failed(ended.1)).map(|ended| ended.0).collect()
}

fn describe(result: Option<&Result<usize, Failure>>) -> String {
    match result {
        Some(Ok(index)) => format!("the output of item {index}"),
        Some(Err(failure)) => format!("`{failure:#}`"),
        None => "the end".to_owned(),
    }
}

/// Checks that at most one failure is yielded, after all outputs, and that an ordered prefix has no gap.
///
/// Returns the failure.
pub(crate) fn shape<'a>(tested: &dyn Testable, played: &'a Played) -> Result<Option<&'a Failure>, String> {
    let place = played.yielded.iter().position(Result::is_err);
    let outputs = place.unwrap_or(played.yielded.len());
    if let Some(after) = played.yielded.get(outputs + 1) {
        return Err(format!("after the failure came {} and not the end", describe(Some(after))));
    }
    let broken = played.yielded[..outputs]
        .iter()
        .enumerate()
        .find(|(place, result)| !matches!(result, Ok(index) if index == place));
    if let Some((place, result)) = broken.filter(|_| tested.is_ordered()) {
        return Err(format!(
            "at place {place} of the outputs before a failure came {}",
            describe(Some(result))
        ));
    }
    Ok(place.and_then(|place| played.yielded[place].as_ref().err()))
}

async fn the_first(tested: Tested, game: Game) -> Outcome {
    if game.case.on_failure == OnFailure::Continue {
        return Ok(());
    }
    let played = play(&*tested, &game, Stop::Never).await?;
    let reported = shape(&*tested, &played)?.map(Failure::index);
    let first = failures(&played).first().copied().map(Some);
    if reported == first {
        Ok(())
    } else {
        Err(format!(
            "the first job that failed is the job of item {first:?}, and the reported failure is of item {reported:?}"
        ))
    }
}

async fn comes_last(tested: Tested, game: Game) -> Outcome {
    if game.case.on_failure == OnFailure::Continue {
        return Ok(());
    }
    let played = play(&*tested, &game, Stop::Never).await?;
    let reported = shape(&*tested, &played)?;
    let failed = failures(&played);
    match reported {
        None if failed.is_empty() => Ok(()),
        Some(failure) if failure.index().is_some_and(|index| failed.contains(&index)) => Ok(()),
        _ => Err(format!(
            "{} jobs failed, and the run ended with {}",
            failed.len(),
            reported.map_or_else(|| "no failure".to_owned(), |failure| format!("`{failure:#}`")),
        )),
    }
}

async fn not_masked(tested: Tested, game: Game) -> Outcome {
    if game.case.on_failure == OnFailure::Continue {
        return Ok(());
    }
    let played = play(&*tested, &game, Stop::Cancel).await?;
    let reported = shape(&*tested, &played)?;
    let seen = played.ledger.seen();
    let before = &seen.ended[..played.ended_at_stop];
    match before.iter().find(|ended| failed(ended.1)).map(|ended| ended.0) {
        Some(first) if reported.and_then(Failure::index) != Some(first) => Err(format!(
            "item {first} failed before the run was cancelled, and the run ended with {}",
            reported.map_or_else(|| "no failure".to_owned(), |failure| format!("`{failure:#}`")),
        )),
        _ => Ok(()),
    }
}

async fn going_on(tested: Tested, game: Game) -> Outcome {
    let game = Game { case: game.case.going_on(), ..game };
    let played = play(&*tested, &game, Stop::Never).await?;
    every_outcome(&*tested, &game.plans, &played)
}

/// Checks that every item has a single outcome, and that the outcome is the planned outcome.
pub(crate) fn every_outcome(tested: &dyn Testable, plans: &[Plan], played: &Played) -> Outcome {
    let index = |result: &Result<usize, Failure>| match result {
        Ok(index) => Some(*index),
        Err(failure) => failure.index(),
    };
    let yielded: Vec<_> = played.yielded.iter().filter_map(index).collect();
    let items = plans.len();
    let each_once = yielded.iter().collect::<BTreeSet<_>>().len() == items && played.yielded.len() == items;
    if !each_once {
        return Err(format!("of {items} items {} outcomes were yielded", played.yielded.len()));
    }
    if tested.is_ordered() && !yielded.is_sorted() {
        return Err("the outcomes were not yielded in the order of the items".to_owned());
    }
    for (index, plan) in plans.iter().enumerate() {
        let is_right = played.yielded.iter().any(|result| match (result, plan.end) {
            (Ok(of), End::Succeed) => *of == index,
            (Err(failure), end) if failure.index() == Some(index) => matches!(
                (failure.cause(), end),
                (Cause::Errored(_), End::Fail)
                    | (Cause::Panicked(_), End::Panic)
                    | (Cause::TimedOut(_), End::TimeOut)
            ),
            _ => false,
        });
        if !is_right {
            return Err(format!(
                "the plan of item {index} is {:?}, and the run yielded a different outcome",
                plan.end
            ));
        }
    }
    Ok(())
}

/// Checks that a run yields the outputs of items 0, 1 and 2, then the failure of item 3, then the end. Item 3 fails
/// after the three jobs have completed.
async fn finished_before(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let ended = Arc::clone(&ledger);
    let job = Act::new(&ledger, move |token| {
        let ended = Arc::clone(&ended);
        async move {
            match token.index {
                0..3 => return Ok(token),
                _ => ended
                    .until("the end of the three", |seen| seen.ended.len() >= 3)
                    .await
                    .map_err(anyhow::Error::msg)?,
            }
            anyhow::bail!("item 3 is bad")
        }
    });
    let source = Form::Iterator.supply(&*tested, &ledger, 4).source;
    let mut run = tested.pattern(Case::new(4), job).start(source, Scope::default());
    let mut outputs = Vec::new();
    let failure = loop {
        match soon("the failure", run.next()).await? {
            Some(Ok(token)) => outputs.push(token.index),
            Some(Err(failure)) => break failure,
            None => return Err("a job failed, and the run ended without a failure".to_owned()),
        }
    };
    // A stage behind the job may drop outputs that are on the way to that stage.
    if !tested.is_ordered() {
        outputs.sort_unstable();
    }
    let all = tested.stages_from_job() > 1 || outputs.len() == 3;
    let allowed =
        outputs.iter().enumerate().all(|(place, index)| place == *index || all && !tested.is_ordered());
    if !(all && allowed) {
        return Err(format!("items 0, 1 and 2 had completed, and before the failure came {outputs:?}"));
    }
    let stage = run.report().stages[tested.job_stage()].stage.clone();
    is_of_job(&failure, 3, "item 3 is bad", &stage)?;
    match soon("the end", run.next()).await? {
        None => Ok(()),
        Some(_) => Err("an output came after the failure; the end would be right".to_owned()),
    }
}

async fn later_cancel(tested: Tested) -> Outcome {
    for cancel_scope in [false, true] {
        let ledger = Ledger::new();
        let job = Act::planned(&ledger, |index| match index {
            5 => Plan::ends(End::Fail),
            _ => Plan::NOTHING,
        });
        // The number of items is the bound, since no outputs are taken.
        let source = Form::Iterator.supply(&*tested, &ledger, 20).source;
        let scope = Scope::new("first cause");
        let mut run = tested.pattern(Case::new(10), job).start(source, scope.clone());
        // The end of the job is too early: the worker of the job may not have recorded the failure yet.
        let known = async {
            while run.report().stages[tested.job_stage()].counts.errored == 0 {
                settle().await;
            }
        };
        soon("the failure", known).await?;
        settle().await;
        if cancel_scope {
            scope.cancel();
        } else {
            run.cancel();
        }
        let failure = first_failure(&mut run).await?;
        let stage = run.report().stages[tested.job_stage()].stage.clone();
        is_of_job(&failure, 5, "job 5 failed", &stage)?;
    }
    Ok(())
}

/// Checks that the panic of a second job, dropped after the failure of the first job, does not mask the failure.
async fn later_failure(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let both = Arc::new(Notify::new());
    let job = Act::new(&ledger, move |token| {
        let both = Arc::clone(&both);
        async move {
            if token.index == 0 {
                both.notified().await;
                anyhow::bail!("the first");
            }
            token.make_explosive();
            both.notify_one();
            std::future::pending::<()>().await;
            Ok(token)
        }
    });
    let source = Form::Iterator.supply(&*tested, &ledger, 2).source;
    let mut run = tested.pattern(Case::new(2), job).start(source, Scope::default());
    let failure = first_failure(&mut run).await?;
    let stage = run.report().stages[tested.job_stage()].stage.clone();
    is_of_job(&failure, 0, "the first", &stage)?;
    let report = soon("the report", run.finish()).await?;
    match &report.failures[..] {
        [second] if matches!(second.cause(), Cause::Panicked(_)) => Ok(()),
        other => {
            let reported: Vec<_> = other.iter().map(|failure| format!("{failure:#}")).collect();
            Err(format!("a second job panicked after the first failure, and the report has {reported:?}"))
        }
    }
}

async fn of_the_source(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let items = Arc::clone(&ledger);
    let source = Source::try_generate(|out| async move {
        for index in 0..5 {
            out.send(items.hand_out(index)).await;
        }
        items.until("the end of the five", |seen| seen.ended.len() == 5).await.map_err(anyhow::Error::msg)?;
        anyhow::bail!("the source is dry")
    });
    let pattern = tested.pattern(Case::new(8), Act::nothing(&ledger));
    let mut run = pattern.start(tested.source(source), Scope::default());
    // A stage behind the job may drop outputs that are on the way to that stage.
    let chained = tested.stages_from_job() > 1;
    let mut outputs = 0;
    while let Some(result) = soon("the failure", run.next()).await? {
        let Err(failure) = result else {
            outputs += 1;
            continue;
        };
        return match failure.cause() {
            Cause::Errored(error)
                if error.to_string() == "the source is dry" && (outputs == 5 || chained) =>
            {
                Ok(())
            }
            _ => Err(format!("the source failed after 5 items; after {outputs} came `{failure:#}`")),
        };
    }
    Err("the source failed, and the run ended without a failure".to_owned())
}

fn is_cancelled(failure: &Failure, by: Cancelled) -> Outcome {
    match failure.cause() {
        Cause::Cancelled(reported) if *reported == by => Ok(()),
        _ => Err(format!("the run was stopped as {by:?}, and the reported failure is `{failure:#}`")),
    }
}

async fn who_cancelled(tested: Tested) -> Outcome {
    for by in [Cancelled::Run, Cancelled::Scope] {
        let ledger = Ledger::new();
        let source = Form::Stream.supply(&*tested, &ledger, 50).source;
        let scope = Scope::new("first cause");
        let pattern = tested.pattern(Case::new(4), Act::endless(&ledger));
        let mut run = pattern.start(source, scope.clone());
        let at_once = tested.at_once(4);
        ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
        if by == Cancelled::Run {
            run.cancel();
        } else {
            scope.cancel();
        }
        is_cancelled(&first_failure(&mut run).await?, by)?;
        if soon("the end", run.next()).await?.is_some() {
            return Err("an output came after the cancellation; the end would be right".to_owned());
        }
    }
    Ok(())
}

async fn deadline(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let source = Form::Stream.supply(&*tested, &ledger, 50).source;
    let scope = Scope::new("first cause").with_timeout(std::time::Duration::from_secs(1));
    let pattern = tested.pattern(Case::new(4), Act::endless(&ledger));
    let mut run = pattern.start(source, scope);
    is_cancelled(&first_failure(&mut run).await?, Cancelled::Deadline)
}
