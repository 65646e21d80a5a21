//! A queue with its users, and the model of the queue. Every operation is done to both.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;

use anyhow::{Result, bail, ensure};
use futures_core::Stream;
use towpath_pattern::queue::{self, Receiver, Sender, TryRecvError, TrySendError};

use super::futures::{Ended, Waiting, join, recv, recv_many, send, send_many};
use super::model::{Model, Took, Who};
use super::{Case, Operation};
use crate::bell::{Deed, Parked};
use crate::cases::Steps;
use crate::item::{Item, Items, NONE_PANICS};

/// A receiver that no future uses. Such a receiver may be in the wait list, as a stream that was polled.
pub(super) struct Resting {
    pub(super) who: Who,
    pub(super) receiver: Receiver<Item>,
    pub(super) parked: Option<Parked>,
}

/// A future that has not ended.
pub(super) struct Seat {
    pub(super) who: Who,
    future: Waiting,
    pub(super) kind: Kind,
    /// The waiter of the future, if the future was polled.
    pub(super) parked: Option<Parked>,
    polled: bool,
}

pub(super) enum Kind {
    /// The items that are neither in the queue nor deposited.
    Send {
        left: VecDeque<u32>,
        is_batch: bool,
    },
    Recv {
        max: usize,
    },
    Join,
}

pub(super) struct Table {
    pub(super) model: Model,
    pub(super) senders: Vec<Arc<Sender<Item>>>,
    pub(super) receivers: Vec<Resting>,
    pub(super) seats: Vec<Seat>,
    pub(super) items: Items,
    deed: Deed,
    next: Who,
    steps: Steps,
}

impl Table {
    pub(super) fn new(case: &Case, steps: Steps) -> Self {
        let open = if case.newest_first { queue::bounded_lifo } else { queue::bounded };
        let (sender, receiver) = open(case.capacity);
        let sender = Arc::new(if case.of_inputs { sender.from_input(7) } else { sender });
        let seen: Arc<Mutex<Weak<Sender<Item>>>> = Arc::new(Mutex::new(Arc::downgrade(&sender)));
        let looking = case.looking;
        let deed: Deed = Arc::new(move |_| {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(sender) = seen.upgrade().filter(|_| looking) {
                let _ = (sender.len(), sender.is_closed());
            }
        });
        let order = if case.newest_first { "newest" } else { "oldest" };
        let wakers = if looking { "wakers that look into it" } else { "wakers that count" };
        steps.begin(format!("a queue for {}, the {order} first, with {wakers}", case.capacity));
        Self {
            model: Model::new(case.capacity, case.newest_first),
            senders: vec![sender],
            receivers: vec![Resting { who: 0, receiver, parked: None }],
            seats: Vec::new(),
            items: Items::default(),
            deed,
            next: 1,
            steps,
        }
    }

    pub(super) fn operate(&mut self, operation: Operation) -> Result<()> {
        let outcome = self.do_one(operation);
        self.count_handles();
        outcome
    }

    fn do_one(&mut self, operation: Operation) -> Result<()> {
        match operation {
            Operation::TrySend => self.try_send(),
            Operation::TryRecv(who) => self.try_recv(who),
            Operation::Send(count, polled) => self.begin_to_send(count, polled),
            Operation::Recv(who, max, polled) => self.begin_to_recv(who, max, polled),
            Operation::Next(who) => self.poll_stream(who),
            Operation::Join => self.begin_to_join(),
            Operation::Poll(seat, other) if !self.seats.is_empty() => {
                self.poll(seat % self.seats.len(), other)
            }
            Operation::GiveUp(seat) if !self.seats.is_empty() => self.give_up(seat % self.seats.len()),
            _ => self.handle(operation),
        }
    }

    fn try_send(&mut self) -> Result<()> {
        let Some(sender) = self.senders.last() else { return Ok(()) };
        let item = self.items.make(NONE_PANICS);
        let number = item.number;
        self.steps.begin(format!("try_send({number})"));
        let sent = sender.try_send(item).map_err(|refused| matches!(refused, TrySendError::Closed(_)));
        let expected = self.model.try_send(number);
        self.came(&sent, &expected)
    }

    pub(super) fn try_recv(&mut self, who: usize) -> Result<()> {
        if self.receivers.is_empty() {
            return Ok(());
        }
        let at = who % self.receivers.len();
        let Resting { who, receiver, parked } = &mut self.receivers[at];
        self.steps.begin(format!("receiver {who}: try_recv()"));
        let took = match receiver.try_recv() {
            Ok(item) => Took::Some(vec![item.number]),
            Err(TryRecvError::Empty) => Took::NoneNow,
            Err(TryRecvError::Closed) => Took::NoneEver,
        };
        if took != Took::NoneNow {
            no_copy(parked.take())?;
        }
        let expected = self.model.recv(*who, 1);
        self.came(&took, &expected)
    }

