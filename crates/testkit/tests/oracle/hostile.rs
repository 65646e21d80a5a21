//! A queue with wakers that use the queue when they are woken and dropped, or panic, and with an item whose drop
//! panics. No model predicts the results of such operations. The checks are that no item is lost, and that no waiter
//! sleeps that could go on.

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use anyhow::{Result, bail, ensure};
use proptest::prelude::{Just, Strategy, any};
use proptest::{collection, prop_oneof};
use towpath_pattern::queue::{self, Receiver, Sender};

use crate::bell::{Deed, Parked};
use crate::cases::{self, Steps};
use crate::item::{Item, Items, NONE_PANICS};
use crate::queue::futures::{Ended, Waiting, recv, recv_many, send, send_many};

#[derive(Clone, Debug)]
struct Case {
    capacity: usize,
    newest_first: bool,
    wakers: Wakers,
    /// The number of the item whose drop panics.
    hostile_item: u32,
    operations: Vec<Operation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakers {
    Recv,
    Send,
    Panic,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    TrySend,
    TryRecv,
    Send,
    SendMany(usize),
    Recv,
    RecvMany(usize),
    Poll(usize, bool),
    GiveUp(usize),
    Close,
}

fn cases() -> impl Strategy<Value = Case> {
    let one = || any::<usize>().prop_map(|number| number % 8);
    let operation = prop_oneof![
        6 => Just(Operation::TrySend),
        6 => Just(Operation::TryRecv),
        8 => Just(Operation::Send),
        10 => (1_usize..6).prop_map(Operation::SendMany),
        10 => Just(Operation::Recv),
        8 => (1_usize..6).prop_map(Operation::RecvMany),
        16 => (one(), any::<bool>()).prop_map(|(seat, other)| Operation::Poll(seat, other)),
        8 => one().prop_map(Operation::GiveUp),
        1 => Just(Operation::Close),
    ];
    let wakers = prop_oneof![Just(Wakers::Recv), Just(Wakers::Send), Just(Wakers::Panic)];
    (0_usize..4, any::<bool>(), wakers, 0_u32..20, collection::vec(operation, 1..40)).prop_map(
        |(capacity, newest_first, wakers, hostile_item, operations)| Case {
            capacity,
            newest_first,
            wakers,
            hostile_item,
            operations,
        },
    )
}

#[test]
fn queue_with_hostile_wakers_loses_no_item_and_no_waiter() {
    cases::all(5_000, &cases(), |case, steps| {
        // The table of a failed case is not dropped: a panic in its drop would hide the failure.
        let mut table = ManuallyDrop::new(Table::new(&case, steps));
        for operation in case.operations {
            table.operate(operation)?;
        }
        table.let_everybody_go_on()?;
        ManuallyDrop::into_inner(table).clear_up()
    });
}

struct Seat {
    name: String,
    future: Waiting,
    parked: Parked,
}

/// The items that were received, or returned to their sender.
type Got = Arc<Mutex<Vec<Item>>>;

struct Table {
    sender: Arc<Sender<Item>>,
    receiver: Receiver<Item>,
    seats: Vec<Seat>,
    items: Items,
    got: Got,
    hostile_item: u32,
    panics: bool,
    deed: Deed,
    next: usize,
    steps: Steps,
}

impl Table {
    fn new(case: &Case, steps: Steps) -> Self {
        let open = if case.newest_first { queue::bounded_lifo } else { queue::bounded };
        let (sender, receiver) = open(case.capacity);
        let (items, got) = (Items::default(), Got::default());
        let deed = deed(case.wakers, &sender, &receiver, &items, &got);
        let (order, wakers) = (if case.newest_first { "newest" } else { "oldest" }, case.wakers);
        steps.begin(format!("a queue for {}, the {order} first, with wakers that {wakers:?}", case.capacity));
        Self {
            sender: Arc::new(sender),
            receiver,
            seats: Vec::new(),
            items,
            got,
            hostile_item: case.hostile_item,
            panics: wakers == Wakers::Panic,
            deed,
            next: 0,
            steps,
        }
    }

    fn make(&self) -> Item {
        self.items.make(self.hostile_item)
    }

    fn make_some(&self, count: usize) -> VecDeque<Item> {
        (0..count).map(|_| self.make()).collect()
    }

