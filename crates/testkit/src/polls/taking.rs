//! The receiver of a play: the calls and the observations.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use towpath_pattern::{Failure, Report, Run, StageReport};

use super::scene::Receiver;
use crate::probe::{Ledger, Token};

/// The observations of the receiver.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) yielded: Vec<Result<usize, Failure>>,
    pub(super) live: Vec<Vec<StageReport>>,
    pub(super) report: Option<Report>,
    pub(super) collected: bool,
    /// The jobs left at the end of the run.
    pub(super) left: usize,
    pub(super) after_the_end: bool,
}

/// Returns the output of `future`, or `None` if the stop has released the future.
async fn unless_released<F: Future>(release: &AtomicBool, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if release.swap(false, Ordering::Relaxed) {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// The orders to the receiver for the next poll.
#[derive(Default)]
pub(super) struct Orders {
    /// Drop the current future.
    pub(super) release: AtomicBool,
    /// Then cancel the run.
    pub(super) cancel: AtomicBool,
}

/// Takes the outputs of the run.
pub(super) async fn take(
    mut run: Run<Token>,
    receiver: Receiver,
    orders: Arc<Orders>,
    (ledger, notes): (Arc<Ledger>, Arc<Mutex<Notes>>),
) {
    let cancel_if_ordered = |run: &Run<Token>| {
        if orders.cancel.load(Ordering::Relaxed) {
            run.cancel();
        }
    };
    let note = || notes.lock().unwrap_or_else(PoisonError::into_inner);
    let index = |token: Token| token.index;
    if receiver != Receiver::Next && receiver != Receiver::Nobody {
        ledger.ask_for_all();
    }
    match receiver {
        Receiver::Next => loop {
            let live = run.report().stages;
            note().live.push(live);
            ledger.ask();
            match unless_released(&orders.release, run.next()).await {
                None => cancel_if_ordered(&run),
                Some(Some(result)) => note().yielded.push(result.map(index)),
                Some(None) => break,
            }
        },
        Receiver::Outcomes => {
            let (outcomes, report) = run.outcomes().await;
            let left = ledger.seen().live;
            let mut notes = note();
            notes.yielded.extend(outcomes.into_iter().map(|result| result.map(index)));
            (notes.left, notes.report) = (left, Some(report));
            return;
        }
        Receiver::Collect => {
            let outputs = run.collect().await;
            let left = ledger.seen().live;
            let mut notes = note();
            (notes.left, notes.collected) = (left, true);
            return match outputs {
                Ok(outputs) => notes.yielded.extend(outputs.into_iter().map(|token| Ok(token.index))),
                Err(failure) => notes.yielded.push(Err(failure)),
            };
        }
        Receiver::Finish => {}
        Receiver::Nobody => {
            unless_released(&orders.release, std::future::pending::<()>()).await;
            cancel_if_ordered(&run);
            ledger.ask_for_all();
        }
    }
    if receiver == Receiver::Next {
        let left = ledger.seen().live;
        let after = run.next().await.is_some();
        let mut notes = note();
        (notes.left, notes.after_the_end) = (left, after);
    }
    let report = run.finish().await;
    let left = ledger.seen().live;
    let mut notes = note();
    notes.left = notes.left.max(left);
    notes.report = Some(report);
}