    fn begin_to_send(&mut self, count: Option<usize>, polled: bool) -> Result<()> {
        let Some(sender) = self.senders.last() else { return Ok(()) };
        let sender = Arc::clone(sender);
        let Some(count) = count else {
            let item = self.items.make(NONE_PANICS);
            let left = VecDeque::from([item.number]);
            let name = format!("send({})", item.number);
            let seat = self.seat(send(sender, item), Kind::Send { left, is_batch: false });
            return self.sit(&name, seat, polled);
        };
        let items: VecDeque<_> = (0..count).map(|_| self.items.make(NONE_PANICS)).collect();
        let left: VecDeque<_> = items.iter().map(|item| item.number).collect();
        let name = format!("send_many({left:?})");
        let seat = self.seat(send_many(sender, items), Kind::Send { left, is_batch: true });
        self.sit(&name, seat, polled)
    }

    fn begin_to_recv(&mut self, who: usize, max: Option<usize>, polled: bool) -> Result<()> {
        if self.receivers.is_empty() {
            return Ok(());
        }
        let Resting { who, receiver, parked } = self.receivers.remove(who % self.receivers.len());
        let (name, future) = match max {
            None => (format!("receiver {who}: recv()"), recv(receiver)),
            Some(max) => (format!("receiver {who}: recv_many({max})"), recv_many(receiver, max)),
        };
        let kind = Kind::Recv { max: max.unwrap_or(1) };
        self.sit(&name, Seat { who, future, kind, parked, polled: false }, polled)
    }

    fn begin_to_join(&mut self) -> Result<()> {
        let Some(sender) = self.senders.last() else { return Ok(()) };
        let future = join(Arc::clone(sender));
        let seat = self.seat(future, Kind::Join);
        self.sit("join()", seat, true)
    }

    fn seat(&mut self, future: Waiting, kind: Kind) -> Seat {
        let who = self.next;
        self.next += 1;
        Seat { who, future, kind, parked: None, polled: false }
    }

    fn sit(&mut self, name: &str, seat: Seat, poll: bool) -> Result<()> {
        let who = seat.who;
        self.seats.push(seat);
        if poll {
            return self.poll_as(format!("{name} as future {who}"), self.seats.len() - 1, true);
        }
        self.steps.begin(format!("{name} as future {who}, not polled"));
        Ok(())
    }

    pub(super) fn poll(&mut self, at: usize, other: bool) -> Result<()> {
        let waker = if other { " with another waker" } else { "" };
        self.poll_as(format!("future {} is polled{waker}", self.seats[at].who), at, other)
    }

    fn poll_as(&mut self, step: String, at: usize, other: bool) -> Result<()> {
        self.steps.begin(step);
        let seat = &mut self.seats[at];
        let before = seat.parked.take();
        let (mut parked, before) = match before {
            Some(parked) if !other => (parked, None),
            before => (Parked::new(&self.deed), before),
        };
        let waited = std::mem::replace(&mut seat.polled, true);
        let polled = parked.poll(|cx| seat.future.poll(cx));
        no_copy(before)?;
        let who = seat.who;
        match (&mut seat.kind, polled) {
            (Kind::Send { left, is_batch }, polled) => {
                let expected = self.model.send(who, waited, *is_batch, left);
                let (all, back) = match polled {
                    Poll::Pending => (None, None),
                    Poll::Ready(Ended::Sent { all, left }) => (all, Some(left)),
                    Poll::Ready(_) => bail!("a send has the result of another operation"),
                };
                let should_be_left = left.clone();
                self.came(&all, &expected)?;
                if let Some(back) = back {
                    return self.came_back(at, parked, back, &should_be_left);
                }
            }
            (Kind::Recv { max }, polled) => {
                let expected = self.model.recv(who, *max);
                if expected == Took::NoneNow {
                    self.model.wait_to_recv(who);
                }
                let Poll::Ready(ended) = polled else {
                    self.seats[at].parked = Some(parked);
                    return self.came(&Took::NoneNow, &expected);
                };
                let Ended::Received { receiver, items } = ended else {
                    bail!("a receive has the result of another operation")
                };
                self.seats.remove(at);
                self.receivers.push(Resting { who, receiver, parked: None });
                let numbers: Vec<_> = items.iter().map(|item| item.number).collect();
                drop(items);
                let took = if numbers.is_empty() { Took::NoneEver } else { Took::Some(numbers) };
                self.came(&took, &expected)?;
                return no_copy(Some(parked));
            }
            (Kind::Join, polled) => {
                let joined = match polled {
                    Poll::Pending => None,
                    Poll::Ready(Ended::Joined(all)) => Some(all),
                    Poll::Ready(_) => bail!("a join has the result of another operation"),
                };
                self.came(&joined, &self.model.joined())?;
                if joined.is_some() {
                    self.seats.remove(at);
                    return no_copy(Some(parked));
                }
            }
        }
        self.seats[at].parked = Some(parked);
        Ok(())
    }

