//! Generated games: runs of a pattern with generated settings, and the observations of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any};
use proptest::{collection, prop_oneof, sample};
use towpath_pattern::{Failure, OnFailure, Report, Run, Scope, Source, StageReport};

use crate::probe::{Act, End, Form, Ledger, Plan, Token, Wait};
use crate::runtime::soon;
use crate::subject::Case;
use crate::testable::Testable;

/// The largest number of items in the description of a game.
const MOST_DESCRIBED: usize = 6;

/// The budget of a drain with time for all jobs.
const ENOUGH: Duration = Duration::from_secs(3_600);

/// The settings of a pattern and of a run.
#[derive(Clone, Debug)]
pub(crate) struct Game {
    pub(crate) case: Case,
    pub(crate) form: Form,
    /// The plan of the job of every item.
    pub(crate) plans: Vec<Plan>,
    /// The moment of the stop, in outputs, or in milliseconds for a deadline.
    pub(crate) stop_after: u8,
}

/// The stop of a game before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Never,
    Cancel,
    CancelScope,
    Drop,
    Deadline,
    /// The run takes no more items, and the game continues.
    TakeNoMore,
    /// A drain with time for all jobs.
    Drain,
    /// A drain without time.
    DrainNow,
}

/// The observations of a game.
pub(crate) struct Played {
    pub(crate) ledger: Arc<Ledger>,
    /// The index of every output, and every failure.
    pub(crate) yielded: Vec<Result<usize, Failure>>,
    /// The number of jobs that had completed at the stop.
    pub(crate) ended_at_stop: usize,
    /// `None` for a dropped run.
    pub(crate) report: Option<Report>,
    pub(crate) closed: Result<(), Failure>,
    /// The items returned to the source, in order.
    pub(crate) kept: Vec<usize>,
    /// The number of items taken from the source.
    pub(crate) taken: usize,
    /// The largest number of items taken from the source beyond the outputs that the receiver has asked for.
    pub(crate) most_ahead: usize,
    /// The counts after every output, while the game went on.
    pub(crate) live: Vec<Vec<StageReport>>,
    /// The number of jobs left at the end of the run, or at the end of the scope for a dropped run.
    pub(crate) left: usize,
}

pub(crate) async fn play(tested: &dyn Testable, game: &Game, stop: Stop) -> Result<Played, String> {
    let ledger = Ledger::new();
    let supplied = game.form.supply(tested, &ledger, game.plans.len());
    let plans = game.plans.clone();
    let pattern = tested.pattern(game.case, Act::planned(&ledger, move |index| plans[index]));
    let mut scope = Scope::new("game");
    if stop == Stop::Deadline {
        scope = scope.with_timeout(Duration::from_millis(u64::from(game.stop_after)));
    }

    let mut run = Some(pattern.start(supplied.source, scope.clone()));
    let (mut yielded, mut live) = (Vec::new(), Vec::new());
    let (mut ended_at_stop, mut report) = (0, None);
    while let Some(taken_from) = &mut run {
        if yielded.len() == usize::from(game.stop_after) {
            ended_at_stop = ledger.seen().ended.len();
            match stop {
                Stop::Cancel => taken_from.cancel(),
                Stop::CancelScope => scope.cancel(),
                Stop::Drop => run = None,
                Stop::TakeNoMore => taken_from.stop_taking(),
                Stop::Drain | Stop::DrainNow => {
                    let budget = if stop == Stop::Drain { ENOUGH } else { Duration::ZERO };
                    if let Some(run) = run.take() {
                        report = Some(soon("the end of the drain", run.drain(budget)).await?);
                    }
                }
                Stop::Never | Stop::Deadline => {}
            }
        }
        let Some(run) = &mut run else { break };
        live.push(run.report().stages);
        ledger.ask();
        match soon("the next output or the end", run.next()).await? {
            Some(result) => yielded.push(result.map(|token: Token| token.index)),
            None => break,
        }
    }

    let left_at_end = ledger.seen().live;
    if let Some(mut run) = run {
        if run.next().await.is_some() {
            return Err("an output came after the end; a run is fused".to_owned());
        }
        report = Some(finish(run).await?);
    }
    let closed = soon("the scope's end", scope.wait()).await?;
    let left = if report.is_some() { left_at_end } else { ledger.seen().live };
    let (taken, most_ahead) = (supplied.rest.taken(), ledger.seen().most_ahead);
    let rest = supplied.kept.take().ok_or("the run has ended and did not return the source")?;
    let kept = drain(rest).await?;
    Ok(Played { ledger, yielded, ended_at_stop, report, closed, kept, taken, most_ahead, live, left })
}

async fn finish(run: Run<Token>) -> Result<Report, String> {
    soon("the report", run.finish()).await
}

/// Returns the items left in a source.
pub(crate) async fn drain(source: Source<Token>) -> Result<Vec<usize>, String> {
    match drain_to_failure(source).await? {
        (indexes, None) => Ok(indexes),
        (_, Some(failure)) => Err(format!("the rest of the source failed: {failure:#}")),
    }
}

/// Returns the items left in a source up to the first failure, and the failure.
pub(crate) async fn drain_to_failure(
    mut source: Source<Token>,
) -> Result<(Vec<usize>, Option<Failure>), String> {
    let mut indexes = Vec::new();
    while let Some(item) = soon("the rest of the source", source.next()).await? {
        match item {
            Ok(token) => indexes.push(token.index),
            Err(failure) => return Ok((indexes, Some(failure))),
        }
    }
    Ok((indexes, None))
}

/// Returns a strategy for games of all kinds.
pub(crate) fn games() -> impl Strategy<Value = Game> {
    let wait = prop_oneof![
        5 => Just(Wait::Not),
        2 => (1_u8..4).prop_map(Wait::Polls),
        2 => (1_u8..20).prop_map(Wait::Ms),
    ];
    let end = prop_oneof![
        30 => Just(End::Succeed),
        1 => Just(End::Fail),
        1 => Just(End::Panic),
        1 => Just(End::TimeOut),
    ];
    let plan = (wait, end).prop_map(|(wait, end)| Plan { wait, end });
    let plans = (any::<bool>(), collection::vec(plan, 0..200)).prop_map(|(all_well, mut plans)| {
        if all_well {
            for plan in &mut plans {
                plan.end = End::Succeed;
            }
        }
        plans
    });
    let case = (1_usize..8, 0_usize..8, any::<bool>()).prop_map(|(limit, capacity, going_on)| {
        let case = Case::new(limit).capacity(capacity);
        if going_on { case.going_on() } else { case }
    });
    (case, sample::select(&Form::ALL[..]), plans, 0_u8..30).prop_map(|(case, form, plans, stop_after)| Game {
        case,
        form,
        plans,
        stop_after,
    })
}

impl fmt::Display for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { limit, capacity, on_failure } = self.case;
        let going_on = if on_failure == OnFailure::Continue { ", continuing after failures" } else { "" };
        write!(
            f,
            "{} items from a source of the form {:?}, limit {limit}, capacity {capacity}{going_on}, stop after {}",
            self.plans.len(),
            self.form,
            self.stop_after,
        )?;
        let planned = || self.plans.iter().enumerate().filter(|(_, plan)| **plan != Plan::NOTHING);
        for (index, plan) in planned().take(MOST_DESCRIBED) {
            write!(f, ", item {index}: {:?} and {:?}", plan.wait, plan.end)?;
        }
        match planned().count().saturating_sub(MOST_DESCRIBED) {
            0 => Ok(()),
            more => write!(f, ", and {more} further plans"),
        }
    }
}
