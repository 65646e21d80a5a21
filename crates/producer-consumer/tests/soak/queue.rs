//! A queue between producers and consumers of all kinds, some of whom give up their waits or leave: every item that
//! was put is taken once, in order where order is promised, or is still there at the end.

use std::collections::{BTreeSet, VecDeque};

use fastrand::Rng;
use tokio::task::yield_now;
use towpath_pattern::anyhow::{self, ensure};
use towpath_pattern::queue::{self, Receiver, Sender, TryRecvError, TrySendError};
use towpath_testkit::until_poll;

/// An item: whose it is, and which of theirs.
type Item = (usize, u64);

/// Chooses a queue, producers and consumers by `seed`, and says how many items were put.
pub async fn soak(seed: u64) -> anyhow::Result<u64> {
    let mut rng = Rng::with_seed(seed);
    let capacity = [0, 1, 2, 10, 100][rng.usize(..5)];
    let newest_first = rng.u32(..4) == 0;
    let (producer, consumer) =
        if newest_first { queue::bounded_lifo(capacity) } else { queue::bounded(capacity) };
    let (producers, consumers) = (rng.usize(1..5), rng.usize(1..5));
    let each = rng.u64(..300);
    // Somebody closes it in the middle, or it closes when the last producer is gone.
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
    ensure!(consumer.is_empty(), "{} items are left in a queue that all were taken from", consumer.len());

    let (items, out) = (put.len(), taken.len());
    let (put, taken): (BTreeSet<_>, BTreeSet<_>) = (put.into_iter().collect(), taken.into_iter().collect());
    ensure!(out == taken.len(), "{} items were taken twice", out - taken.len());
    if let Some((of, number)) = put.difference(&taken).next() {
        anyhow::bail!("item {number} of producer {of} was put and never taken, with {items} put");
    }
    if let Some((of, number)) = taken.difference(&put).next() {
        anyhow::bail!("item {number} of producer {of} was taken, and its put was not over");
    }
    Ok(items as u64)
}

/// Puts the items below `each` in every way there is, and says which of them were put.
async fn put_all(producer: Sender<Item>, of: usize, each: u64, mut rng: Rng) -> anyhow::Result<Vec<Item>> {
    let mut put = Vec::new();
    let mut next = 0;
    while next < each && !producer.is_closed() {
        match rng.u32(..4) {
            0 => match producer.try_send((of, next)) {
                Ok(()) => put.push((of, next)),
                Err(TrySendError::Full(item) | TrySendError::Closed(item)) => {
                    ensure!(item == (of, next), "another item came back from a put");
                    yield_now().await;
                }
            },
            1 => {
                let many = rng.u64(1..20).min(each - next);
                let mut items: VecDeque<_> = (next..next + many).map(|number| (of, number)).collect();
                let all = items.clone();
                let _ = until_poll(rng.usize(1..5), producer.send_many(&mut items)).await;
                ensure!(all.iter().rev().zip(items.iter().rev()).all(|(a, b)| a == b), "others came back");
                put.extend(all.into_iter().take(many.try_into().unwrap_or(usize::MAX) - items.len()));
                next += many;
                continue;
            }
            2 => {
                // Given up, it has not put the item.
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

/// Takes to the end in every way there is; in a queue that is first in, first out, each producer's come in order.
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
            // Another handle to the same queue.
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
