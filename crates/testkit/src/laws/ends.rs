//! The further ends of a run, and the further views of a run: a drain, a run that takes no more items, the first
//! output, a closure for every output, the counts for a progress bar, a run as a service, tolerated failures.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_core::Stream;
use tokio::task::JoinSet;
use towpath_pattern::{Counts, Failure, Kept, OnFailure, PatternExt, Run, Scope, StageReport};

use super::conservation::{adds_up, all_are_started_or_kept, nothing_twice, source};
use super::first_cause;
use crate::check::{Check, Law, Weakened};
use crate::game::{Game, Played, Stop, play};
use crate::probe::{Act, End, Fate, Ledger, Plan, Token, Wait};
use crate::runtime::{BOTH, Outcome, soon};
use crate::subject::Case;
use crate::testable::{Testable, Tested};

pub(crate) fn checks() -> Vec<Check> {
    vec![
        Check::alone(Law::Conservation, "every_item_is_in_one_group_when_drained", BOTH, |tested, game| {
            counted(tested, game, Stop::Drain)
        })
        .weakened(Weakened::Wrapped),
        Check::alone(
            Law::Conservation,
            "every_item_is_in_one_group_of_a_drain_without_time",
            BOTH,
            |tested, game| counted(tested, game, Stop::DrainNow),
        )
        .weakened(Weakened::Wrapped),
        Check::alone(
            Law::Conservation,
            "every_item_is_in_one_group_of_a_run_that_stops_taking",
            BOTH,
            |tested, game| counted(tested, game, Stop::TakeNoMore),
        )
        .weakened(Weakened::Wrapped),
        Check::alone(Law::Conservation, "a_watch_ends_with_the_counts_of_the_report", BOTH, watch),
        Check::alone(Law::Progress, "a_drain_completes_every_started_job", BOTH, completes),
        Check::alone(
            Law::Progress,
            "a_run_that_stops_taking_yields_every_started_item",
            BOTH,
            yields_the_started,
        ),
        Check::alone(Law::FirstCause, "first_returns_an_output_before_a_failure", BOTH, first),
        Check::alone(Law::FirstCause, "the_failure_beyond_the_tolerated_stops_the_run", BOTH, tolerate),
        Check::alone(Law::NoSilence, "for_each_passes_every_output_and_failure_on", BOTH, for_each),
        Check::new(Law::NoSilence, "every_call_of_a_service_has_its_own_reply", BOTH, serve),
    ]
}

/// Checks that every item is counted once after `stop`.
async fn counted(tested: Tested, game: Game, stop: Stop) -> Outcome {
    let mut played = play(&*tested, &game, stop).await?;
    let items = game.plans.len();
    if let Some(report) = &played.report {
        adds_up(&*tested, &played, report)?;
        source(&*tested, items, &played, report)?;
        // A drain without time may find all jobs completed, and a drain with time never ends early.
        if report.forced && stop != Stop::DrainNow {
            return Err("the run was not out of time, and the report has a forced drain".to_owned());
        }
    }
    nothing_twice(&played)?;
    if tested.stages() == 1 {
        all_are_started_or_kept(&*tested, items, &played)?;
    }
    if !played.kept.is_sorted() {
        return Err(format!("the items were returned as {:?}", played.kept));
    }
    played.report = None;
    match (played.left, played.ledger.seen().tokens) {
        (0, 0) => Ok(()),
        (jobs, items) => Err(format!("{jobs} jobs and {items} items were left; 0 would be right")),
    }
}

/// Checks that a drain without a failure of the run cancels no job.
async fn completes(tested: Tested, game: Game) -> Outcome {
    let game = Game { case: game.case.going_on(), ..game };
    let played = play(&*tested, &game, Stop::Drain).await?;
    no_job_is_cancelled(&*tested, &played)
}

fn no_job_is_cancelled(tested: &dyn Testable, played: &Played) -> Outcome {
    let jobs = played.ledger.seen().count(Fate::Cancelled);
    let report = played.report.as_ref().ok_or("the run has no report")?;
    let items: usize = report.stages[tested.job_stage()..].iter().map(|stage| stage.counts.cancelled).sum();
    match (jobs, items) {
        (0, 0) => Ok(()),
        _ => Err(format!("{jobs} jobs were dropped, and {items} items count as cancelled; 0 would be right")),
    }
}

