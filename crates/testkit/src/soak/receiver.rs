//! The receiver of the outputs of a run: every call of a run, quick or slow, and sometimes not up to the end.

use std::sync::Arc;
use std::time::Duration;

use towpath_pattern::{Failure, Indexed, Report, Run, StageReport};

use super::choice::{Choice, Pause, Stop, With};
use super::within::within;
use crate::probe::{Ledger, Token};
use crate::runtime::Outcome;
use crate::until_poll::until_poll;

/// The observations of the receiver.
#[derive(Default)]
pub(super) struct Taken {
    /// The index of every output, and every failure.
    pub(super) yielded: Vec<Result<usize, Failure>>,
    /// Whether `yielded` has all outcomes up to the end.
    pub(super) is_whole: bool,
    pub(super) collected: Option<Result<Vec<usize>, Failure>>,
    /// `None` for a run that was dropped or collected.
    pub(super) report: Option<Report>,
    /// The number of jobs left at the end of the run.
    pub(super) left: usize,
    /// Some reports during the run.
    pub(super) live: Vec<Vec<StageReport>>,
}

/// Takes the outputs of `run` according to `choice`. No run is left at the return.
pub(super) async fn take(run: Run<Token>, choice: &Choice, ledgers: &[Arc<Ledger>]) -> Result<Taken, String> {
    let mut taken = Taken::default();
    let taking = take_to_the_end(run, choice, ledgers, &mut taken);
    let completed = match choice.stop {
        Stop::DropAt(polls) => within("the end or the drop of the run", until_poll(polls, taking)).await?,
        _ => Some(within("the end of the run", taking).await?),
    };
    if completed.transpose()?.is_some() {
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
    let with = choice.receiver.with;
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
        if let Some((every, pause)) = choice.receiver.pauses
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
        match hand.next(choice.receiver.fickle).await {
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

/// An output, and the index of the item for an indexed run.
type Next = Option<Result<(Option<usize>, Token), Failure>>;

impl Hand {
    /// Waits for the next output. With `fickle`, drops the wait at the poll with that number, and waits again.
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
