//! The futures of a queue, as one type. Each future keeps its handle and can be dropped before it completes.

use std::collections::VecDeque;
use std::sync::Arc;

use towpath_pattern::queue::{Receiver, SendError, Sender};

use crate::item::Item;

/// The result of a future.
pub enum Ended {
    /// Whether all items were sent, or `None` if the future was dropped; and the items that were not sent.
    Sent {
        all: Option<bool>,
        left: VecDeque<Item>,
    },
    Received {
        receiver: Receiver<Item>,
        items: Vec<Item>,
    },
    Joined(bool),
}

pub type Waiting = crate::waiting::Waiting<Ended>;

pub fn send(sender: Arc<Sender<Item>>, item: Item) -> Waiting {
    Waiting::new(|gives_up| async move {
        let put = gives_up.or(sender.send(item)).await;
        let all = put.as_ref().map(Result::is_ok);
        Ended::Sent { all, left: put.and_then(Result::err).map(|SendError(item)| item).into_iter().collect() }
    })
}

pub fn send_many(sender: Arc<Sender<Item>>, mut left: VecDeque<Item>) -> Waiting {
    Waiting::new(|gives_up| async move {
        let put = gives_up.or(sender.send_many(&mut left)).await;
        Ended::Sent { all: put.map(|put| put.is_ok()), left }
    })
}

pub fn recv(mut receiver: Receiver<Item>) -> Waiting {
    Waiting::new(|gives_up| async move {
        let item = gives_up.or(receiver.recv()).await.flatten();
        Ended::Received { receiver, items: item.into_iter().collect() }
    })
}

pub fn recv_many(mut receiver: Receiver<Item>, max: usize) -> Waiting {
    Waiting::new(|gives_up| async move {
        let mut items = Vec::new();
        gives_up.or(receiver.recv_many(max, &mut items)).await;
        Ended::Received { receiver, items }
    })
}

pub fn join(sender: Arc<Sender<Item>>) -> Waiting {
    Waiting::new(|gives_up| async move {
        Ended::Joined(gives_up.or(sender.join()).await.is_some_and(|all| all.is_ok()))
    })
}
