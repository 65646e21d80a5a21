//! The record of the suite: every item is taken from the source, started, completed and dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::Notify;

use crate::panics;
use crate::runtime::soon;

/// The end of a job, observed from within the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Succeeded,
    Errored,
    TimedOut,
    Panicked,
    /// The future was dropped before the end, or returned the cancellation of an inner run.
    Cancelled,
}

/// The record of the items of a run.
#[derive(Default)]
pub(crate) struct Ledger {
    seen: Mutex<Seen>,
    changed: Notify,
    alarm: Mutex<Option<Alarm>>,
}

/// An action at a certain moment, within a poll or a drop of the pattern.
struct Alarm {
    /// The number of moments from now.
    moments: usize,
    action: Box<dyn FnOnce() + Send>,
}

/// The state of a [`Ledger`].
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) handed_out: usize,
    pub(crate) polls: usize,
    pub(crate) tokens: usize,
    pub(crate) sources: usize,
    pub(crate) live: usize,
    pub(crate) peak: usize,
    /// The number of outputs that the receiver has asked for.
    pub(crate) asked: usize,
    /// The largest number of items taken from the source beyond the outputs that the receiver has asked for.
    pub(crate) most_ahead: usize,
    /// The item of every job, in the order of the starts.
    pub(crate) started: Vec<usize>,
    /// The item of every completed or dropped job, in the order of the ends.
    pub(crate) ended: Vec<(usize, Fate)>,
    /// The item of every poll of a job.
    pub(crate) job_polls: Vec<usize>,
    /// The source has failed, as planned.
    pub(crate) source_failed: bool,
    /// The number of all recorded events.
    pub(crate) moments: usize,
}

impl Seen {
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.ended.iter().filter(|ended| ended.1 == fate).count()
    }
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, note: impl FnOnce(&mut Seen) -> T) -> T {
        let result = {
            let mut seen = self.seen();
            seen.moments += 1;
            note(&mut seen)
        };
        self.changed.notify_waiters();
        self.ring();
        result
    }

    /// Runs `action` within the event after `moments` further events: during a poll of a job or of the source, or
    /// during the drop of an item.
    pub(crate) fn after(&self, moments: usize, action: impl FnOnce() + Send + 'static) {
        *self.alarm() = Some(Alarm { moments, action: Box::new(action) });
    }

    /// Drops the action of [`after`](Self::after).
    pub(crate) fn call_off(&self) {
        let alarm = self.alarm().take();
        drop(alarm);
    }

    fn alarm(&self) -> MutexGuard<'_, Option<Alarm>> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        let due = {
            let mut alarm = self.alarm();
            let due = alarm.take_if(|alarm| alarm.moments == 0);
            if let Some(alarm) = &mut *alarm {
                alarm.moments -= 1;
            }
            due
        };
        if let Some(alarm) = due {
            (alarm.action)();
        }
    }

    /// Creates an item, and records that a source made the item.
    pub(crate) fn hand_out(self: &Arc<Self>, index: usize) -> Token {
        self.note(|seen| {
            seen.handed_out += 1;
            seen.tokens += 1;
            seen.most_ahead = seen.most_ahead.max(seen.handed_out.saturating_sub(seen.asked));
        });
        let explosive = AtomicBool::new(false);
        let presence = Arc::new(Presence { index, explosive, ledger: Arc::clone(self) });
        Token { index, presence }
    }

    pub(super) fn source_polled(&self) {
        self.note(|seen| seen.polls += 1);
    }

    pub(super) fn source_failed(&self) {
        self.note(|seen| seen.source_failed = true);
    }

    pub(super) fn job_polled(&self, index: usize) {
        self.note(|seen| seen.job_polls.push(index));
    }

    pub(super) fn source_made(&self) {
        self.note(|seen| seen.sources += 1);
    }

    pub(super) fn source_dropped(&self) {
        self.note(|seen| seen.sources -= 1);
    }

    /// Records that the receiver asks for an output.
    pub(crate) fn ask(&self) {
        self.note(|seen| seen.asked += 1);
    }

    /// Records that the receiver takes every output without asking.
    pub(crate) fn ask_for_all(&self) {
        self.note(|seen| seen.asked = usize::MAX);
    }

    /// Records the start of a job. The job is live until the drop of the entry.
    pub(crate) fn start(self: &Arc<Self>, index: usize) -> Entry {
        self.note(|seen| {
            seen.started.push(index);
            seen.live += 1;
            seen.peak = seen.peak.max(seen.live);
        });
        Entry { index, fate: None, ledger: Arc::clone(self) }
    }

    /// Waits until the record satisfies `is`.
    ///
    /// # Errors
    ///
    /// When the record does not satisfy `is` [soon]. The message names `what`.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&Seen) -> bool) -> Result<(), String> {
        soon(what, async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                if is(&self.seen()) {
                    return;
                }
                changed.await;
            }
        })
        .await
    }
}

/// An item, and also the output of the job of the item. The ledger counts the item until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) index: usize,
    presence: Arc<Presence>,
}

struct Presence {
    index: usize,
    explosive: AtomicBool,
    ledger: Arc<Ledger>,
}

impl Token {
    /// Makes the drop of the last clone panic.
    pub(crate) fn make_explosive(&self) {
        self.presence.explosive.store(true, Ordering::Relaxed);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.ledger.note(|seen| seen.tokens -= 1);
        if self.explosive.load(Ordering::Relaxed) {
            panics::on_purpose(format_args!("the drop of item {}", self.index));
        }
    }
}

/// A running job.
pub(crate) struct Entry {
    index: usize,
    fate: Option<Fate>,
    ledger: Arc<Ledger>,
}

impl Entry {
    pub(super) fn polled(&self) {
        self.ledger.job_polled(self.index);
    }

    pub(super) fn ends(&mut self, fate: Fate) {
        self.fate = Some(fate);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let otherwise = if thread::panicking() { Fate::Panicked } else { Fate::Cancelled };
        let ended = (self.index, self.fate.unwrap_or(otherwise));
        self.ledger.note(|seen| {
            seen.live -= 1;
            seen.ended.push(ended);
        });
    }
}
