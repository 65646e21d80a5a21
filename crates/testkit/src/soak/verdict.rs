//! The verdict of the laws on any run.

use std::collections::BTreeSet;
use std::sync::Arc;

use towpath_pattern::{Cause, Failure, OnFailure, Report, StageReport};

use super::choice::{Choice, Part};
use super::seen::Seen;
use super::source::Ends;
use crate::probe::{Fate, Ledger};
use crate::runtime::Outcome;

/// Judges a run.
///
/// # Errors
///
/// When a law is broken. The message starts with the name of the law.
pub(super) fn of(choice: &Choice, seen: &Seen) -> Outcome {
    if seen.taken.left > 0 {
        return Err(format!("structure: {} jobs were left at the end of the run", seen.taken.left));
    }
    for ledger in &seen.ledgers {
        nothing_is_left(ledger)?;
    }
    if let Some(report) = &seen.taken.report {
        sums(report)?;
        jobs(choice, seen, report)?;
        between(choice, seen, report)?;
        source(seen, report)?;
    }
    nothing_twice(choice, seen)?;
    bounds(choice, seen)?;
    order(choice, seen)?;
    reported(choice, seen)?;
    first_cause(choice, seen)
}

/// Checks that no job, item or source is left, and returns the number of items.
pub(super) fn nothing_is_left(ledger: &Ledger) -> Result<usize, String> {
    let seen = ledger.seen();
    match (seen.live, seen.tokens, seen.sources) {
        (0, 0, 0) => Ok(seen.handed_out),
        (jobs, items, sources) => Err(format!(
            "structure: {jobs} jobs, {items} items and {sources} sources are left at the end of the scope"
        )),
    }
}

/// Checks that the groups of every stage add up to the taken items, and that no item is running or waiting.
fn sums(report: &Report) -> Outcome {
    let wrong = |stage: &&StageReport| {
        let counts = &stage.counts;
        counts.taken != counts.settled() || counts.running != 0 || counts.waiting() != 0
    };
    match report.stages.iter().find(wrong) {
        None => Ok(()),
        Some(StageReport { stage, counts, .. }) => Err(format!(
            "conservation: stage `{stage}` reports {counts} at the end of the run, and {} settled",
            counts.settled()
        )),
    }
}

/// Checks the counts of the report against the records of the jobs.
fn jobs(choice: &Choice, seen: &Seen, report: &Report) -> Outcome {
    let mut first_stage = 0;
    for (Part { tested, .. }, ledger) in choice.parts.iter().zip(&seen.ledgers) {
        let at = first_stage + tested.job_stage();
        let StageReport { stage, counts, .. } = &report.stages[at];
        first_stage += tested.stages();
        let jobs = ledger.seen();
        for (what, reported, fate) in [
            ("succeeded", counts.succeeded, Fate::Succeeded),
            ("errored", counts.errored, Fate::Errored),
            ("timed out", counts.timed_out, Fate::TimedOut),
            ("panicked", counts.panicked, Fate::Panicked),
        ] {
            let count = jobs.count(fate);
            if reported != count {
                return Err(format!(
                    "conservation: stage `{stage}` reports {reported} {what}, and {count} jobs of the stage did"
                ));
            }
        }
        // An item that leaves the stage before may also count as cancelled.
        let cancelled = jobs.count(Fate::Cancelled);
        if counts.cancelled < cancelled || at == 0 && counts.cancelled > cancelled {
            return Err(format!(
                "conservation: stage `{stage}` reports {} cancelled, and {cancelled} jobs of the stage were",
                counts.cancelled
            ));
        }
    }
    Ok(())
}

/// Checks that a stage takes all outputs of the stage before, or fewer if the run was stopped.
fn between(choice: &Choice, seen: &Seen, report: &Report) -> Outcome {
    let to_the_end = !seen.outside && !choice.may_stop_by_itself() && choice.supplying.ends == Ends::Well;
    for pair in report.stages.windows(2) {
        let (made, taken) = (pair[0].counts.succeeded, pair[1].counts.taken);
        if taken > made || to_the_end && taken < made {
            return Err(format!(
                "conservation: stage `{}` made {made} outputs, and stage `{}` took {taken}",
                pair[0].stage, pair[1].stage
            ));
        }
    }
    Ok(())
}