/// Checks that every item is either yielded or returned, or else dropped by one of several first stages.
async fn yields_the_started(tested: Tested, game: Game) -> Outcome {
    let game = Game { case: game.case.going_on(), ..game };
    let played = play(&*tested, &game, Stop::TakeNoMore).await?;
    no_job_is_cancelled(&*tested, &played)?;
    let (outcomes, kept, items) = (played.yielded.len(), played.kept.len(), game.plans.len());
    let most = usize::from(game.stop_after) + tested.bound_of_all(game.case);
    if outcomes > most {
        return Err(format!(
            "{outcomes} outcomes were yielded, and {most} items could be taken before the stop"
        ));
    }
    let report = played.report.as_ref().ok_or("the run has no report")?;
    if outcomes + kept + tested.dropped(&report.stages) == items {
        Ok(())
    } else {
        Err(format!("of {items} items, {outcomes} outcomes were yielded, and {kept} items were returned"))
    }
}

/// Starts the run of a game.
fn start(tested: &dyn Testable, game: &Game) -> (Arc<Ledger>, Run<Token>, Scope, Kept<Token>) {
    let (ledger, scope) = (Ledger::new(), Scope::new("ends"));
    let supplied = game.form.supply(tested, &ledger, game.plans.len());
    let plans = game.plans.clone();
    let pattern = tested.pattern(game.case, Act::planned(&ledger, move |index| plans[index]));
    (ledger, pattern.start(supplied.source, scope.clone()), scope, supplied.kept)
}

/// Waits for the end of the scope, and checks that no job and no item is left. Returns the failures of the scope.
async fn is_over(ledger: &Ledger, scope: &Scope, kept: &Kept<Token>) -> Result<Vec<Failure>, String> {
    let closed = soon("the scope's end", scope.wait()).await?;
    let failures = closed.err().into_iter().chain(scope.take_failures()).collect();
    drop(kept.take().ok_or("the run has ended and did not return the source")?);
    let seen = ledger.seen();
    match (seen.live, seen.tokens) {
        (0, 0) => Ok(failures),
        (jobs, items) => Err(format!("{jobs} jobs and {items} items were left; 0 would be right")),
    }
}

async fn first(tested: Tested, game: Game) -> Outcome {
    let (ledger, run, scope, kept) = start(&*tested, &game);
    let result = soon("the first output", run.first()).await?.map(|output| output.map(|token| token.index));
    is_over(&ledger, &scope, &kept).await?;
    let succeeds = |plan: &Plan| plan.end == End::Succeed;
    let continues = game.case.on_failure == OnFailure::Continue;
    let is_right = match &result {
        Ok(Some(index)) => succeeds(&game.plans[*index]),
        Ok(None) => game.plans.is_empty(),
        Err(failure) => {
            let failed = failure.index().is_some_and(|index| !succeeds(&game.plans[index]));
            failed && !(continues && game.plans.iter().any(succeeds))
        }
    };
    if is_right { Ok(()) } else { Err(format!("the first output is {result:?}")) }
}

async fn tolerate(tested: Tested, game: Game) -> Outcome {
    const TOLERATED: usize = 2;
    let case = Case { on_failure: OnFailure::Tolerate(TOLERATED), ..game.case };
    let mut game = Game { case, ..game };
    // Most games have fewer failures.
    for plan in game.plans.iter_mut().skip(1).step_by(4) {
        plan.end = End::Fail;
    }
    let played = play(&*tested, &game, Stop::Never).await?;
    let fail = game.plans.iter().filter(|plan| plan.end != End::Succeed).count();
    if fail <= TOLERATED {
        return first_cause::every_outcome(&*tested, &game.plans, &played);
    }
    let yielded = played.yielded.iter().filter(|outcome| outcome.is_err()).count();
    let last = played.yielded.last().and_then(|outcome| outcome.as_ref().err());
    let stops = last.is_some_and(|failure| !failure.is_cancelled());
    // The tolerated failures behind a gap of an ordered run are in the report.
    let is_right = if tested.is_ordered() { yielded <= TOLERATED + 1 } else { yielded == TOLERATED + 1 };
    if stops && is_right {
        return Ok(());
    }
    let last = last.map_or_else(|| "an output".to_owned(), |failure| format!("`{failure:#}`"));
    Err(format!(
        "{fail} jobs fail, {TOLERATED} failures are tolerated, {yielded} were yielded, and {last} came last"
    ))
}

