//! The queue against its model: every list of operations gives the same results in both, and after each operation no
//! waiter sleeps that could go on.

use crate::cases;
use proptest::prelude::{Just, Strategy, any};
use proptest::{collection, prop_oneof};

mod checks;
pub mod futures;
mod model;
mod table;

use table::Table;

/// A queue and the operations on it. A number in an operation is a position, modulo the number of candidates.
#[derive(Clone, Debug)]
struct Case {
    capacity: usize,
    newest_first: bool,
    of_inputs: bool,
    /// Whether wakers look into the queue when woken and when dropped.
    looking: bool,
    operations: Vec<Operation>,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    TrySend,
    TryRecv(usize),
    /// Creates the future of a send, or of a batch of the given size, and polls it if the flag is set.
    Send(Option<usize>, bool),
    /// Creates the future of a receive, or of a batch of at most the given size, and polls it if the flag is set.
    Recv(usize, Option<usize>, bool),
    /// Polls a receiver as a stream.
    Next(usize),
    Join,
    /// Polls again, with another waker or the same.
    Poll(usize, bool),
    /// Drops a waiting future.
    GiveUp(usize),
    CloneSender,
    CloneReceiver,
    DropSender,
    DropReceiver(usize),
    CloseBySender,
    CloseByReceiver,
}

fn cases() -> impl Strategy<Value = Case> {
    let one = || any::<usize>().prop_map(|number| number % 8);
    let polled = || prop_oneof![9 => Just(true), 1 => Just(false)];
    let operation = prop_oneof![
        8 => Just(Operation::TrySend),
        8 => one().prop_map(Operation::TryRecv),
        12 => polled().prop_map(|polled| Operation::Send(None, polled)),
        16 => (0_usize..7, polled()).prop_map(|(count, polled)| Operation::Send(Some(count), polled)),
        12 => (one(), polled()).prop_map(|(who, polled)| Operation::Recv(who, None, polled)),
        12 => (one(), 1_usize..7, polled()).prop_map(|(who, max, polled)| Operation::Recv(who, Some(max), polled)),
        6 => one().prop_map(Operation::Next),
        3 => Just(Operation::Join),
        24 => (one(), any::<bool>()).prop_map(|(who, other)| Operation::Poll(who, other)),
        12 => one().prop_map(Operation::GiveUp),
        3 => Just(Operation::CloneSender),
        8 => Just(Operation::CloneReceiver),
        1 => Just(Operation::DropSender),
        4 => one().prop_map(Operation::DropReceiver),
        1 => Just(Operation::CloseBySender),
        1 => Just(Operation::CloseByReceiver),
    ];
    let operations = collection::vec(operation, 1..60);
    let order = prop_oneof![3 => Just(false), 1 => Just(true)];
    (0_usize..5, order, any::<bool>(), any::<bool>(), operations).prop_map(
        |(capacity, newest_first, of_inputs, looking, operations)| Case {
            capacity,
            newest_first,
            of_inputs,
            looking,
            operations,
        },
    )
}

#[test]
fn operations_on_a_queue_match_the_model() {
    cases::all(6_000, &cases(), |case, steps| {
        let mut table = Table::new(&case, steps);
        for operation in case.operations {
            table.operate(operation)?;
            table.check()?;
        }
        table.let_everybody_go_on()?;
        table.clear_up()
    });
}
