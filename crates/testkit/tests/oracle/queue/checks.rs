//! The checks after every operation on a queue: its length, the places of all items and wakers, and that no waiter
//! sleeps that could go on.

use anyhow::{Result, bail, ensure};

use super::Operation;
use super::model::Model;
use super::table::{Kind, Seat, Table};
use crate::bell::Parked;

impl Table {
    pub(super) fn check(&mut self) -> Result<()> {
        let seen = self.senders.last().map(|sender| (sender.len(), sender.is_closed()));
        let seen = seen
            .or_else(|| self.receivers.last().map(|seen| (seen.receiver.len(), seen.receiver.is_closed())));
        if let Some((len, closed)) = seen {
            // The queue admits deposited items at the latest when a receiver comes for them. Until then the model
            // follows the length of the queue.
            let more = len.saturating_sub(self.model.items.len()).min(self.model.room(0));
            self.model.admit(more);
            let expected = self.model.items.len();
            ensure!(len == expected, "{len} items are in the queue, and should be {expected}");
            ensure!(
                closed == self.model.closed,
                "it is closed: {closed}, and should be: {}",
                self.model.closed
            );
        }
        let held = |seat: &Seat| if let Kind::Send { left, .. } = &seat.kind { left.len() } else { 0 };
        let held =
            self.model.items.len() + self.model.deposited() + self.seats.iter().map(held).sum::<usize>();
        let alive = self.items.alive();
        ensure!(alive == held, "{alive} items exist, and should be {held}");
        for parked in self.parked() {
            let called = if parked.was_called() { "a notified waiter" } else { "a sleeping waiter" };
            ensure!(parked.is_kept_rightly(), "{} wakers of {called} are kept", parked.copies());
        }
        self.nobody_sleeps_who_could_go_on()
    }

    fn parked(&self) -> impl Iterator<Item = &Parked> {
        let seats = self.seats.iter().filter_map(|seat| seat.parked.as_ref());
        seats.chain(self.receivers.iter().filter_map(|resting| resting.parked.as_ref()))
    }

    fn nobody_sleeps_who_could_go_on(&self) -> Result<()> {
        let Model { capacity, items, closed, .. } = &self.model;
        let (mut receivers, mut senders, mut joiners) = (Line::default(), Line::default(), Line::default());
        for resting in &self.receivers {
            receivers.add(resting.parked.as_ref(), 1);
        }
        for seat in &self.seats {
            let parked = seat.parked.as_ref();
            match &seat.kind {
                Kind::Recv { max } => receivers.add(parked, (*max).min(self.model.portion())),
                Kind::Send { left, .. } => {
                    let deposited = self.model.senders.iter().find(|(who, _)| *who == seat.who);
                    let deposited = deposited.map(|(_, deposited)| deposited.len());
                    ensure!(
                        deposited.is_some() || parked.is_none_or(Parked::was_called),
                        "future {} sleeps, and all its deposited items were admitted",
                        seat.who
                    );
                    let deposited = deposited.filter(|deposited| *deposited > 0);
                    senders.add(parked, deposited.unwrap_or(left.len().min(self.model.portion())));
                }
                Kind::Join => joiners.add(parked, 1),
            }
        }
        if self.model.joined().is_some() || self.model.abandoned {
            joiners.all_are_called("all items are finished, or no receiver is left")?;
        }
        if *closed {
            receivers.all_are_called("the queue is closed")?;
            return senders.all_are_called("the queue is closed");
        }
        if !items.is_empty() {
            receivers.some_are_called(1, "the queue has an item")?;
        }
        // Deposited items are not counted here: the check of the senders below includes them.
        if items.len() >= *capacity {
            receivers.some_are_called(items.len(), "the queue is full")?;
        }
        senders.some_are_called(self.model.room(0), "there is room")
    }

    /// Polls each notified waiter, until no waiter is notified.
    pub(super) fn let_everybody_go_on(&mut self) -> Result<()> {
        for _ in 0..1_000 {
            let called = |parked: &Option<Parked>| parked.as_ref().is_some_and(Parked::was_called);
            if let Some(at) = self.seats.iter().position(|seat| called(&seat.parked)) {
                self.poll(at, false)?;
            } else if let Some(at) = self.receivers.iter().position(|resting| called(&resting.parked)) {
                self.poll_stream(at)?;
            } else {
                return Ok(());
            }
            self.count_handles();
            self.check()?;
        }
        bail!("the waiters notify each other without an end")
    }

    pub(super) fn clear_up(mut self) -> Result<()> {
        while !self.seats.is_empty() {
            self.give_up(0)?;
            self.count_handles();
            self.check()?;
        }
        while self.model.to_be_had(1) > 0 && !self.receivers.is_empty() {
            self.try_recv(0)?;
            self.check()?;
        }
        while !self.receivers.is_empty() {
            self.operate(Operation::DropReceiver(0))?;
            self.check()?;
        }
        self.senders.clear();
        self.items.each_was_dropped_once()
    }
}

/// The waiters of one side of a queue.
#[derive(Default)]
struct Line {
    /// The number of items that the notified waiters want together.
    called: usize,
    asleep: bool,
}

impl Line {
    fn add(&mut self, parked: Option<&Parked>, want: usize) {
        match parked {
            Some(parked) if parked.was_called() => self.called += want,
            Some(_) => self.asleep = true,
            None => {}
        }
    }

    fn some_are_called(&self, enough: usize, why: &str) -> Result<()> {
        ensure!(
            !self.asleep || self.called >= enough,
            "a waiter sleeps: {why}, for {enough}, and the notified waiters want {}",
            self.called
        );
        Ok(())
    }

    fn all_are_called(&self, why: &str) -> Result<()> {
        ensure!(!self.asleep, "a waiter sleeps: {why}");
        Ok(())
    }
}
