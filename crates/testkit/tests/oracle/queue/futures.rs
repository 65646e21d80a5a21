//! What waits at a queue, as futures of one type that keep their handle and can be dropped before their end.

use std::collections::VecDeque;
use std::sync::Arc;

use towpath_pattern::queue::{Closed, Consumer, Producer};

use crate::item::Item;

/// What came of it.
pub enum Ended {
    /// Whether all was put, unless it was dropped; and what was not.
    Put {
        all: Option<bool>,
        left: VecDeque<Item>,
    },
    Taken {
        consumer: Consumer<Item>,
        items: Vec<Item>,
    },
    Joined(bool),
}

pub type Waiting = crate::waiting::Waiting<Ended>;

pub fn put(producer: Arc<Producer<Item>>, item: Item) -> Waiting {
    Waiting::new(|gives_up| async move {
        let put = gives_up.or(producer.put(item)).await;
        let all = put.as_ref().map(Result::is_ok);
        Ended::Put { all, left: put.and_then(Result::err).map(|Closed(item)| item).into_iter().collect() }
    })
}

pub fn put_many(producer: Arc<Producer<Item>>, mut left: VecDeque<Item>) -> Waiting {
    Waiting::new(|gives_up| async move {
        let put = gives_up.or(producer.put_many(&mut left)).await;
        Ended::Put { all: put.map(|put| put.is_ok()), left }
    })
}

pub fn take(mut consumer: Consumer<Item>) -> Waiting {
    Waiting::new(|gives_up| async move {
        let item = gives_up.or(consumer.take()).await.flatten();
        Ended::Taken { consumer, items: item.into_iter().collect() }
    })
}

pub fn take_many(mut consumer: Consumer<Item>, max: usize) -> Waiting {
    Waiting::new(|gives_up| async move {
        let mut items = Vec::new();
        gives_up.or(consumer.take_many(max, &mut items)).await;
        Ended::Taken { consumer, items }
    })
}

pub fn join(producer: Arc<Producer<Item>>) -> Waiting {
    Waiting::new(|gives_up| async move {
        Ended::Joined(gives_up.or(producer.join()).await.is_some_and(|all| all.is_ok()))
    })
}