    fn operate(&mut self, operation: Operation) -> Result<()> {
        let sender = || Arc::clone(&self.sender);
        match operation {
            Operation::TrySend => {
                let item = self.make();
                self.steps.begin(format!("try_send({})", item.number));
                let back = self.lossless(|table| table.sender.try_send(item).err())?;
                keep(&self.got, back.flatten().map(queue_item));
                Ok(())
            }
            Operation::TryRecv => {
                self.steps.begin("try_recv()".to_owned());
                let item = self.lossless(|table| table.receiver.try_recv().ok())?;
                keep(&self.got, item.flatten());
                Ok(())
            }
            Operation::Send => {
                let item = self.make();
                self.sit(&format!("send({})", item.number), send(sender(), item))
            }
            Operation::SendMany(count) => {
                self.sit(&format!("send_many({count} items)"), send_many(sender(), self.make_some(count)))
            }
            Operation::Recv => self.sit("recv()", recv(self.receiver.clone())),
            Operation::RecvMany(max) => {
                self.sit(&format!("recv_many({max})"), recv_many(self.receiver.clone(), max))
            }
            Operation::Poll(at, other) if !self.seats.is_empty() => self.poll(at % self.seats.len(), other),
            Operation::GiveUp(at) if !self.seats.is_empty() => self.give_up(at % self.seats.len()),
            Operation::Close => {
                self.steps.begin("it is closed".to_owned());
                self.lossless(|table| table.sender.close()).map(drop)
            }
            Operation::Poll(..) | Operation::GiveUp(_) => Ok(()),
        }
    }

    /// Calls `act`. A waker may panic in the call. A call without a panic must drop no item.
    fn lossless<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> Result<Option<R>> {
        let before = self.items.dropped();
        match catch_unwind(AssertUnwindSafe(|| act(self))) {
            Ok(done) => {
                let lost = self.items.dropped() - before;
                ensure!(lost == 0, "{lost} items were dropped in a call without a panic");
                Ok(Some(done))
            }
            Err(payload) if !self.panics => resume_unwind(payload),
            Err(_) => {
                self.steps.came("a panic");
                Ok(None)
            }
        }
    }

    fn sit(&mut self, name: &str, future: Waiting) -> Result<()> {
        let name = format!("{name} as future {}", self.next);
        self.next += 1;
        self.seats.push(Seat { name, future, parked: Parked::new(&self.deed) });
        self.poll(self.seats.len() - 1, false)
    }

    fn poll(&mut self, at: usize, other: bool) -> Result<()> {
        let Seat { name, mut future, mut parked } = self.seats.remove(at);
        self.steps.begin(format!("{name} is polled{}", if other { " with another waker" } else { "" }));
        let before = other.then(|| std::mem::replace(&mut parked, Parked::new(&self.deed)));
        let polled = self.lossless(|_| parked.poll(|cx| future.poll(cx)))?;
        drop(before);
        match polled {
            Some(Poll::Pending) => self.seats.push(Seat { name, future, parked }),
            Some(Poll::Ready(ended)) => {
                self.steps.came("over");
                self.keep(ended);
                parked.leave()?;
            }
            None => {
                drop(future);
                parked.leave()?;
            }
        }
        Ok(())
    }

    fn keep(&self, ended: Ended) {
        match ended {
            Ended::Sent { left, .. } => keep(&self.got, left),
            Ended::Received { items, .. } => keep(&self.got, items),
            Ended::Joined(_) => {}
        }
    }

    fn give_up(&mut self, at: usize) -> Result<()> {
        let Seat { name, future, parked } = self.seats.remove(at);
        self.steps.begin(format!("{name} is dropped"));
        if name.starts_with("send(") {
            // The item is dropped with the future.
            let _ = catch_unwind(AssertUnwindSafe(|| future.give_up()));
        } else if let Some(ended) = self.lossless(|_| future.give_up())? {
            self.keep(ended);
        }
        parked.leave()
    }

    fn let_everybody_go_on(&mut self) -> Result<()> {
        for _ in 0..1_000 {
            let Some(at) = self.seats.iter().position(|seat| seat.parked.was_called()) else {
                return self.nobody_sleeps_who_could_go_on();
            };
            self.poll(at, false)?;
        }
        bail!("the waiters notify each other without an end")
    }

    fn nobody_sleeps_who_could_go_on(&mut self) -> Result<()> {
        let takes = |seat: &Seat| seat.name.starts_with("recv");
        let (len, capacity) = (self.receiver.len(), self.receiver.capacity());
        let closed = self.receiver.is_closed();
        if let Some(seat) = self.seats.iter().find(|seat| takes(seat)) {
            ensure!(!closed && len == 0, "{} sleeps, and the queue has {len} items, or is closed", seat.name);
            let sender = self.seats.iter().find(|seat| !takes(seat)).map(|seat| &seat.name);
            ensure!(
                sender.is_none(),
                "{} sleeps, and so does {}",
                seat.name,
                sender.cloned().unwrap_or_default()
            );
        } else if let Some(seat) = self.seats.first() {
            ensure!(!closed && len >= capacity, "{} sleeps, and there is room, or it is closed", seat.name);
        }
        Ok(())
    }

