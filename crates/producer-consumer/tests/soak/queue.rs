//! The soak of a queue alone: producers and consumers use the queue in all ways, and cancel some waits. Every item that
//! was sent is received once. In a first-in, first-out queue, the items of a producer are received in order.

use std::collections::{BTreeSet, VecDeque};

use fastrand::Rng;
use tokio::task::yield_now;
use towpath_pattern::anyhow::{self, ensure};
use towpath_pattern::queue::{self, Receiver, Sender, TryRecvError, TrySendError};
use towpath_testkit::until_poll;

/// An item: the index of its producer, and its number among the items of the producer.
type Item = (usize, u64);

/// Chooses a queue, producers and consumers by `seed`. Returns the number of sent items.
pub async fn soak(seed: u64) -> anyhow::Result<u64> {
    let mut rng = Rng::with_seed(seed);
    let capacity = [0, 1, 2, 10, 100][rng.usize(..5)];
    let newest_first = rng.u32(..4) == 0;
    let (producer, consumer) =
        if newest_first { queue::bounded_lifo(capacity) } else { queue::bounded(capacity) };
    let (producers, consumers) = (rng.usize(1..5), rng.usize(1..5));
    let each = rng.u64(..300);
    // A task closes the queue early, or the queue closes with the drop of the last sender.
    let closer = (rng.u32(..4) == 0).then(|| {
        let (closer, after) = (producer.clone(), rng.usize(..200));
        tokio::spawn(async move {
            for _ in 0..after {
                yield_now().await;
            }
            closer.close();
        })
    });

    let putting: Vec<_> =
        (0..producers).map(|of| tokio::spawn(put_all(producer.clone(), of, each, rng.fork()))).collect();
    let taking: Vec<_> =
        (0..consumers).map(|_| tokio::spawn(take_all(consumer.clone(), rng.fork(), newest_first))).collect();
    let join = producer.clone();
    let joining = tokio::spawn(async move { join.join().await });
    drop(producer);

    let mut put = Vec::new();
    for task in putting {
        put.extend(task.await??);
    }
    joining.await??;
    if let Some(task) = closer {
        task.await?;
    }
    consumer.close();
    let mut taken = Vec::new();
    for task in taking {
        taken.extend(task.await??);
    }
    ensure!(consumer.is_empty(), "{} items are left in the queue at the end", consumer.len());

    let (items, out) = (put.len(), taken.len());
    let (put, taken): (BTreeSet<_>, BTreeSet<_>) = (put.into_iter().collect(), taken.into_iter().collect());
    ensure!(out == taken.len(), "{} items were taken twice", out - taken.len());
    if let Some((of, number)) = put.difference(&taken).next() {
        anyhow::bail!("item {number} of producer {of} was sent and never received, with {items} sent");
    }
    if let Some((of, number)) = taken.difference(&put).next() {
        anyhow::bail!("item {number} of producer {of} was received, and its send did not succeed");
    }
    Ok(items as u64)
}

/// Sends the items below `each` in all ways, and returns the items that were sent.
async fn put_all(producer: Sender<Item>, of: usize, each: u64, mut rng: Rng) -> anyhow::Result<Vec<Item>> {
    let mut put = Vec::new();
    let mut next = 0;
    while next < each && !producer.is_closed() {
        match rng.u32(..4) {
            0 => match producer.try_send((of, next)) {
                Ok(()) => put.push((of, next)),
                Err(TrySendError::Full(item) | TrySendError::Closed(item)) => {
                    ensure!(item == (of, next), "a refused send returned another item");
                    yield_now().await;
                }
            },
            1 => {
                let many = rng.u64(1..20).min(each - next);
                let mut items: VecDeque<_> = (next..next + many).map(|number| (of, number)).collect();
                let all = items.clone();
                let _ = until_poll(rng.usize(1..5), producer.send_many(&mut items)).await;
                ensure!(
                    all.iter().rev().zip(items.iter().rev()).all(|(a, b)| a == b),
                    "a batch returned other items"
                );
                put.extend(all.into_iter().take(many.try_into().unwrap_or(usize::MAX) - items.len()));
                next += many;
                continue;
            }
            2 => {
                // A cancelled `send` has not sent the item.
                if let Some(Ok(())) = until_poll(rng.usize(1..5), producer.send((of, next))).await {
                    put.push((of, next));
                }
            }
            _ => {
                if producer.send((of, next)).await.is_ok() {
                    put.push((of, next));
                }
            }
        }
        next += 1;
    }
    Ok(put)
}

/// Receives items in all ways until the end, and returns the items. Checks the order of the items of each producer in a
/// first-in, first-out queue.
async fn take_all(
    mut consumer: Receiver<Item>,
    mut rng: Rng,
    newest_first: bool,
) -> anyhow::Result<Vec<Item>> {
    let mut taken: Vec<Item> = Vec::new();
    loop {
        match rng.u32(..4) {
            0 => match consumer.try_recv() {
                Ok(item) => taken.push(item),
                Err(TryRecvError::Empty) => yield_now().await,
                Err(TryRecvError::Closed) => break,
            },
            1 => {
                let many = consumer.recv_many(rng.usize(1..20), &mut taken);
                if until_poll(rng.usize(2..5), many).await == Some(0) {
                    break;
                }
            }
            2 => match until_poll(rng.usize(2..5), consumer.recv()).await {
                Some(Some(item)) => taken.push(item),
                Some(None) => break,
                None => {}
            },
            _ => match consumer.recv().await {
                Some(item) => taken.push(item),
                None => break,
            },
        }
        if rng.u32(..50) == 0 {
            // The clone is a further handle to the same queue.
            consumer = consumer.clone();
        }
    }
    let mut last = VecDeque::new();
    for &(of, number) in taken.iter().filter(|_| !newest_first) {
        last.resize(last.len().max(of + 1), None);
        ensure!(last[of] < Some(number), "item {number} of producer {of} came after {:?}", last[of]);
        last[of] = Some(number);
    }
    Ok(taken)
}