async fn for_each(tested: Tested, game: Game) -> Outcome {
    let game = Game { case: game.case.going_on(), ..game };
    let (ledger, run, scope, kept) = start(&*tested, &game);
    let passed_on = Arc::new(Mutex::new(Vec::new()));
    let outputs = Arc::clone(&passed_on);
    let ended = run.for_each(move |token: Token| {
        outputs.lock().unwrap_or_else(PoisonError::into_inner).push(token.index);
        async move {
            tokio::task::yield_now().await;
            drop(token);
            Ok(())
        }
    });
    let ended = soon("the end of the run", ended).await?;
    let further = is_over(&ledger, &scope, &kept).await?;
    let failures = ended.err().into_iter().chain(further).filter_map(|failure| failure.index());
    let mut failed: Vec<_> = failures.collect();
    let mut succeeded = std::mem::take(&mut *passed_on.lock().unwrap_or_else(PoisonError::into_inner));
    failed.sort_unstable();
    succeeded.sort_unstable();
    let planned = |succeeds: bool| {
        let plans = game.plans.iter().enumerate();
        plans.filter(move |(_, plan)| (plan.end == End::Succeed) == succeeds).map(|(index, _)| index)
    };
    if succeeded.iter().copied().eq(planned(true)) && failed.iter().copied().eq(planned(false)) {
        Ok(())
    } else {
        Err(format!("the outputs {succeeded:?} were passed on, and the failures are of the items {failed:?}"))
    }
}

/// The counts that do not change after the last job.
fn settled(stage: &StageReport) -> [usize; 5] {
    let Counts { taken, succeeded, errored, timed_out, panicked, .. } = stage.counts;
    [taken, succeeded, errored, timed_out, panicked]
}

async fn watch(tested: Tested, game: Game) -> Outcome {
    let (_ledger, run, ..) = start(&*tested, &game);
    let mut counts = run.watch(Duration::from_millis(1));
    let watching = async {
        let mut seen: Vec<Vec<_>> = Vec::new();
        while let Some(stages) = poll_fn(|cx| Pin::new(&mut counts).poll_next(cx)).await {
            seen.push(stages.iter().map(settled).collect());
        }
        seen
    };
    let both = async { tokio::join!(watching, run.finish()) };
    let (seen, report) = soon("the last counts", both).await?;
    let rises = |pair: &[Vec<[usize; 5]>]| {
        let stages = pair[0].iter().zip(&pair[1]);
        stages
            .into_iter()
            .all(|(before, after)| before.iter().zip(after).all(|(before, after)| before <= after))
    };
    let last: Vec<_> = report.stages.iter().map(settled).collect();
    if seen.last() == Some(&last) && seen.windows(2).all(rises) {
        Ok(())
    } else {
        Err(format!("the counts of the report are {last:?}, and the counts before are {seen:?}"))
    }
}

/// Checks that every call has the output or the failure of its own item, if the pattern has an output for each input.
async fn serve(tested: Tested) -> Outcome {
    const CALLS: usize = 40;
    let fails = |index: usize| index % 7 == 3;
    let (ledger, scope) = (Ledger::new(), Scope::new("service"));
    let plan = move |index| Plan {
        wait: Wait::Polls(u8::try_from(index % 4).unwrap_or(0)),
        end: if fails(index) { End::Fail } else { End::Succeed },
    };
    let pattern = tested.pattern(Case::new(3).capacity(2).going_on(), Act::planned(&ledger, plan));
    if !pattern.is_one_to_one() {
        return Ok(());
    }
    let client = pattern.serve(&scope, 4);
    let mut calls = JoinSet::new();
    for index in 0..CALLS {
        let (client, token) = (client.clone(), ledger.hand_out(index));
        calls.spawn(async move { (index, client.call(token).await.map(|token| token.index)) });
    }
    drop(client);
    while let Some(replied) = soon("the next reply", calls.join_next()).await? {
        let (index, reply) = replied.map_err(|error| format!("a call panicked: {error}"))?;
        let is_right = match &reply {
            Ok(of) => *of == index && !fails(index),
            Err(failure) => fails(index) && format!("{failure:#}").contains(&format!("job {index} failed")),
        };
        if !is_right {
            return Err(format!("the reply to the call with item {index} is {reply:?}"));
        }
    }
    soon("the end of the service", scope.wait()).await?.map_err(|failure| format!("{failure:#}"))?;
    let seen = ledger.seen();
    match (seen.live, seen.tokens) {
        (0, 0) => Ok(()),
        (jobs, items) => Err(format!("{jobs} jobs and {items} items were left; 0 would be right")),
    }
}
