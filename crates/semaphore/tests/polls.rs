//! Waiters are dropped at every step, served or not, polled again or not, and semaphores are closed at every step: no
//! other waiter is passed over, and no permit is lost or doubled.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use towpath_semaphore::{AcquireError, Semaphore, SemaphorePermit};

const PERMITS: usize = 3;
/// The number of permits of each call.
const WANTED: [u32; 6] = [1, 3, 0, 2, 1, 2];

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<SemaphorePermit<'a>, AcquireError>> + 'a>>;

/// A call that is neither served nor dropped.
struct Comer<'a> {
    who: usize,
    waiting: Waiting<'a>,
}

struct Line<'a> {
    semaphore: &'a Semaphore,
    waiting: VecDeque<Comer<'a>>,
    held: VecDeque<(usize, SemaphorePermit<'a>)>,
    served: Vec<usize>,
    refused: Vec<usize>,
}

impl<'a> Line<'a> {
    fn comes(&mut self, who: usize) {
        let semaphore = self.semaphore;
        let wanted = WANTED[who];
        let waiting: Waiting<'a> = if wanted == 1 {
            Box::pin(semaphore.acquire())
        } else {
            Box::pin(semaphore.acquire_many(wanted))
        };
        self.waiting.push_back(Comer { who, waiting });
    }

    /// Polls all calls but `asleep`.
    fn poll(&mut self, asleep: Option<usize>) {
        let Self { waiting, held, served, refused, .. } = self;
        waiting.retain_mut(|comer| {
            if asleep == Some(comer.who) {
                return true;
            }
            match comer.waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => return true,
                Poll::Ready(Ok(permit)) => {
                    served.push(comer.who);
                    held.push_back((comer.who, permit));
                }
                Poll::Ready(Err(AcquireError)) => refused.push(comer.who),
            }
            false
        });
        let held: usize = self.held.iter().map(|(who, _)| WANTED[*who] as usize).sum();
        assert!(held + self.semaphore.available_permits() <= PERMITS, "more permits than the total");
    }

    fn goes(&mut self, who: usize) {
        self.waiting.retain(|comer| comer.who != who);
    }
}

/// Starts a call per step, and then drops the oldest permit per step. At step `at`, the call `victim` is dropped. An
/// `asleep` victim is polled only once.
fn play(victim: usize, at: usize, asleep: bool) {
    let with = format!("dropped call: {victim} at step {at}, asleep: {asleep}");
    let semaphore = Semaphore::new(PERMITS);
    let (waiting, held) = (VecDeque::new(), VecDeque::new());
    let mut line = Line { semaphore: &semaphore, waiting, held, served: Vec::new(), refused: Vec::new() };
    for step in 0..4 * WANTED.len() {
        if step < WANTED.len() {
            line.comes(step);
        } else {
            drop(line.held.pop_front());
        }
        if step == at {
            line.goes(victim);
        }
        line.poll((asleep && step > victim).then_some(victim));
    }
    line.goes(victim);
    line.poll(None);
    for _ in WANTED {
        drop(line.held.pop_front());
        line.poll(None);
    }
    let others: Vec<_> = (0..WANTED.len()).filter(|who| *who != victim).collect();
    let mut served: Vec<_> = line.served.iter().copied().filter(|who| *who != victim).collect();
    let in_turn: Vec<_> = served.iter().copied().filter(|who| WANTED[*who] > 0).collect();
    assert!(in_turn.is_sorted(), "the calls are served in order: {in_turn:?} ({with})");
    served.sort_unstable();
    assert_eq!(served, others, "the served calls ({with})");
    drop(line);
    assert_eq!(semaphore.available_permits(), PERMITS, "free at the end ({with})");
}

/// A waiter may be dropped at every step: the other waiters are served in order, and no permit is lost.
#[test]
fn waiter_dropped_at_any_step_harms_no_other() {
    for victim in 0..WANTED.len() {
        for at in victim..4 * WANTED.len() {
            play(victim, at, false);
            play(victim, at, true);
        }
    }
}

/// The semaphore may be closed at every step: every waiter is served or refused, and no permit is lost.
#[test]
fn close_at_any_step_serves_or_refuses_every_waiter() {
    for at in 0..3 * WANTED.len() {
        let semaphore = Semaphore::new(PERMITS);
        let (waiting, held) = (VecDeque::new(), VecDeque::new());
        let mut line = Line { semaphore: &semaphore, waiting, held, served: Vec::new(), refused: Vec::new() };
        for step in 0..3 * WANTED.len() {
            if step == at {
                semaphore.close();
            }
            if step < WANTED.len() {
                line.comes(step);
            } else {
                drop(line.held.pop_front());
            }
            line.poll(None);
        }
        assert!(line.waiting.is_empty(), "a call waits at a semaphore that was closed at step {at}");
        let mut all: Vec<_> = line.served.iter().chain(&line.refused).copied().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..WANTED.len()), "each is served or refused (closed at step {at})");
        drop(line);
        assert_eq!(semaphore.available_permits(), PERMITS, "free at the end (closed at step {at})");
    }
}
