//! Several sources as one source.
//!
//! # Invariants
//!
//! - A member that may have an item is in `turns` or in the list of woken members. Every further member has ended, or its
//!   next item wakes the member.
//! - No member is polled twice in a poll without an item or a failure of the member in between. So a member that wakes
//!   itself keeps no other task from the thread.
//! - A member has a stage behind it, or is *plain*. An end of the taking reaches the first stages of the members with a
//!   stage, and ends the plain members, which hand on the items that they hold, and are polled no more.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::answers::Answers;
use super::erased::Source;
use super::poll_source::{Closed, PollBatch, PollSource, source_error};
use super::turns::Turns;
use super::woken::{PartWaker, WokenPart, WokenParts};
use crate::failure::Cause;
use crate::item::{Item, ItemBatch};
use crate::upstream::Links;
use crate::util::panic::{Payload, catch, catch_each, first_of, resume};

impl<T: Send + 'static> Source<T> {
    /// Creates a source of the items of all `sources`. The source ends when all `sources` have ended.
    ///
    /// Sources with items take turns. In a turn, a source yields an equal share of the items for which the run asks, and 16
    /// items at most, so no source waits for more than one turn of every other source, and two sources that always have items
    /// differ by one turn at most. A source with an unfinished chunk may lose a part of a turn.
    /// A poll costs time only for the sources that were woken, for any number of sources. The items of each source stay in
    /// order.
    ///
    /// A failure of a source is a failure of the run. If the run goes on after failures, the items of the other sources
    /// follow.
    ///
    /// The index of an item is `index * sources + number`, with the index of the item in its source, the number of
    /// sources, and the number of the source, counted from zero. So the number of the source is the remainder.
    ///
    /// If the run stops, [`Kept`](crate::Kept) returns the items of every source of which [`Source::kept`] was called
    /// before the merge.
    ///
    /// If sources are [runs](crate::Run), the report has the stages of every run, in the order of the sources, and
    /// [`Run::stop_taking`](crate::Run::stop_taking) reaches the first stage of every run. A source next to a run also
    /// ends then: the source is polled no more, and the items that the run has taken complete.
    ///
    /// For two streams, `StreamExt::merge` of tokio-stream is enough.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let (urgent, channel) = Source::channel(4);
    /// let (backlog, kept) = Source::new(["a", "b", "c"]).kept();
    /// urgent.send("x").await?;
    /// drop(urgent);
    ///
    /// let job = Arc::new(|name: &'static str| async move { Ok(name) });
    /// let source = Source::merge([channel, backlog]);
    /// let mut run = Run::spawn(Scope::default(), source, Settings::new("all", 1).ordered(), job).indexed();
    /// assert_eq!(run.next().await.transpose()?, Some((0, "x")));
    /// assert_eq!(run.next().await.transpose()?, Some((1, "a"))); // item 0 of source 1 of 2
    ///
    /// run.cancel();
    /// run.finish().await;
    /// let rest = kept.take().expect("the run is over").next().await.transpose()?;
    /// assert!(rest.is_none() || rest == Some("b") || rest == Some("c"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn merge(sources: impl IntoIterator<Item = Self>) -> Self {
        let woken = Arc::<WokenParts>::default();
        let members: Vec<_> = sources
            .into_iter()
            .enumerate()
            .map(|(number, source)| {
                let waker = Arc::new(PartWaker::new(&woken, number));
                let origin = if source.upstream().is_empty() { Origin::Plain } else { Origin::Stage };
                Member { source, waker, origin, state: State::Waiting, closed: false }
            })
            .collect();
        Self::of(MergedSource {
            answers: Answers::of(members.iter().map(|member| &member.source)),
            waiting: members.len(),
            quiescent: 0,
            turns: Turns::new(members.len()),
            members,
            woken,
            last_woken: Vec::new(),
            kept: false,
            polled: ItemBatch::default(),
            panicked: Vec::new(),
        })
    }
}