    /// Checks the items that a completed send returns.
    fn came_back(
        &mut self,
        at: usize,
        parked: Parked,
        back: VecDeque<Item>,
        expected: &VecDeque<u32>,
    ) -> Result<()> {
        let seat = self.seats.remove(at);
        drop(seat);
        let back: VecDeque<_> = back.into_iter().map(|item| item.number).collect();
        ensure!(back == *expected, "{back:?} came back, and not {expected:?}");
        no_copy(Some(parked))
    }

    pub(super) fn poll_stream(&mut self, who: usize) -> Result<()> {
        if self.receivers.is_empty() {
            return Ok(());
        }
        let at = who % self.receivers.len();
        let Resting { who, receiver, parked } = &mut self.receivers[at];
        let who = *who;
        self.steps.begin(format!("receiver {who}: next()"));
        let before = parked.take();
        let mut now = Parked::new(&self.deed);
        let polled = now.poll(|cx| Pin::new(receiver).poll_next(cx));
        no_copy(before)?;
        let expected = self.model.recv(who, 1);
        let took = match polled {
            Poll::Pending => {
                *parked = Some(now);
                self.model.wait_to_recv(who);
                Took::NoneNow
            }
            Poll::Ready(Some(item)) => Took::Some(vec![item.number]),
            Poll::Ready(None) => Took::NoneEver,
        };
        self.came(&took, &expected)
    }

    pub(super) fn give_up(&mut self, at: usize) -> Result<()> {
        let Seat { who, future, kind, parked, polled } = self.seats.remove(at);
        self.steps.begin(format!("future {who} is dropped"));
        match (future.give_up(), kind) {
            (Ended::Sent { left: back, .. }, Kind::Send { mut left, is_batch }) => {
                self.model.give_up_sending(who, &mut left);
                let back: VecDeque<_> = back.into_iter().map(|item| item.number).collect();
                if !is_batch {
                    left.clear();
                }
                ensure!(back == left, "{back:?} came back, and not {left:?}");
            }
            (Ended::Received { receiver, items }, Kind::Recv { .. }) => {
                ensure!(items.is_empty(), "{} items came to a dropped receive", items.len());
                if !polled {
                    // The receiver keeps its place in the wait list.
                    self.receivers.push(Resting { who, receiver, parked });
                    return Ok(());
                }
                self.model.give_up_receiving(who);
                self.receivers.push(Resting { who, receiver, parked: None });
            }
            (Ended::Joined(_), Kind::Join) => {}
            _ => bail!("a future has the result of another operation"),
        }
        no_copy(parked)
    }

    fn handle(&mut self, operation: Operation) -> Result<()> {
        match operation {
            Operation::CloneSender => {
                let clone = self.senders.last().map(|sender| Arc::new(Sender::clone(sender)));
                self.steps.begin("a sender is cloned".to_owned());
                self.senders.extend(clone);
            }
            Operation::CloneReceiver => {
                let Some(first) = self.receivers.first() else { return Ok(()) };
                let receiver = first.receiver.clone();
                self.steps.begin(format!("receiver {} comes", self.next));
                self.receivers.push(Resting { who: self.next, receiver, parked: None });
                self.next += 1;
            }
            Operation::DropSender => {
                self.steps.begin("a sender is dropped".to_owned());
                drop(self.senders.pop());
            }
            Operation::DropReceiver(who) if !self.receivers.is_empty() => {
                let Resting { who, receiver, parked } = self.receivers.remove(who % self.receivers.len());
                self.steps.begin(format!("receiver {who} is dropped"));
                drop(receiver);
                self.model.give_up_receiving(who);
                self.model.in_hand.remove(&who);
                no_copy(parked)?;
            }
            Operation::CloseBySender => {
                if let Some(sender) = self.senders.last() {
                    self.steps.begin("a sender closes it".to_owned());
                    sender.close();
                    self.model.closed = true;
                }
            }
            Operation::CloseByReceiver => {
                if let Some(resting) = self.receivers.last() {
                    self.steps.begin("a receiver closes it".to_owned());
                    resting.receiver.close();
                    self.model.closed = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Closes or abandons the model after the drop of the last handle of a side.
    pub(super) fn count_handles(&mut self) {
        let takes = |seat: &Seat| matches!(seat.kind, Kind::Recv { .. });
        if self.senders.is_empty() && self.seats.iter().all(takes) {
            self.model.closed = true;
        }
        if self.receivers.is_empty() && !self.seats.iter().any(takes) {
            self.model.abandon();
        }
    }

    fn came<T: Debug + PartialEq>(&self, real: &T, expected: &T) -> Result<()> {
        self.steps.came(format_args!("{real:?}"));
        ensure!(real == expected, "the result is {real:?}, and should be {expected:?}");
        Ok(())
    }
}

/// Checks that a waiter that no longer waits has left no waker in the queue.
fn no_copy(parked: Option<Parked>) -> Result<()> {
    parked.map_or(Ok(()), Parked::leave)
}
