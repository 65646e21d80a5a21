//! Observers that check the calls of the engine, and observers that panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use towpath_pattern::{Ended, ItemInfo, Observer, Outcome, RunInfo, RunObserver};

/// The observations against the contract of an observer or of a limiter, of all runs of a subject.
#[derive(Clone, Debug, Default)]
pub struct Broken(Arc<Mutex<Vec<String>>>);

impl Broken {
    pub fn push(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Checks that every taken item is completed once, and the order of the calls.
#[derive(Clone)]
pub struct Checking(pub Broken);

impl Observer for Checking {
    type Run = CheckingRun;

    fn observe(&self, _: &RunInfo) -> Option<CheckingRun> {
        Some(CheckingRun { broken: self.0.clone(), in_stage: Arc::default(), ended: AtomicUsize::new(0) })
    }
}

pub struct CheckingRun {
    broken: Broken,
    in_stage: Arc<AtomicUsize>,
    ended: AtomicUsize,
}

/// An item from its take to its end.
pub struct Checked {
    index: usize,
    is_started: bool,
}

impl RunObserver for CheckingRun {
    type Item = Checked;

    fn taken(&self, item: ItemInfo) -> Checked {
        self.in_stage.fetch_add(1, Ordering::SeqCst);
        Checked { index: item.index, is_started: false }
    }

    fn started(&self, item: &mut Checked, _: Duration) {
        if std::mem::replace(&mut item.is_started, true) {
            self.broken.push(format!("item {} was started twice", item.index));
        }
    }

    fn completed(&self, item: Checked, ended: Ended) {
        self.in_stage.fetch_sub(1, Ordering::SeqCst);
        let Checked { index, is_started } = item;
        if ended.ran.is_some() != is_started {
            self.broken.push(format!("item {index} ran for {:?}, and was started: {is_started}", ended.ran));
        }
        let may_start = ended.outcome != Outcome::GivenBack;
        let must_start = matches!(ended.outcome, Outcome::Succeeded);
        if is_started && !may_start || must_start && !is_started {
            self.broken.push(format!("item {index} was started: {is_started}, and ended as {ended:?}"));
        }
        if self.ended.load(Ordering::SeqCst) > 0 {
            self.broken.push(format!("item {index} was completed after the end of the run"));
        }
    }

    fn ended(&self) {
        let (before, left) =
            (self.ended.fetch_add(1, Ordering::SeqCst), self.in_stage.load(Ordering::SeqCst));
        if before > 0 || left > 0 {
            self.broken.push(format!("the run ended {before} times before, with {left} items left"));
        }
    }
}

/// Panics in the third call of one of its methods. Every run panics in the next method.
#[derive(Clone, Default)]
pub struct Panicking(Arc<AtomicUsize>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Observe,
    Taken,
    Started,
    BeforePoll,
    AfterPoll,
    Completed,
    Ended,
}

const METHODS: [Method; 7] = [
    Method::Observe,
    Method::Taken,
    Method::Started,
    Method::BeforePoll,
    Method::AfterPoll,
    Method::Completed,
    Method::Ended,
];

pub struct PanickingRun {
    method: Method,
    calls: AtomicUsize,
}

impl PanickingRun {
    fn call(&self, method: Method) {
        if method == self.method {
            let third = self.calls.fetch_add(1, Ordering::Relaxed) == 2 || method == Method::Ended;
            assert!(!third, "on purpose: an observer");
        }
    }
}

impl Observer for Panicking {
    type Run = PanickingRun;

    fn observe(&self, _: &RunInfo) -> Option<PanickingRun> {
        let method = METHODS[self.0.fetch_add(1, Ordering::Relaxed) % METHODS.len()];
        assert!(method != Method::Observe, "on purpose: an observer");
        Some(PanickingRun { method, calls: AtomicUsize::new(0) })
    }
}

impl RunObserver for PanickingRun {
    type Item = ();

    fn taken(&self, _: ItemInfo) {
        self.call(Method::Taken);
    }

    fn started(&self, (): &mut (), _: Duration) {
        self.call(Method::Started);
    }

    fn around_poll(&self, (): &mut (), poll: &mut dyn FnMut()) {
        self.call(Method::BeforePoll);
        poll();
        self.call(Method::AfterPoll);
    }

    fn completed(&self, (): (), _: Ended) {
        self.call(Method::Completed);
    }

    fn ended(&self) {
        self.call(Method::Ended);
    }
}