struct MergedSource<T> {
    members: Vec<Member<T>>,
    answers: Answers,
    /// The numbers of members in each state without an end.
    waiting: usize,
    quiescent: usize,
    turns: Turns,
    woken: Arc<WokenParts>,
    /// The last list of woken members, empty.
    last_woken: Vec<WokenPart>,
    /// The source is kept: the values of ended members stay.
    kept: bool,
    /// The batch of a member, empty between two turns.
    polled: ItemBatch<T>,
    /// Panics of the drops of values, for the close.
    panicked: Vec<Payload>,
}

struct Member<T> {
    source: Source<T>,
    waker: Arc<PartWaker>,
    origin: Origin,
    state: State,
    /// The upstream stages of the member have finished after a stop.
    closed: bool,
}

/// The stages behind a member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Stage,
    /// No stage is behind the member.
    Plain,
    /// A plain member that hands on the items that it holds, and no further items.
    Halted,
}

/// The result of the last poll of a member without an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Quiescent,
    Ended,
}

impl<T> MergedSource<T> {
    /// Gives a turn to every woken member.
    fn admit_woken(&mut self) {
        let mut woken = mem::take(&mut self.last_woken);
        self.woken.take(&mut woken);
        for WokenPart { place, .. } in woken.drain(..) {
            self.members[place].waker.unlist();
            self.admit(place);
        }
        self.last_woken = woken;
    }

    fn set_state(&mut self, number: usize, state: State) {
        let before = mem::replace(&mut self.members[number].state, state);
        for (is_counted, count) in
            [(State::Waiting, &mut self.waiting), (State::Quiescent, &mut self.quiescent)]
        {
            *count = *count - usize::from(before == is_counted) + usize::from(state == is_counted);
        }
    }

    fn update(&mut self, number: usize) {
        self.answers.update(number, &self.members[number].source);
    }

    fn update_all(&mut self) {
        for (number, member) in self.members.iter().enumerate() {
            self.answers.update(number, &member.source);
        }
    }

    fn admit(&mut self, number: usize) {
        if self.members[number].state != State::Ended {
            self.turns.add(number);
        }
    }

    /// Ends a halted member that holds no items. The value of a source that is not kept is dropped: a job may wait for
    /// the drop.
    #[cold]
    fn end_halted(&mut self, number: usize) -> Result<(), Payload> {
        let has_ended = self.members[number].state == State::Ended;
        self.set_state(number, State::Ended);
        if self.kept || has_ended {
            return Ok(());
        }
        let stopped = catch(|| self.members[number].source.stop());
        self.update(number);
        stopped
    }

    /// Polls a member for up to `max` items.
    fn poll_member(&mut self, number: usize, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        let count = self.members.len();
        let Member { source, waker, .. } = &mut self.members[number];
        let waker = Waker::from(Arc::clone(waker));
        self.polled.number_from(into.next_number());
        let polled = source.poll_batch(&mut Context::from_waker(&waker), max, &mut self.polled);
        self.answers.update(number, source);
        into.number_from(self.polled.next_number());
        while let Some(Item { mut position, value }) = self.polled.pop_front() {
            position.index = merged_index(position.index, count, number);
            into.push_ready(Item { position, value });
        }
        polled
    }

    /// Calls `f` for every member, also after a panic. The first panic is resumed, and the others are reported at the close.
    fn for_each_source(&mut self, mut f: impl FnMut(&mut Source<T>)) {
        let Self { members, panicked, .. } = self;
        let mut payloads = members.iter_mut().filter_map(|member| catch(|| f(&mut member.source)).err());
        let first = payloads.next();
        panicked.extend(payloads);
        self.update_all();
        resume(first);
    }

    /// Returns the state of a source without an item.
    fn state(&self) -> PollBatch {
        match (self.waiting, self.quiescent) {
            (0, 0) => PollBatch::Exhausted,
            (0, _) => PollBatch::Quiescent,
            _ => PollBatch::Pending,
        }
    }

    fn pass_on(&self, number: usize, inner: Closed<T>, closed: &mut Closed<T>) {
        let count = self.members.len();
        let index = |index| merged_index(index, count, number);
        let Closed { between, cause, failures } = inner;
        let inner = Closed {
            between: between.into_iter().map(|(own, value)| (index(own), value)).collect(),
            cause: cause.map(|cause| cause.map_index(index)),
            failures: failures.into_iter().map(|failure| failure.map_index(index)).collect(),
        };
        closed.extend(inner, |value| value);
    }
}

