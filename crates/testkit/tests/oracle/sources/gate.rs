//! The origin of the items of a source.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use anyhow::{Result, anyhow};
use futures_core::Stream;

use crate::item::{Item, Items, NONE_PANICS};

/// The origin of items. A gate yields the items that were let through.
#[derive(Clone)]
pub(super) struct Gate(Arc<Mutex<Gated>>);

struct Gated {
    items: Items,
    /// The number of all items, of the items that were let through, and of the yielded items.
    all: usize,
    come: usize,
    gone: usize,
    ended: bool,
    waker: Option<Waker>,
}

impl Gate {
    pub(super) fn new(items: Items, all: usize) -> Self {
        let gated = Gated { items, all, come: 0, gone: 0, ended: false, waker: None };
        Self(Arc::new(Mutex::new(gated)))
    }

    fn lock(&self) -> MutexGuard<'_, Gated> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn items(&self) -> Items {
        self.lock().items.clone()
    }

    /// Returns the number of items that were let through.
    pub(super) fn come(&self) -> usize {
        self.lock().come
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Item>> {
        let mut gate = self.lock();
        if gate.gone < gate.come {
            gate.gone += 1;
            return Poll::Ready(Some(gate.items.make(NONE_PANICS)));
        }
        if gate.ended {
            return Poll::Ready(None);
        }
        gate.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) async fn next(&self) -> Option<Item> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Lets `more` items through, and records the end if `ended` is set.
    pub(super) fn open(&self, more: usize, ended: bool) {
        let mut gate = self.lock();
        if !gate.ended {
            gate.come = gate.come.saturating_add(more).min(gate.all);
        }
        gate.ended |= ended;
        let waker = gate.waker.take();
        drop(gate);
        waker.map(Waker::wake).unwrap_or_default();
    }
}

impl Stream for Gate {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.poll(cx)
    }
}

/// The items of a gate as a stream, with an error in place of the end if the flag is set.
pub(super) struct Failing(pub(super) Gate, pub(super) bool);

impl Stream for Failing {
    type Item = Result<Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Item>>> {
        self.0.poll(cx).map(|item| match item {
            None if std::mem::take(&mut self.1) => Some(Err(anyhow!("the end is missing"))),
            item => item.map(Ok),
        })
    }
}
