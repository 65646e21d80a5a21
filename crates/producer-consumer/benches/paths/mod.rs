//! The hot paths of a queue, for `cargo xtask bench --counts`: each way to send, to receive and to wake a task.
//!
//! A path that sends or receives item by item has batches on the other side, because batches cost next to nothing.

use std::collections::VecDeque;

use anyhow::Result;
use tokio::task::JoinSet;
use towpath_producer_consumer::queue;

const CAPACITY: u64 = 50;
const ROOM: usize = 50;

pub async fn send(items: u64) -> Result<u64> {
    let (sender, mut receiver) = queue::bounded(ROOM);
    let (mut taken, mut batch) = (0, Vec::with_capacity(ROOM));
    while taken < items {
        for item in 0..CAPACITY.min(items - taken) {
            sender.send(item).await?;
        }
        receiver.recv_many(ROOM, &mut batch).await;
        taken += batch.drain(..).len() as u64;
    }
    Ok(taken)
}

pub async fn recv(items: u64) -> Result<u64> {
    let (sender, mut receiver) = queue::bounded(ROOM);
    let (mut taken, mut batch) = (0, VecDeque::with_capacity(ROOM));
    while taken < items {
        let part = CAPACITY.min(items - taken);
        batch.extend(0..part);
        sender.send_many(&mut batch).await?;
        for _ in 0..part {
            taken += u64::from(receiver.recv().await.is_some());
        }
    }
    Ok(taken)
}

pub async fn send_many_and_recv_many(items: u64) -> Result<u64> {
    let (sender, mut receiver) = queue::bounded(ROOM);
    let (mut sent, mut batch) = (VecDeque::with_capacity(ROOM), Vec::with_capacity(ROOM));
    let mut taken = 0;
    while taken < items {
        sent.extend(0..CAPACITY.min(items - taken));
        sender.send_many(&mut sent).await?;
        receiver.recv_many(ROOM, &mut batch).await;
        taken += batch.drain(..).len() as u64;
    }
    Ok(taken)
}

pub async fn try_send_and_try_recv(items: u64) -> Result<u64> {
    let (sender, mut receiver) = queue::bounded(ROOM);
    let mut taken = 0;
    while taken < items {
        for item in 0..CAPACITY.min(items - taken) {
            sender.try_send(item)?;
        }
        while receiver.try_recv().is_ok() {
            taken += 1;
        }
    }
    Ok(taken)
}

/// The queue has capacity for one item, so that the sender and the receiver wait for each other.
pub async fn send_and_recv_in_turn(items: u64) -> Result<u64> {
    let (sender, mut receiver) = queue::bounded(1);
    let sending = tokio::spawn(async move {
        for item in 0..items {
            sender.send(item).await?;
        }
        anyhow::Ok(())
    });
    let mut taken = 0;
    while receiver.recv().await.is_some() {
        taken += 1;
    }
    sending.await??;
    Ok(taken)
}

/// The queue has capacity for ten items, so that several receivers are woken at once.
pub async fn send_and_recv_by_several(items: u64) -> Result<u64> {
    let (sender, receiver) = queue::bounded(10);
    let mut tasks = JoinSet::new();
    for _ in 0..3 {
        let mut receiver = receiver.clone();
        tasks.spawn(async move {
            let mut taken = 0;
            while receiver.recv().await.is_some() {
                taken += 1;
            }
            anyhow::Ok(taken)
        });
    }
    tasks.spawn(async move {
        for item in 0..items {
            sender.send(item).await?;
        }
        Ok(0)
    });
    let mut taken = 0;
    while let Some(part) = tasks.join_next().await {
        taken += part??;
    }
    Ok(taken)
}
