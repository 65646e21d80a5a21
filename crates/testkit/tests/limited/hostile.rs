//! Limiters that fail, that panic in any place, and keys whose hash, comparison or drop panics: in every pattern, no
//! item and no permit is lost, after any kind of end.

use std::collections::BTreeSet;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use libtest_mimic::Trial;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use towpath_fanout::Fanout;
use towpath_limit::per_key;
use towpath_pattern::{Kept, Limiter, OnFailure, Pattern, Report, Run, Scope, Source, anyhow};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::WithPermit;

use crate::kinds::{Erased, Permits};
use crate::patterns::Form;

/// The number of items. Every seventh item is faulty.
const ITEMS: u32 = 60;

fn is_faulty(item: u32) -> bool {
    item % 7 == 3
}

/// The fault of a faulty item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Error,
    InAcquire,
    InPoll,
    InLaterPoll,
    InDropOfFuture,
    InStarted,
    InDropOfPermit,
    /// The remaining faults are of the key of the item.
    InHash,
    InEq,
    InDropOfKey,
}

const FAULTS: [Fault; 10] = [
    Fault::Error,
    Fault::InAcquire,
    Fault::InPoll,
    Fault::InLaterPoll,
    Fault::InDropOfFuture,
    Fault::InStarted,
    Fault::InDropOfPermit,
    Fault::InHash,
    Fault::InEq,
    Fault::InDropOfKey,
];

impl Fault {
    fn is_of_a_key(self) -> bool {
        matches!(self, Self::InHash | Self::InEq | Self::InDropOfKey)
    }

    /// The job of a faulty item may run: the fault comes with the end of the job, or only if an equal key is in use.
    fn may_start(self) -> bool {
        matches!(self, Self::InDropOfPermit | Self::InEq | Self::InDropOfKey)
    }
}

/// Panics in the drop, if the flag is set.
#[derive(Default)]
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "on purpose: a drop");
    }
}

/// A future that panics in its drop, after its end: a permit in a local value of the future would be lost in the panic.
struct DropsLate<F> {
    acquiring: Pin<Box<F>>,
    _bomb: Bomb,
}

impl<F: Future> Future for DropsLate<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.acquiring.as_mut().poll(cx)
    }
}

/// A limiter that fails for the faulty items. The number of permits that are out is counted.
#[derive(Clone)]
struct Faulty<const PER_ITEM: bool> {
    fault: Fault,
    out: Arc<AtomicUsize>,
}

struct FaultyPermit {
    out: Arc<AtomicUsize>,
    in_started: bool,
    _bomb: Bomb,
}

impl Drop for FaultyPermit {
    fn drop(&mut self) {
        self.out.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<const PER_ITEM: bool> Limiter<u32> for Faulty<PER_ITEM> {
    type Permit = FaultyPermit;

    const PER_ITEM: bool = PER_ITEM;

    fn acquire(
        &self,
        item: &u32,
    ) -> impl Future<Output = anyhow::Result<FaultyPermit>> + Send + 'static + use<PER_ITEM> {
        let (fault, out, is_faulty) = (self.fault, Arc::clone(&self.out), is_faulty(*item));
        let meets = move |of: Fault| is_faulty && fault == of;
        assert!(!meets(Fault::InAcquire), "on purpose: acquire");
        let acquiring = async move {
            if meets(Fault::Error) {
                anyhow::bail!("on purpose: no permit");
            }
            assert!(!meets(Fault::InPoll), "on purpose: a poll");
            yield_now().await;
            assert!(!meets(Fault::InLaterPoll), "on purpose: a later poll");
            out.fetch_add(1, Ordering::SeqCst);
            let in_started = meets(Fault::InStarted);
            Ok(FaultyPermit { out, in_started, _bomb: Bomb(meets(Fault::InDropOfPermit)) })
        };
        DropsLate { acquiring: Box::pin(acquiring), _bomb: Bomb(meets(Fault::InDropOfFuture)) }
    }

    fn started(&self, permit: &mut FaultyPermit) {
        assert!(!permit.in_started, "on purpose: started");
    }
}

/// The key of an item, equal to the keys of every third item.
struct Key {
    key: u32,
    /// `None` without a fault.
    fault: Option<Fault>,
}

impl Key {
    fn of(item: u32, fault: Fault) -> Self {
        Self { key: item % 3, fault: is_faulty(item).then_some(fault) }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(self.fault != Some(Fault::InHash), "on purpose: a hash");
        self.key.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // The key of the table is the left side, and may be a faulty key.
        assert!(other.fault != Some(Fault::InEq), "on purpose: a comparison");
        self.key == other.key
    }
}

impl Eq for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        assert!(self.fault != Some(Fault::InDropOfKey), "on purpose: the drop of a key");
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Finish,
    Cancel,
    CancelScope,
    Deadline,
    Drop,
}

