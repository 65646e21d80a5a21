//! Every operation that can wait, started at each step of other operations and dropped at each later step: the other
//! operations proceed, and no item is lost, duplicated or out of order.

use std::collections::VecDeque;
use std::task::Poll;

use towpath_pattern::queue::{self, Receiver, Sender};

use crate::by_hand::hand;

/// The number of steps of the other operations. A step sends an item, receives an item, or does both.
const STEPS: usize = 12;

#[derive(Clone, Copy, Debug)]
enum Victim {
    Send,
    SendMany,
    Recv,
    RecvMany,
    Join,
}

const VICTIMS: [Victim; 5] = [Victim::Send, Victim::SendMany, Victim::Recv, Victim::RecvMany, Victim::Join];

/// The items that the victim sent and received.
#[derive(Default)]
struct Items {
    sent: Vec<u32>,
    taken: Vec<u32>,
}

/// The items of the victim have numbers from 100 on.
const BATCH: [u32; 3] = [100, 101, 102];

/// A caller of the function that polls the victim once. The victim is dropped when the caller returns.
type Polls<'a> = &'a mut dyn FnMut(&mut dyn FnMut() -> bool);

fn victim(kind: Victim, sender: &Sender<u32>, receiver: &mut Receiver<u32>, polls: Polls<'_>) -> Items {
    let mut items = Items::default();
    match kind {
        Victim::Send => {
            let mut send = hand(sender.send(BATCH[0]));
            let mut done = false;
            polls(&mut || {
                done = send.poll().is_ready();
                done
            });
            items.sent.extend(done.then_some(BATCH[0]));
        }
        Victim::SendMany => {
            let mut batch = VecDeque::from(BATCH);
            let mut send = hand(sender.send_many(&mut batch));
            polls(&mut || send.poll().is_ready());
            drop(send);
            items.sent = BATCH.into_iter().filter(|item| !batch.contains(item)).collect();
        }
        Victim::Recv => {
            let mut recv = hand(receiver.recv());
            polls(&mut || match recv.poll() {
                Poll::Ready(item) => {
                    items.taken.extend(item);
                    true
                }
                Poll::Pending => false,
            });
        }
        Victim::RecvMany => {
            let mut recv = hand(receiver.recv_many(2, &mut items.taken));
            polls(&mut || recv.poll().is_ready());
        }
        Victim::Join => {
            let mut join = hand(sender.join());
            polls(&mut || join.poll().is_ready());
        }
    }
    items
}

/// Starts the victim at step `from` and drops the victim at step `to`. With `again`, the victim is polled at each of
/// these steps, and otherwise only at the first step.
fn play(kind: Victim, capacity: usize, (from, to): (usize, usize), again: bool) {
    let with = format!("{kind:?}, capacity {capacity}, from step {from} to {to}, polled again: {again}");
    let (sender, mut receiver) = queue::bounded(capacity);
    let (others_sender, mut others) = (sender.clone(), receiver.clone());
    let (mut sent, mut taken) = (Vec::new(), Vec::new());
    let mut waiting: VecDeque<_> = VecDeque::new();
    let mut step = |at: usize, others: &mut Receiver<u32>| {
        // Two items are sent and one is received: in the middle the items exceed the capacity.
        if at.is_multiple_of(2) || at < STEPS / 2 {
            let item = u32::try_from(at).unwrap_or_default();
            waiting.push_back(hand(others_sender.send(item)));
            sent.push(item);
        }
        waiting.retain_mut(|send: &mut crate::by_hand::Hand<_>| send.poll().is_pending());
        if at % 2 == 1 {
            let mut recv = hand(others.recv());
            if let Poll::Ready(item) = recv.poll() {
                taken.extend(item);
            }
        }
        waiting.retain_mut(|send| send.poll().is_pending());
    };
    (0..from).for_each(|at| step(at, &mut others));
    let items = victim(kind, &sender, &mut receiver, &mut |poll| {
        let mut done = poll();
        for at in from..to {
            step(at, &mut others);
            if again && !done {
                done = poll();
            }
        }
    });
    drop(receiver);
    (to..STEPS).for_each(|at| step(at, &mut others));
    // The remaining waiters complete here.
    for _ in 0..3 * STEPS {
        if waiting.is_empty() && others.is_empty() {
            break;
        }
        let mut recv = hand(others.recv());
        let mut took = recv.poll();
        // Without capacity, a sender hands its item to a waiting receiver: both must wait at the same time.
        waiting.retain_mut(|send| send.poll().is_pending());
        if took.is_pending() {
            took = recv.poll();
        }
        if let Poll::Ready(item) = took {
            taken.extend(item);
        }
    }
    assert!(waiting.is_empty(), "{} senders still wait ({with})", waiting.len());
    assert_eq!(others.len(), 0, "in the queue ({with})");

    let from_others =
        |items: &[u32]| items.iter().copied().filter(|item| *item < BATCH[0]).collect::<Vec<_>>();
    assert!(
        from_others(&taken).is_sorted() && from_others(&items.taken).is_sorted(),
        "in their turn ({with})"
    );
    taken.extend(&items.taken);
    sent.extend(&items.sent);
    taken.sort_unstable();
    sent.sort_unstable();
    assert_eq!(taken, sent, "the items sent are the items received ({with})");
    let mut join = hand(sender.join());
    assert_eq!(join.poll(), Poll::Pending, "the last is not finished ({with})");
    drop(others);
    assert!(join.poll().is_ready(), "no item is in hand any more ({with})");
}

#[test]
fn waiter_dropped_at_any_step_leaves_the_queue_whole() {
    for kind in VICTIMS {
        for capacity in 0..4 {
            for (from, to) in (0..STEPS).flat_map(|from| (from..=STEPS).map(move |to| (from, to))) {
                for again in [false, true] {
                    play(kind, capacity, (from, to), again);
                }
            }
        }
    }
}