/// Checks that the items of the source are the items taken by the first stage and the items left in the source.
fn source(seen: &Seen, report: &Report) -> Outcome {
    let first = &report.stages[0].counts;
    let (items, kept) = (seen.items, seen.kept.len());
    if kept + first.taken == items + first.never_started {
        return Ok(());
    }
    Err(format!(
        "conservation: of {items} items, {} were taken, {} of the taken items were never started, and {kept} were returned",
        first.taken, first.never_started
    ))
}

fn nothing_twice(choice: &Choice, seen: &Seen) -> Outcome {
    let kept = once("returned", &seen.kept)?;
    let mut came_from: Option<BTreeSet<usize>> = None;
    for (position, ledger) in seen.ledgers.iter().enumerate() {
        let jobs = ledger.seen();
        let started = once("started", &jobs.started)?;
        if let Some(both) = started.intersection(&kept).next() {
            return Err(format!("conservation: item {both} was both started and returned"));
        }
        let from = came_from.as_ref();
        if let Some(new) = started.iter().find(|item| from.is_some_and(|from| !from.contains(item))) {
            return Err(format!(
                "conservation: part {} started item {new}, and the part before has no output of the item",
                position + 1
            ));
        }
        if position == 0 && choice.parts[0].tested.job_stage() == 0 {
            let is_lost = |index: &usize| !started.contains(index) && !kept.contains(index);
            if let Some(lost) = (0..seen.items).find(is_lost) {
                return Err(format!("conservation: item {lost} was lost: neither started nor returned"));
            }
        }
        let succeeded = jobs.ended.iter().filter(|ended| ended.1 == Fate::Succeeded);
        came_from = Some(succeeded.map(|ended| ended.0).collect());
    }
    let outputs = once("yielded", &outputs(seen))?;
    match outputs.iter().find(|item| came_from.as_ref().is_some_and(|from| !from.contains(item))) {
        Some(new) => {
            Err(format!("conservation: item {new} was yielded, and the last job of the item did not succeed"))
        }
        None => Ok(()),
    }
}

fn once(what: &str, indexes: &[usize]) -> Result<BTreeSet<usize>, String> {
    let mut once = BTreeSet::new();
    match indexes.iter().find(|index| !once.insert(**index)) {
        Some(twice) => Err(format!("conservation: item {twice} was {what} twice")),
        None => Ok(once),
    }
}

fn outputs(seen: &Seen) -> Vec<usize> {
    let collected = seen.taken.collected.iter().flatten().flatten();
    seen.taken.yielded.iter().flatten().chain(collected).copied().collect()
}

fn bounds(choice: &Choice, seen: &Seen) -> Outcome {
    for (Part { case, .. }, ledger) in choice.parts.iter().zip(&seen.ledgers) {
        let (peak, limit) = (ledger.seen().peak, case.limit);
        if peak > limit.get() {
            return Err(format!("bounds: {peak} jobs ran at once, and the limit is {limit}"));
        }
    }
    for live in &seen.taken.live {
        for (StageReport { stage, counts, .. }, part) in live.iter().zip(choice.stages()) {
            let known = counts.settled() + counts.running;
            if known > counts.taken || counts.delivered > counts.taken {
                return Err(format!("conservation: during the run, stage `{stage}` reported {counts}"));
            }
            let given_up = counts.cancelled + counts.never_started;
            let inside = counts.taken - (counts.delivered + given_up).min(counts.taken);
            let bound = part.case.bound();
            if inside > bound {
                return Err(format!("bounds: stage `{stage}` had {inside} items, and the bound is {bound}"));
            }
        }
    }
    let by_hand = seen.taken.is_whole && seen.taken.yielded.len() < seen.ledgers[0].seen().asked;
    // A queue without capacity admits an item for a free worker. A failure that passes through may occupy the worker
    // first.
    let exact = by_hand && failed(seen).is_empty();
    match seen.most_ahead {
        Some(ahead) if exact && ahead > choice.bound() => Err(format!(
            "bounds: {ahead} items were taken and not asked for, and the bound is {}",
            choice.bound()
        )),
        _ => Ok(()),
    }
}

