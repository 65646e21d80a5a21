//! What holds after every operation on a queue: its length, that no item and no waker is anywhere it should not be, and
//! that nobody sleeps who could go on.

use anyhow::{Result, bail, ensure};

use super::Operation;
use super::model::Model;
use super::table::{Kind, Seat, Table};
use crate::bell::Parked;

impl Table {
    pub(super) fn check(&mut self) -> Result<()> {
        let seen = self.producers.last().map(|producer| (producer.len(), producer.is_closed()));
        let seen = seen
            .or_else(|| self.consumers.last().map(|seen| (seen.consumer.len(), seen.consumer.is_closed())));
        if let Some((len, closed)) = seen {
            // What is lent is let in at the latest when somebody comes for it.
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
        let held = |seat: &Seat| if let Kind::Put { left, .. } = &seat.kind { left.len() } else { 0 };
        let held = self.model.items.len() + self.model.lent() + self.seats.iter().map(held).sum::<usize>();
        let alive = self.items.alive();
        ensure!(alive == held, "{alive} items exist, and should {held}");
        for parked in self.parked() {
            let called = if parked.was_called() { "who was called" } else { "who sleeps" };
            ensure!(parked.is_kept_rightly(), "{} wakers are kept of one {called}", parked.copies());
        }
        self.nobody_sleeps_who_could_go_on()
    }

    fn parked(&self) -> impl Iterator<Item = &Parked> {
        let seats = self.seats.iter().filter_map(|seat| seat.parked.as_ref());
        seats.chain(self.consumers.iter().filter_map(|resting| resting.parked.as_ref()))
    }

    fn nobody_sleeps_who_could_go_on(&self) -> Result<()> {
        let Model { capacity, items, closed, .. } = &self.model;
        let (mut takers, mut givers, mut joiners) = (Line::default(), Line::default(), Line::default());
        for resting in &self.consumers {
            takers.add(resting.parked.as_ref(), 1);
        }
        for seat in &self.seats {
            let parked = seat.parked.as_ref();
            match &seat.kind {
                Kind::Take { max } => takers.add(parked, (*max).min(self.model.portion())),
                Kind::Put { left, .. } => {
                    let lent = self.model.givers.iter().find(|(who, _)| *who == seat.who);
                    let lent = lent.map(|(_, lent)| lent.len());
                    ensure!(
                        lent.is_some() || parked.is_none_or(Parked::was_called),
                        "future {} sleeps, and all that it lent went in",
                        seat.who
                    );
                    let lent = lent.filter(|lent| *lent > 0);
                    givers.add(parked, lent.unwrap_or(left.len().min(self.model.portion())));
                }
                Kind::Join => joiners.add(parked, 1),
            }
        }
        if self.model.joined().is_some() || self.model.abandoned {
            joiners.all_are_called("all is finished, or nobody can")?;
        }
        if *closed {
            takers.all_are_called("the queue is closed")?;
            return givers.all_are_called("the queue is closed");
        }
        if !items.is_empty() {
            takers.some_are_called(1, "there is something to take")?;
        }
        // What is lent comes with its giver, who was called, below.
        if items.len() >= *capacity {
            takers.some_are_called(items.len(), "the queue is full")?;
        }
        givers.some_are_called(self.model.room(0), "there is room")
    }

    /// Polls whoever was called, until nobody is.
    pub(super) fn let_everybody_go_on(&mut self) -> Result<()> {
        for _ in 0..1_000 {
            let called = |parked: &Option<Parked>| parked.as_ref().is_some_and(Parked::was_called);
            if let Some(at) = self.seats.iter().position(|seat| called(&seat.parked)) {
                self.poll(at, false)?;
            } else if let Some(at) = self.consumers.iter().position(|resting| called(&resting.parked)) {
                self.poll_stream(at)?;
            } else {
                return Ok(());
            }
            self.count_handles();
            self.check()?;
        }
        bail!("they call each other again and again")
    }

    pub(super) fn clear_up(mut self) -> Result<()> {
        while !self.seats.is_empty() {
            self.give_up(0)?;
            self.count_handles();
            self.check()?;
        }
        while self.model.to_be_had(1) > 0 && !self.consumers.is_empty() {
            self.try_take(0)?;
            self.check()?;
        }
        while !self.consumers.is_empty() {
            self.operate(Operation::DropConsumer(0))?;
            self.check()?;
        }
        self.producers.clear();
        self.items.each_was_dropped_once()
    }
}

/// Those who wait at one side.
#[derive(Default)]
struct Line {
    /// How much those want together who were called.
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
            "somebody sleeps: {why}, for {enough}, and those who were called want {}",
            self.called
        );
        Ok(())
    }

    fn all_are_called(&self, why: &str) -> Result<()> {
        ensure!(!self.asleep, "somebody sleeps: {why}");
        Ok(())
    }
}
