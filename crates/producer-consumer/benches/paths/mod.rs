//! The hot paths of a queue, for `cargo xtask bench --counts`: each way to put and to take, and to be woken.
//!
//! What is done one by one is paid for by batches on the other side, which cost next to nothing.

use std::collections::VecDeque;

use anyhow::Result;
use tokio::task::JoinSet;
use towpath_producer_consumer::queue;

const CAPACITY: u64 = 50;
const ROOM: usize = 50;

pub async fn put(items: u64) -> Result<u64> {
    let (producer, mut consumer) = queue::fifo(ROOM);
    let (mut taken, mut batch) = (0, Vec::with_capacity(ROOM));
    while taken < items {
        for item in 0..CAPACITY.min(items - taken) {
            producer.put(item).await?;
        }
        consumer.take_many(ROOM, &mut batch).await;
        taken += batch.drain(..).len() as u64;
    }
    Ok(taken)
}

pub async fn take(items: u64) -> Result<u64> {
    let (producer, mut consumer) = queue::fifo(ROOM);
    let (mut taken, mut batch) = (0, VecDeque::with_capacity(ROOM));
    while taken < items {
        let part = CAPACITY.min(items - taken);
        batch.extend(0..part);
        producer.put_many(&mut batch).await?;
        for _ in 0..part {
            taken += u64::from(consumer.take().await.is_some());
        }
    }
    Ok(taken)
}

pub async fn put_many_and_take_many(items: u64) -> Result<u64> {
    let (producer, mut consumer) = queue::fifo(ROOM);
    let (mut put, mut batch) = (VecDeque::with_capacity(ROOM), Vec::with_capacity(ROOM));
    let mut taken = 0;
    while taken < items {
        put.extend(0..CAPACITY.min(items - taken));
        producer.put_many(&mut put).await?;
        consumer.take_many(ROOM, &mut batch).await;
        taken += batch.drain(..).len() as u64;
    }
    Ok(taken)
}

pub async fn try_put_and_try_take(items: u64) -> Result<u64> {
    let (producer, mut consumer) = queue::fifo(ROOM);
    let mut taken = 0;
    while taken < items {
        for item in 0..CAPACITY.min(items - taken) {
            producer.try_put(item)?;
        }
        while consumer.try_take().is_ok() {
            taken += 1;
        }
    }
    Ok(taken)
}

/// With room for one item, so that each waits for the other.
pub async fn put_and_take_in_turn(items: u64) -> Result<u64> {
    let (producer, mut consumer) = queue::fifo(1);
    let putting = tokio::spawn(async move {
        for item in 0..items {
            producer.put(item).await?;
        }
        anyhow::Ok(())
    });
    let mut taken = 0;
    while consumer.take().await.is_some() {
        taken += 1;
    }
    putting.await??;
    Ok(taken)
}

/// With room for a few, so that several are woken at once.
pub async fn put_and_take_by_several(items: u64) -> Result<u64> {
    let (producer, consumer) = queue::fifo(10);
    let mut tasks = JoinSet::new();
    for _ in 0..3 {
        let mut consumer = consumer.clone();
        tasks.spawn(async move {
            let mut taken = 0;
            while consumer.take().await.is_some() {
                taken += 1;
            }
            anyhow::Ok(taken)
        });
    }
    tasks.spawn(async move {
        for item in 0..items {
            producer.put(item).await?;
        }
        Ok(0)
    });
    let mut taken = 0;
    while let Some(part) = tasks.join_next().await {
        taken += part??;
    }
    Ok(taken)
}