fn order(choice: &Choice, seen: &Seen) -> Outcome {
    if !choice.is_ordered() {
        return Ok(());
    }
    let outputs = outputs(seen);
    let stops = choice.parts.iter().all(|part| part.case.on_failure == OnFailure::Stop);
    let wrong = |(place, index): (usize, &usize)| {
        if stops { *index != place } else { place > 0 && outputs[place - 1] >= *index }
    };
    match outputs.iter().enumerate().find(|(place, index)| wrong((*place, index))) {
        Some((place, index)) => {
            Err(format!("order: the output of item {index} was yielded at place {place}"))
        }
        None => Ok(()),
    }
}

fn is_of_an_item(failure: &Failure) -> bool {
    !failure.is_cancelled() && failure.stage() != "source"
}

/// Returns the items of the failed jobs of all parts.
fn failed(seen: &Seen) -> Vec<usize> {
    let is_failure = |fate| matches!(fate, Fate::Errored | Fate::Panicked | Fate::TimedOut);
    let of = |ledger: &Arc<Ledger>| -> Vec<usize> {
        ledger.seen().ended.iter().filter(|ended| is_failure(ended.1)).map(|ended| ended.0).collect()
    };
    let mut failed: Vec<_> = seen.ledgers.iter().flat_map(of).collect();
    failed.sort_unstable();
    failed
}

/// Checks that the failure of every job is reported once: by the run, in the report, or by the scope.
fn reported(_: &Choice, seen: &Seen) -> Outcome {
    let failed = failed(seen);
    let yielded = seen.taken.yielded.iter().filter_map(|result| result.as_ref().err());
    let collected = seen.taken.collected.iter().filter_map(|collected| collected.as_ref().err());
    let in_report = seen.taken.report.iter().flat_map(|report| &report.failures);
    // The first failure of a `collect` is one of the failures that the run has kept.
    let recorded = seen.recorded.len() + collected.clone().count();
    let kept = in_report.clone().count().max(recorded);
    let reported = yielded.chain(collected).chain(in_report).chain(&seen.recorded);
    let reported = reported.filter(|failure| is_of_an_item(failure));
    let mut reported: Vec<_> = reported.filter_map(Failure::index).collect();
    reported.sort_unstable();
    let mut rest = failed.iter();
    let all_failed = reported.iter().all(|index| rest.any(|failed| failed == index));
    if all_failed && (reported.len() == failed.len() || kept >= Report::KEPT_FAILURES) {
        return Ok(());
    }
    Err(format!(
        "no_silence: the jobs of the items {failed:?} failed, and the reported failures are of the items {reported:?}"
    ))
}

fn first_cause(choice: &Choice, seen: &Seen) -> Outcome {
    let yielded = &seen.taken.yielded;
    if let Some(failure) =
        yielded.iter().filter_map(|result| result.as_ref().err()).find(|f| f.is_cancelled())
        && !seen.outside
    {
        return Err(format!("first_cause: the run was not stopped, and yielded `{failure:#}`"));
    }
    if !seen.taken.is_whole {
        return Ok(());
    }
    let first = yielded.iter().position(Result::is_err);
    if let Some(first) = first
        && choice.last_part_stops()
        && first + 1 < yielded.len()
    {
        return Err(format!("first_cause: {} outcomes came after the failure", yielded.len() - first - 1));
    }
    let failed = failed(seen).len();
    let all = seen.items;
    if yielded.len() < all && first.is_none() {
        return Err(format!(
            "no_silence: of {all} items {} outputs were yielded, and no failure",
            yielded.len()
        ));
    }
    if seen.outside || choice.supplying.ends != Ends::Well {
        return Ok(());
    }
    let failures = yielded.iter().filter_map(|result| result.as_ref().err());
    let panicked = |failure: &&Failure| matches!(failure.cause(), Cause::Panicked(_));
    let stray =
        failures.filter(panicked).find(|failure| !format!("{failure:#}").contains(crate::panics::ON_PURPOSE));
    if let Some(stray) = stray {
        return Err(format!("no_silence: a panic that was not on purpose: `{stray:#}`"));
    }
    if failed > 0 && first.is_none() {
        return Err(format!("first_cause: {failed} jobs failed, and the run yielded no failure"));
    }
    if (failed == 0 || !choice.may_stop_by_itself()) && yielded.len() != all {
        return Err(format!("conservation: of {all} items {} outcomes were yielded", yielded.len()));
    }
    Ok(())
}