const ENDINGS: [Ending; 5] =
    [Ending::Finish, Ending::Cancel, Ending::CancelScope, Ending::Deadline, Ending::Drop];

/// The permits of a run: the permits of the faulty limiter, and the permits of the limiter in front of it.
struct Limits {
    fault: Fault,
    out: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
    keys: Box<dyn Fn() -> usize + Send + Sync>,
}

type Made = (Box<dyn Pattern<u32, Out = u32>>, Limits);

macro_rules! limited_by {
    ($pattern:expr, $in_slot:expr, $first:expr, $faulty:expr) => {
        if $in_slot {
            let (first, faulty): (Erased<u32, false>, Erased<u32, false>) = ($first.0, $faulty.0);
            Box::new($pattern.limited_by(&first).limited_by(&faulty)) as Box<dyn Pattern<u32, Out = u32>>
        } else {
            let (first, faulty): (Erased<u32, true>, Erased<u32, true>) = ($first.1, $faulty.1);
            Box::new($pattern.limited_by(&first).limited_by(&faulty))
        }
    };
}

/// A pattern under a sound limiter and a faulty limiter, and the items whose jobs have started.
fn make(
    form: Form,
    fault: Fault,
    in_slot: bool,
    on_failure: OnFailure,
    started: &Arc<Mutex<Vec<u32>>>,
) -> Made {
    let out = Arc::new(AtomicUsize::new(0));
    let permits = Arc::new(Semaphore::new(3));
    let sound = per_key(2, |item: &u32| item % 2);
    let keyed = per_key(1, move |item: &u32| Key::of(*item, fault));
    let (of_sound, of_keyed) = (sound.clone(), keyed.clone());
    let keys = Box::new(move || of_sound.keys() + of_keyed.keys());
    let first = (Erased::new(Permits(Arc::clone(&permits))), Erased::new(sound));
    let in_slot_fault = Faulty::<false> { fault, out: Arc::clone(&out) };
    let faulty = if fault.is_of_a_key() {
        Erased::new(keyed)
    } else {
        Erased::new(Faulty::<true> { fault, out: Arc::clone(&out) })
    };
    let faulty = (Erased::new(in_slot_fault), faulty);
    let started = Arc::clone(started);
    let job = move |item: u32| {
        started.lock().unwrap().push(item);
        async move {
            for _ in 0..item % 3 {
                yield_now().await;
            }
            Ok(item)
        }
    };
    let pattern = match form {
        Form::Fanout => {
            limited_by!(Fanout::new(4, job).capacity(6).on_failure(on_failure), in_slot, first, faulty)
        }
        Form::Pipeline => {
            limited_by!(Pipeline::new(4, job).capacity(6).on_failure(on_failure), in_slot, first, faulty)
        }
        Form::ProducerConsumer => limited_by!(
            ProducerConsumer::items().consumers(4, job).capacity(6).on_failure(on_failure),
            in_slot,
            first,
            faulty
        ),
        Form::Resource => {
            let nothing = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
            let job = move |(held, item): (ResourceGuard<()>, u32)| {
                let job = job(item);
                async move {
                    let _held = held;
                    job.await
                }
            };
            limited_by!(
                WithResource::new(4, nothing, job).capacity(6).on_failure(on_failure),
                in_slot,
                first,
                faulty
            )
        }
        Form::LimitedProducers | Form::SharedByStages => unreachable!("no form of this test"),
        Form::Semaphore => limited_by!(
            WithPermit::new(4, &towpath_semaphore::Semaphore::new(4), job).capacity(6).on_failure(on_failure),
            in_slot,
            first,
            faulty
        ),
    };
    (pattern, Limits { fault, out, permits, keys })
}

async fn end(
    mut run: Run<u32>,
    scope: &Scope,
    ending: Ending,
    outputs: usize,
) -> (Vec<u32>, Vec<u32>, Option<Report>) {
    let (mut yielded, mut failed) = (Vec::new(), Vec::new());
    let mut take = |outcome: Result<u32, towpath_pattern::Failure>| match outcome {
        Ok(item) => yielded.push(item),
        Err(failure) => failed.extend(failure.index().map(|index| u32::try_from(index).expect("an item"))),
    };
    if ending != Ending::Finish {
        for _ in 0..outputs {
            match run.next().await {
                Some(outcome) => take(outcome),
                None => break,
            }
        }
    }
    match ending {
        Ending::Finish => {}
        Ending::Cancel => run.cancel(),
        Ending::CancelScope => scope.cancel(),
        Ending::Deadline => tokio::time::advance(std::time::Duration::from_secs(2)).await,
        Ending::Drop => {
            drop(run);
            return (yielded, failed, None);
        }
    }
    while let Some(outcome) = run.next().await {
        take(outcome);
    }
    let report = run.finish().await;
    failed.extend(
        report.failures.iter().filter_map(|failure| Some(u32::try_from(failure.index()?).expect("an item"))),
    );
    (yielded, failed, Some(report))
}