    fn clear_up(mut self) -> Result<()> {
        while !self.seats.is_empty() {
            self.give_up(0)?;
        }
        self.let_everybody_go_on()?;
        let Self { sender, receiver, items, got, deed, .. } = self;
        // The queue is dropped with the remaining items. The drop of one of these items may panic.
        let sender = Arc::into_inner(sender);
        let everything = (receiver, deed, sender);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(everything)));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(got)));
        items.each_was_dropped_once()
    }
}

/// The action of a waker, which has its own handles of the queue.
fn deed(wakers: Wakers, sender: &Sender<Item>, receiver: &Receiver<Item>, items: &Items, got: &Got) -> Deed {
    let (sender, receiver) = (sender.clone(), Mutex::new(receiver.clone()));
    let (items, got) = (items.clone(), Arc::clone(got));
    Arc::new(move |dropped| match wakers {
        Wakers::Recv => {
            // A waker that runs within this `try_recv` finds the receiver locked.
            let taken = receiver.try_lock().ok().and_then(|mut receiver| receiver.try_recv().ok());
            keep(&got, taken);
        }
        Wakers::Send => keep(&got, sender.try_send(items.make(NONE_PANICS)).err().map(queue_item)),
        Wakers::Panic if dropped => {}
        Wakers::Panic => resume_unwind(Box::new("a waker that panics")),
    })
}

fn queue_item(refused: queue::TrySendError<Item>) -> Item {
    refused.into_inner()
}

fn keep(got: &Got, items: impl IntoIterator<Item = Item>) {
    got.lock().unwrap_or_else(PoisonError::into_inner).extend(items);
}

#[test]
fn item_whose_drop_panics_does_not_keep_the_queue_open() {
    let items = Items::default();
    let (sender, receiver) = queue::bounded(3);
    for _ in 0..3 {
        assert!(sender.try_send(items.make(1)).is_ok(), "there is room");
    }
    let sender = Arc::new(sender);
    let (mut single, mut batch) = (
        send(Arc::clone(&sender), items.make(1)),
        send_many(Arc::clone(&sender), VecDeque::from([items.make(1)])),
    );
    let mut join = crate::queue::futures::join(Arc::clone(&sender));
    let deed: Deed = Arc::new(|_| {});
    let mut parked = [(); 3].map(|()| Parked::new(&deed));
    for (parked, future) in parked.iter_mut().zip([&mut single, &mut batch, &mut join]) {
        assert!(parked.poll(|cx| future.poll(cx)).is_pending(), "the queue is full, and no item is finished");
    }
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(receiver)));
    let payload = dropped.expect_err("the panic reaches the owner of the receiver");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"an item that panics"));
    assert!(parked.iter().all(Parked::was_called), "a waiter sleeps");
    let ends = [single, batch, join].map(|mut future| Parked::new(&deed).poll(|cx| future.poll(cx)));
    let [Poll::Ready(Ended::Sent { all: single, left: one }), batch, join] = ends else {
        panic!("a send waits")
    };
    let Poll::Ready(Ended::Sent { all: batch, left: other }) = batch else { panic!("a batch waits") };
    assert!(matches!(join, Poll::Ready(Ended::Joined(false))), "a dropped item is never finished");
    assert_eq!((single, one.len(), batch, other.len()), (Some(false), 1, Some(false), 1));
    assert_eq!((sender.is_closed(), sender.len(), items.dropped()), (true, 0, 3));
}

#[test]
fn handle_dropped_by_a_panic_with_panicking_wakers_aborts_not() {
    for waiting in [1, 2] {
        let (sender, receiver) = queue::bounded(1);
        let deed: Deed = Arc::new(|dropped| {
            if !dropped {
                resume_unwind(Box::new("a waker that panics"))
            }
        });
        let mut seats: Vec<_> = (0..waiting).map(|_| (recv(receiver.clone()), Parked::new(&deed))).collect();
        for (recv, parked) in &mut seats {
            assert!(parked.poll(|cx| recv.poll(cx)).is_pending(), "it is empty");
        }
        let job = catch_unwind(AssertUnwindSafe(|| {
            let _last = sender;
            resume_unwind(Box::new("the job's own panic"));
        }));
        let told = job.expect_err("it panics");
        assert_eq!(told.downcast_ref(), Some(&"the job's own panic"));
        assert!(seats.iter().all(|(_, parked)| parked.was_called()), "a waiter sleeps");
    }
}
