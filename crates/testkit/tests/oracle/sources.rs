//! Every kind of source against a plain list, by itself and behind stages. Items are yielded in order as soon as they
//! arrive, a waiting reader is notified, and a cancelled wait loses no item.

mod gate;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use proptest::prelude::{Just, Strategy, any};
use proptest::{collection, prop_oneof, sample};
use towpath_pattern::{Failure, Kept, Run, Scope, Settings, Source, Taken, queue};

use self::gate::{Failing, Gate};
use crate::bell::{Deed, Parked};
use crate::cases::{self, Steps};
use crate::item::{Item, Items, NONE_PANICS};
use crate::waiting::Waiting;

/// A source, and the operations on the source.
#[derive(Clone, Debug)]
struct Case {
    form: Form,
    /// The number of items, the capacity of every channel, queue and stage of the source, and whether the source fails
    /// at its end.
    items: usize,
    capacity: usize,
    fails: bool,
    /// The number of stages behind the source.
    stages: usize,
    operations: Vec<Operation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Iterator,
    Stream,
    Fallible,
    Generated,
    TryGenerated,
    /// A generator whose items another task sends.
    SentByTask,
    Channel,
    Queue,
    Produced,
    /// Merged with a source without items.
    Merged,
    /// Chunks of the items that are ready, and the elements of the chunks.
    Chunks,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    /// This number of further items becomes ready.
    Come(usize),
    End,
    /// Polls for the next result, or polls again, with another waker or the same.
    Poll(bool),
    GiveUp,
    /// Drops the source, and continues with the kept source.
    Resume,
}

fn cases() -> impl Strategy<Value = Case> {
    let operation = prop_oneof![
        6 => (1_usize..4).prop_map(Operation::Come),
        1 => Just(Operation::End),
        12 => any::<bool>().prop_map(Operation::Poll),
        3 => Just(Operation::GiveUp),
        2 => Just(Operation::Resume),
    ];
    let forms = [
        Form::Iterator,
        Form::Stream,
        Form::Fallible,
        Form::Generated,
        Form::TryGenerated,
        Form::SentByTask,
        Form::Channel,
        Form::Queue,
        Form::Produced,
        Form::Merged,
        Form::Chunks,
    ];
    let stages = prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(2)];
    let operations = collection::vec(operation, 1..40);
    (sample::select(forms.to_vec()), 0_usize..16, 1_usize..4, any::<bool>(), stages, operations).prop_map(
        |(form, items, capacity, fails, stages, operations)| {
            let fails = fails && matches!(form, Form::Fallible | Form::TryGenerated);
            Case { form, items, capacity, fails, stages, operations }
        },
    )
}

#[test]
fn operations_on_a_source_match_the_model() {
    cases::all(2_000, &cases(), |case, steps| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let mut table = Table::new(&case, steps);
            settle().await;
            for operation in case.operations {
                table.operate(operation).await?;
            }
            table.go_to_end().await
        })
    });
}

/// Waits until no task can proceed. The clock is paused.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Starts a run that passes every item on unchanged.
fn hand_on(source: Source<Item>, capacity: usize) -> Run<Item> {
    let settings = Settings::new("hand on", 2).ordered().capacity(capacity);
    Run::spawn(Scope::default(), source, settings, |taken: Taken<Item, Item>| async move {
        let (item, running) = taken.start();
        running.complete(Ok(item))
    })
}

/// Creates the source of a case. A separate task sends the items to a channel, a queue or a generator.
fn source(case: &Case, gate: Gate) -> Source<Item> {
    let (capacity, fails) = (case.capacity, case.fails);
    match case.form {
        Form::Iterator => {
            let items = gate.items();
            Source::new((0..case.items).map(move |_| items.make(NONE_PANICS)))
        }
        Form::Stream => Source::new(gate),
        Form::Merged => Source::merge([Source::new([]), Source::new(gate)]),
        Form::Chunks => Source::new(gate).chunks(capacity, Duration::ZERO).flatten(),
        Form::Fallible => Source::try_stream(Failing(gate, fails)),
        Form::Generated => Source::generate(|out| async move {
            while let Some(item) = gate.next().await {
                out.send(item).await;
            }
        }),
        Form::TryGenerated => Source::try_generate(move |out| async move {
            while let Some(item) = gate.next().await {
                out.send(item).await;
            }
            ensure!(!fails, "the end is missing");
            Ok(())
        }),
        Form::SentByTask => Source::try_generate(move |out| async move {
            let sending = tokio::spawn(async move {
                while let Some(item) = gate.next().await {
                    out.send(item).await;
                }
            });
            Ok(sending.await?)
        }),
        Form::Channel => {
            let (sender, source) = Source::channel(capacity);
            tokio::spawn(async move {
                while let Some(item) = gate.next().await {
                    if sender.send(item).await.is_err() {
                        return;
                    }
                }
            });
            source
        }
        Form::Queue => {
            let (producer, consumer) = queue::bounded(capacity);
            tokio::spawn(async move {
                while let Some(item) = gate.next().await {
                    if producer.send(item).await.is_err() {
                        return;
                    }
                }
            });
            Source::new(consumer)
        }
        Form::Produced => {
            let (producer, consumer) = queue::bounded(capacity);
            let put = move |taken: Taken<Item, ()>| {
                let producer = producer.from_input(taken.index());
                async move {
                    let (item, running) = taken.start();
                    let put = producer.send(item).await;
                    running.complete(put.map_err(|_| anyhow!("the queue is closed")))
                }
            };
            let producers =
                Run::spawn_discarding(Scope::default(), Source::new(gate), Settings::new("put", 1), put);
            Source::produced(producers, consumer)
        }
    }
}

type Next = (Source<Item>, Option<Option<Result<Item, Failure>>>);

