//! Whoever takes the outputs of a run: in every way there is, quick or slow, and sometimes not to the end.

use std::sync::Arc;
use std::time::Duration;

use towpath_pattern::{Failure, Indexed, Report, Run, StageReport};

use super::choice::{Choice, Pause, Stop, With};
use super::within::within;
use crate::probe::{Ledger, Token};
use crate::runtime::Outcome;
use crate::until_poll::until_poll;

/// What was had of a run.
#[derive(Default)]
pub(super) struct Taken {
    /// The index of each output, and each failure.
    pub(super) yielded: Vec<Result<usize, Failure>>,
    /// All there was is in `yielded`, and it was followed by the end.
    pub(super) is_whole: bool,
    pub(super) collected: Option<Result<Vec<usize>, Failure>>,
    /// Of a run that came to its end in the hands of its taker.
    pub(super) report: Option<Report>,
    /// Jobs that were there when the run was over.
    pub(super) left: usize,
    /// The counts now and then, while it went on.
    pub(super) live: Vec<Vec<StageReport>>,
}

/// Takes from `run` as `choice` says; the run is gone when this returns.
pub(super) async fn take(run: Run<Token>, choice: &Choice, ledgers: &[Arc<Ledger>]) -> Result<Taken, String> {
    let mut taken = Taken::default();
    let taking = take_to_the_end(run, choice, ledgers, &mut taken);
    let came_to_its_end = match choice.stop {
        Stop::DropAt(polls) => within("the end of the run, or its drop", until_poll(polls, taking)).await?,
        _ => Some(within("the end of the run", taking).await?),
    };
    if came_to_its_end.transpose()?.is_some() {
        taken.left = ledgers.iter().map(|ledger| ledger.seen().live).sum();
    }
    Ok(taken)
}

async fn take_to_the_end(
    run: Run<Token>,
    choice: &Choice,
    ledgers: &[Arc<Ledger>],
    taken: &mut Taken,
) -> Outcome {
    let with = choice.taker.with;
    let cancel_after = if let Stop::Cancel(outputs) = choice.stop { Some(outputs) } else { None };
    let by_hand = match with {
        With::Next | With::Indexed => usize::MAX,
        With::FinishAfter(outputs) => outputs,
        With::Collect | With::Outcomes => cancel_after.unwrap_or(0),
    };
    let mut hand = if with == With::Indexed { Hand::Indexed(run.indexed()) } else { Hand::Plain(run) };
    let mut ended = false;
    while !ended && taken.yielded.len() < by_hand {
        let outputs = taken.yielded.len();
        if cancel_after == Some(outputs) {
            hand.cancel();
        }
        if let Some((every, pause)) = choice.taker.pauses
            && outputs.is_multiple_of(every)
        {
            match pause {
                Pause::Yield => tokio::task::yield_now().await,
                Pause::Ms(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            }
        }
        if outputs.is_multiple_of(7) {
            taken.live.extend(hand.report());
        }
        ledgers[0].ask();
        match hand.next(choice.taker.fickle).await {
            Some(Ok((index, output))) => {
                is_index_of(index, output.index)?;
                taken.yielded.push(Ok(output.index));
            }
            Some(Err(failure)) => taken.yielded.push(Err(failure)),
            None => ended = true,
        }
    }
    if cancel_after == Some(taken.yielded.len()) {
        hand.cancel();
    }
    let mut run = hand.into_run();
    if ended && run.next().await.is_some() {
        return Err("progress: an output came after the end; a run is fused".to_owned());
    }
    match with {
        With::Collect => {
            let collected = run.collect().await;
            let indexes = |tokens: Vec<Token>| tokens.iter().map(|token| token.index).collect();
            taken.collected = Some(collected.map(indexes));
            return Ok(());
        }
        With::Outcomes => {
            let (outcomes, report) = run.outcomes().await;
            taken.yielded.extend(outcomes.into_iter().map(|result| result.map(|token| token.index)));
            taken.is_whole = true;
            taken.report = Some(report);
            return Ok(());
        }
        With::Next | With::Indexed | With::FinishAfter(_) => {}
    }
    taken.is_whole = ended;
    taken.report = Some(run.finish().await);
    Ok(())
}

fn is_index_of(index: Option<usize>, item: usize) -> Outcome {
    match index {
        Some(index) if index != item => {
            Err(format!("order: the output of item {item} was yielded with the index {index}"))
        }
        _ => Ok(()),
    }
}

enum Hand {
    Plain(Run<Token>),
    Indexed(Indexed<Token>),
}

/// An output with its index, if the run is indexed.
type Next = Option<Result<(Option<usize>, Token), Failure>>;

impl Hand {
    /// The next one; with `fickle`, a wait is given up at that poll and begun again.
    async fn next(&mut self, fickle: Option<usize>) -> Next {
        if let Some(polls) = fickle
            && let Some(next) = until_poll(polls, self.wait()).await
        {
            return next;
        }
        self.wait().await
    }

    async fn wait(&mut self) -> Next {
        match self {
            Self::Plain(run) => run.next().await.map(|result| result.map(|token| (None, token))),
            Self::Indexed(run) => {
                run.next().await.map(|result| result.map(|(index, token)| (Some(index), token)))
            }
        }
    }

    fn cancel(&self) {
        match self {
            Self::Plain(run) => run.cancel(),
            Self::Indexed(run) => run.cancel(),
        }
    }

    fn report(&self) -> Option<Vec<StageReport>> {
        match self {
            Self::Plain(run) => Some(run.report().stages),
            Self::Indexed(_) => None,
        }
    }

    fn into_run(self) -> Run<Token> {
        match self {
            Self::Plain(run) => run,
            Self::Indexed(run) => run.into_inner(),
        }
    }
}