async fn rest(kept: &Kept<u32>) -> Vec<u32> {
    let mut source = kept.take().expect("the run is over");
    let mut items = Vec::new();
    while let Some(item) = source.next().await {
        items.push(item.expect("no failure"));
    }
    items
}

async fn conserves(
    form: Form,
    fault: Fault,
    in_slot: bool,
    on_failure: OnFailure,
    ending: Ending,
    outputs: usize,
) -> Result<(), String> {
    let started: Arc<Mutex<Vec<u32>>> = Arc::default();
    let (pattern, limits) = make(form, fault, in_slot, on_failure, &started);
    let mut scope = Scope::new("hostile");
    if ending == Ending::Deadline {
        scope = scope.with_timeout(std::time::Duration::from_secs(1));
    }
    let (source, kept) = Source::new(0..ITEMS).kept();
    let run = pattern.start(source, scope.clone());
    let (yielded, failed, report) = end(run, &scope, ending, outputs).await;
    let closed = scope.wait().await;
    let rest = rest(&kept).await;
    let started = started.lock().unwrap().clone();
    // No permit and no key is left.
    let (out, free) = (limits.out.load(Ordering::SeqCst), limits.permits.available_permits());
    if (out, free, (limits.keys)()) != (0, 3, 0) {
        return Err(format!("{out} permits and {} keys are out, and {free} of 3 are free", (limits.keys)()));
    }
    // No item is lost or occurs twice: an item is started, refused by a limiter, or returned.
    for items in [&yielded, &started, &rest] {
        if items.iter().collect::<BTreeSet<_>>().len() != items.len() {
            return Err(format!("an item is there twice in {items:?}"));
        }
    }
    if !rest.is_sorted() {
        return Err(format!("the items came back as {rest:?}"));
    }
    if let Some(both) = rest.iter().find(|item| started.contains(item)) {
        return Err(format!("item {both} was started, and returned"));
    }
    let known = |item: &u32| started.contains(item) || rest.contains(item) || is_faulty(*item);
    // The items between two stages do not come back.
    let one_stage = form != Form::ProducerConsumer;
    if let Some(lost) = (0..ITEMS).find(|item| !known(item)).filter(|_| one_stage) {
        return Err(format!("item {lost} is neither started nor returned, and no limiter refused it"));
    }
    if let Some(report) = &report {
        for stage in &report.stages {
            let counts = &stage.counts;
            if counts.taken != counts.settled() || counts.running + counts.waiting() > 0 {
                return Err(format!("the counts of `{}` do not add up: {counts}", stage.stage));
            }
        }
        let counts = report.last();
        let kept = rest.len() + counts.taken - counts.never_started;
        if one_stage && kept != ITEMS as usize {
            return Err(format!("{kept} items were started, refused or returned: {report}"));
        }
    }
    // Under `Continue` and without a stop, every faulty item has one failure, and no other item has a failure.
    if on_failure == OnFailure::Continue && ending == Ending::Finish {
        let wanted: Vec<_> = (0..ITEMS).filter(|item| is_faulty(*item)).collect();
        let mut failed = failed.clone();
        failed.sort_unstable();
        failed.dedup();
        let is_right = match fault {
            // The drop of a key may come with the last permit of an equal, sound item.
            Fault::InDropOfKey => !failed.is_empty(),
            Fault::InEq => failed.iter().all(|item| wanted.contains(item)) && !failed.is_empty(),
            _ => failed == wanted,
        };
        if !is_right {
            return Err(format!("the failures are of the items {failed:?}, not {wanted:?}"));
        }
    }
    if let Some(wrong) = started.iter().find(|item| is_faulty(**item) && !limits.fault.may_start()) {
        return Err(format!("the job of item {wrong} started without a permit"));
    }
    drop(closed);
    Ok(())
}

/// A trial for every pattern and every fault.
pub fn trials() -> impl Iterator<Item = Trial> {
    let forms =
        [Form::Fanout, Form::Pipeline, Form::ProducerConsumer, Form::Resource, Form::Semaphore].into_iter();
    forms.map(|form| {
        Trial::test(format!("hostile::{form:?}").to_lowercase(), move || {
            std::panic::set_hook(Box::new(|_| {}));
            let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
            for fault in FAULTS {
                for in_slot in [false, true] {
                    if in_slot && fault.is_of_a_key() {
                        continue;
                    }
                    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
                        for ending in ENDINGS {
                            for outputs in if ending == Ending::Finish { 0..1 } else { 0..12 } {
                                let outcome = runtime.block_on(conserves(
                                    form, fault, in_slot, on_failure, ending, outputs,
                                ));
                                outcome.map_err(|what| {
                                    format!(
                                        "{what} ({fault:?}, in a slot: {in_slot}, {on_failure:?}, {ending:?} after \
                                         {outputs} outputs)"
                                    )
                                })?;
                            }
                        }
                    }
                }
            }
            Ok(())
        })
    })
}