fn merged_index(index: usize, count: usize, number: usize) -> usize {
    index.saturating_mul(count).saturating_add(number)
}

impl<T: Send> PollSource<T> for MergedSource<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        self.admit_woken();
        let (first, before) = (into.next_number(), into.len());
        let mut passed_over = Vec::new();
        let polled = loop {
            if into.len() > before && into.len() - before >= max {
                break PollBatch::Ready;
            }
            let Some(number) = self.turns.next() else {
                if !passed_over.is_empty() && max > 0 {
                    break PollBatch::Ready;
                }
                let state = if passed_over.is_empty() { self.state() } else { PollBatch::Pending };
                if !matches!(state, PollBatch::Exhausted) && !self.woken.register(cx.waker()) {
                    // Other tasks run before the next poll of a member that wakes itself.
                    cx.waker().wake_by_ref();
                }
                break state;
            };
            let taken = usize::try_from(into.next_number() - first).unwrap_or(max);
            let mut left = max.saturating_sub(taken);
            if self.members[number].origin == Origin::Halted {
                if self.members[number].source.held() == 0 {
                    if let Err(payload) = self.end_halted(number) {
                        break PollBatch::Failed(source_error(None, Cause::from_panic(payload)));
                    }
                    continue;
                }
                left = 0;
            }
            if left == 0 && self.members[number].source.held() == 0 {
                passed_over.push(number);
                continue;
            }
            let (had, number_before) = (into.len(), into.next_number());
            let turn = (left > 0).then(|| self.turns.begin(number, left));
            match self.poll_member(number, turn.as_ref().map_or(0, |turn| turn.max), into) {
                // The items of the member so far are held.
                PollBatch::Ready if into.len() == had => passed_over.push(number),
                PollBatch::Ready => match turn {
                    Some(turn) => {
                        let items = into.next_number() - number_before;
                        self.turns.end(&turn, usize::try_from(items).unwrap_or(max));
                    }
                    None => self.admit(number),
                },
                PollBatch::Failed(failure) => {
                    self.admit(number);
                    let count = self.members.len();
                    break PollBatch::Failed(failure.map_index(|index| merged_index(index, count, number)));
                }
                PollBatch::Pending => self.set_state(number, State::Waiting),
                PollBatch::Quiescent => self.set_state(number, State::Quiescent),
                PollBatch::Exhausted => self.set_state(number, State::Ended),
            }
        };
        for number in passed_over {
            self.admit(number);
        }
        polled
    }

    fn needs_polling(&self) -> bool {
        debug_assert!(self.answers.are_of(self.members.iter().map(|member| &member.source)));
        self.answers.needs_polling()
    }

    fn computes(&self) -> bool {
        self.answers.computes()
    }

    fn is_queue(&self) -> bool {
        self.answers.is_queue()
    }

    fn upstream(&self) -> Links {
        let mut links = Links::default();
        for member in &self.members {
            links.append(member.source.upstream());
        }
        links
    }

    fn seal(&mut self) -> bool {
        let mut sealed = true;
        for number in 0..self.members.len() {
            if self.members[number].state == State::Ended {
                continue;
            }
            if self.members[number].source.seal() {
                self.set_state(number, State::Ended);
            } else {
                sealed = false;
                self.admit(number);
            }
            self.update(number);
        }
        sealed
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        let mut all = Poll::Ready(());
        for number in 0..self.members.len() {
            // The close replaces the waker of the member, and a kept source may be polled again.
            self.admit(number);
            let member = &mut self.members[number];
            if member.closed {
                continue;
            }
            let mut inner = Closed::default();
            let polled = member.source.poll_close(cx, &mut inner);
            member.closed = polled.is_ready();
            if polled.is_pending() {
                all = Poll::Pending;
            } else if !self.kept {
                // The drop of each value is reported separately.
                self.panicked.extend(catch(|| member.source.stop()).err());
            }
            self.pass_on(number, inner, closed);
        }
        self.update_all();
        let panicked = self.panicked.drain(..);
        closed.failures.extend(panicked.map(|payload| source_error(None, Cause::from_panic(payload))));
        all
    }

    fn close_now(&mut self, closed: &mut Closed<T>) {
        for number in 0..self.members.len() {
            let mut inner = Closed::default();
            self.members[number].source.close_now(&mut inner);
            self.pass_on(number, inner, closed);
        }
        self.update_all();
    }

    /// Every member ends at its failures itself.
    fn ends_at_failure(&self) -> bool {
        false
    }

    fn close_channels(&mut self) {
        for number in 0..self.members.len() {
            self.members[number].source.close_channels();
            // A closed receiver of tokio wakes no task.
            self.admit(number);
        }
        self.update_all();
    }

    fn release(&mut self) {
        self.for_each_source(Source::release);
    }

    fn stop(&mut self) {
        self.for_each_source(Source::stop);
    }

    /// The first panic is resumed, and the others are reported at the close.
    fn end_plain(&mut self) {
        let mut first = None;
        for number in 0..self.members.len() {
            let member = &mut self.members[number];
            let ended = match member.origin {
                Origin::Stage => catch(|| member.source.end_plain()),
                _ if member.state == State::Ended => continue,
                _ => {
                    member.origin = Origin::Halted;
                    member.source.complete_held();
                    if member.source.held() == 0 { self.end_halted(number) } else { Ok(()) }
                }
            };
            // A last turn, also for a member of a member.
            self.admit(number);
            match (ended, &mut first) {
                (Err(payload), None) => first = Some(payload),
                (Err(payload), Some(_)) => self.panicked.push(payload),
                (Ok(()), _) => {}
            }
        }
        self.update_all();
        resume(first);
    }

    fn complete_held(&mut self) {
        for number in 0..self.members.len() {
            self.members[number].source.complete_held();
            self.admit(number);
        }
        self.update_all();
    }

    fn keep(&mut self) {
        self.kept = true;
        for member in &mut self.members {
            member.source.keep();
        }
        self.update_all();
    }

    fn reopen(&mut self) -> bool {
        let mut open = false;
        for number in 0..self.members.len() {
            let member = &mut self.members[number];
            let halted = member.origin == Origin::Halted;
            if halted {
                member.origin = Origin::Plain;
            }
            if member.source.reopen() || halted {
                self.set_state(number, State::Waiting);
                self.admit(number);
                open = true;
            }
        }
        self.update_all();
        open
    }

    fn held(&self) -> usize {
        debug_assert!(self.answers.are_of(self.members.iter().map(|member| &member.source)));
        self.answers.held()
    }

    fn take_held(&mut self) -> VecDeque<Item<T>> {
        let count = self.members.len();
        let mut items = VecDeque::new();
        for (number, member) in self.members.iter_mut().enumerate() {
            items.extend(member.source.take_held().into_iter().map(|mut item| {
                item.position.index = merged_index(item.position.index, count, number);
                item
            }));
        }
        self.update_all();
        items.make_contiguous().sort_unstable_by_key(|item| item.position.seq);
        items
    }

    fn keeps(&self) -> bool {
        self.members.iter().any(|member| member.source.keeps())
    }

    /// Gives every item back to its member.
    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        let count = self.members.len();
        if count == 0 {
            return items;
        }
        let mut own: Vec<_> = self.members.iter().map(|_| VecDeque::new()).collect();
        for (index, item) in items {
            own[index % count].push_back((index / count, item));
        }
        let mut returned = VecDeque::new();
        for (number, items) in own.into_iter().enumerate() {
            if items.is_empty() {
                continue;
            }
            let member = &mut self.members[number];
            let rest = member.source.give_back(items);
            if rest.is_empty() {
                self.set_state(number, State::Waiting);
                self.admit(number);
            }
            returned.extend(rest.into_iter().map(|(index, item)| (merged_index(index, count, number), item)));
        }
        self.update_all();
        returned
    }
}

impl<T> Drop for MergedSource<T> {
    fn drop(&mut self) {
        // A sender may keep the waker of a member for long.
        let task = self.woken.take_task();
        resume(first_of(catch_each(task, drop), catch_each(self.members.drain(..), drop)));
    }
}