struct Table {
    source: Option<Source<Item>>,
    kept: Kept<Item>,
    waiting: Option<(Waiting<Next>, Parked)>,
    gate: Gate,
    items: Items,
    taken: usize,
    form: Form,
    stages: usize,
    /// The failure of the source is still to come.
    to_fail: bool,
    over: bool,
    deed: Deed,
    steps: Steps,
}

impl Table {
    fn new(case: &Case, steps: Steps) -> Self {
        let items = Items::default();
        let given = case.form == Form::Iterator;
        let gate = Gate::new(items.clone(), case.items);
        if given {
            gate.open(case.items, true);
        }
        let mut source = source(case, gate.clone());
        for _ in 0..case.stages {
            source = Source::new(hand_on(source, case.capacity));
        }
        let fails = if case.fails { " that fails at its end" } else { "" };
        steps.begin(format!(
            "a source {:?} of {} items{fails}, behind {} stages",
            case.form, case.items, case.stages
        ));
        let (source, kept) = source.kept();
        Self {
            source: Some(source),
            kept,
            waiting: None,
            gate,
            items,
            taken: 0,
            to_fail: case.fails,
            form: case.form,
            stages: case.stages,
            over: false,
            deed: Arc::new(|_| {}),
            steps,
        }
    }

    async fn operate(&mut self, operation: Operation) -> Result<()> {
        match operation {
            Operation::Come(more) => {
                self.steps.begin(format!("{more} more come"));
                self.gate.open(more, false);
            }
            Operation::End => {
                self.steps.begin("no more come".to_owned());
                self.gate.open(0, true);
            }
            Operation::Poll(other) => self.poll(other)?,
            Operation::GiveUp => self.give_up()?,
            Operation::Resume => {
                self.give_up()?;
                self.steps.begin("the source is dropped, and the kept source continues".to_owned());
                drop(self.source.take());
                let rest = self.kept.take().ok_or_else(|| anyhow!("nothing was kept"))?;
                let (source, kept) = rest.kept();
                (self.source, self.kept) = (Some(source), kept);
            }
        }
        settle().await;
        self.check()
    }

    /// Polls for the next result: an item, the failure, the end, or pending.
    fn poll(&mut self, other: bool) -> Result<()> {
        let waker = if other { " with another waker" } else { "" };
        self.steps.begin(format!("the next is asked for{waker}"));
        let (mut waiting, mut parked, before) = match (self.waiting.take(), self.source.take()) {
            (Some((waiting, parked)), _) if !other => (waiting, parked, None),
            (Some((waiting, parked)), _) => (waiting, Parked::new(&self.deed), Some(parked)),
            (None, Some(mut source)) => {
                let next = Waiting::new(|gives_up| async move {
                    let next = gives_up.or(source.next()).await;
                    (source, next)
                });
                (next, Parked::new(&self.deed), None)
            }
            (None, None) => bail!("the source is nowhere"),
        };
        let polled = parked.poll(|cx| waiting.poll(cx));
        drop(before);
        let Poll::Ready((source, next)) = polled else {
            self.waiting = Some((waiting, parked));
            // An item that another task sends arrives after the first poll. The waiting reader is notified then.
            return self.came("nothing yet", self.form == Form::SentByTask || !self.is_something_there());
        };
        self.source = Some(source);
        match next.flatten() {
            Some(Ok(item)) => {
                let (number, expected) = (item.number as usize, self.taken);
                let there = !self.over && self.taken < self.gate.come();
                self.taken += 1;
                self.came(format_args!("item {number}"), there && number == expected)
            }
            Some(Err(failure)) => {
                // The failure stops a stage, so the items on the way to the stage are dropped.
                let on_time = self.to_fail && self.is_at_end() && (self.stages > 0 || self.is_all_taken());
                (self.to_fail, self.over) = (false, true);
                self.came(format_args!("the failure {failure:#}"), on_time)
            }
            None => {
                let on_time = self.over || !self.to_fail && self.is_at_end() && self.is_all_taken();
                self.over = true;
                self.came("the end", on_time)
            }
        }
    }

    fn give_up(&mut self) -> Result<()> {
        let Some((waiting, parked)) = self.waiting.take() else { return Ok(()) };
        self.steps.begin("the wait for the next is dropped".to_owned());
        let (source, next) = waiting.give_up();
        self.source = Some(source);
        drop(parked);
        ensure!(next.is_none(), "a result came to a dropped wait");
        Ok(())
    }

    fn is_at_end(&self) -> bool {
        self.gate.is_ended()
    }

    fn is_all_taken(&self) -> bool {
        self.taken == self.gate.come()
    }

    /// Returns whether an item, the failure or the end is ready.
    fn is_something_there(&self) -> bool {
        self.over || self.is_at_end() || !self.is_all_taken()
    }

    fn check(&self) -> Result<()> {
        let sleeps = self.waiting.as_ref().is_some_and(|(_, parked)| !parked.was_called());
        ensure!(!sleeps || !self.is_something_there(), "the reader sleeps, and a result is there");
        Ok(())
    }

    async fn go_to_end(mut self) -> Result<()> {
        self.operate(Operation::Come(usize::MAX)).await?;
        self.operate(Operation::End).await?;
        for _ in 0..100 {
            if self.over {
                break;
            }
            self.operate(Operation::Poll(false)).await?;
        }
        ensure!(self.over, "the end does not come");
        self.operate(Operation::Poll(false)).await?;
        let Self { source, kept, items, .. } = self;
        drop((source, kept.take(), kept));
        settle().await;
        items.each_was_dropped_once()
    }

    fn came(&self, what: impl std::fmt::Display, right: bool) -> Result<()> {
        ensure!(right, "{what} came, after {} items", self.taken);
        self.steps.came(what);
        Ok(())
    }
}
