//! The spans of the jobs, seen by a subscriber.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_observe::Spans;
use towpath_semaphore::{Semaphore, WithPermit};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn subscribe(&self) -> DefaultGuard {
        tracing::subscriber::set_default(Registry::default().with(self.clone()))
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        let new = context.span(id).unwrap();
        let parent = new.parent().map_or("none", |parent| parent.name());
        self.push(format!("new {}{} under {parent}", new.name(), fields.0));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        self.push(format!("record{}", fields.0));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let span = context.event_span(event);
        self.push(format!("event{} in {}", fields.0, span.map_or("none", |span| span.name())));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.push(format!("close {}", context.span(&id).unwrap().name()));
    }
}

struct Noisy;

impl Drop for Noisy {
    fn drop(&mut self) {
        info!("dropped");
    }
}

async fn job(n: u64) -> anyhow::Result<u64> {
    let _noisy = Noisy;
    info!("first");
    sleep(Duration::from_secs(1)).await;
    info!("second");
    anyhow::ensure!(n != 1, "on purpose");
    Ok(n)
}

const FIRST: &str = "event message=first in job";
const SECOND: &str = "event message=second in job";
const DROPPED: &str = "event message=dropped in job";

#[tokio::test(start_paused = true)]
async fn every_poll_of_a_job_is_in_its_span() {
    let log = Log::default();
    let _guard = log.subscribe();
    let fetch = Fanout::new(1, job).named("fetch").on_failure(OnFailure::Continue);
    fetch.observed(Spans::new()).run([0, 1]).finish().await;
    let expected = [
        "new job stage=\"fetch\" index=0 under none",
        FIRST,
        SECOND,
        DROPPED,
        "record outcome=\"succeeded\"",
        "close job",
        "new job stage=\"fetch\" index=1 under none",
        FIRST,
        SECOND,
        DROPPED,
        "record outcome=\"errored\"",
        "close job",
    ];
    assert_eq!(log.take(), expected);
}

/// The span begins after the wait, and has the first poll of the job, also if the permit was free.
#[tokio::test(start_paused = true)]
async fn span_under_a_permit_has_the_first_poll() {
    let log = Log::default();
    let _guard = log.subscribe();
    let one = Semaphore::new(1);
    WithPermit::new(2, &one, job).observed(Spans::new()).run([0, 2]).finish().await;
    let calls = log.take();
    assert_eq!(calls[1..3], [FIRST, SECOND], "the job without a permit has no span yet");
    assert!(calls.iter().all(|call| !call.ends_with("in none")), "{calls:#?}");
}

/// The drop of a cancelled job is in the span of the job.
#[tokio::test(start_paused = true)]
async fn cancelled_job_is_dropped_in_its_span() {
    let log = Log::default();
    let _guard = log.subscribe();
    let run = Fanout::new(1, job).observed(Spans::new()).run([0]);
    sleep(Duration::from_millis(500)).await;
    run.cancel();
    run.finish().await;
    assert_eq!(log.take()[1..], [FIRST, DROPPED, "record outcome=\"cancelled\"", "close job"]);
}

/// The caller's span is the parent only on request. Otherwise the run does not keep the caller's span open.
#[tokio::test(start_paused = true)]
async fn parent_is_inherited_only_on_request() {
    for (spans, parent) in [(Spans::new(), "none"), (Spans::inheriting(), "request")] {
        let log = Log::default();
        let _guard = log.subscribe();
        let request = info_span!("request");
        let run = request.in_scope(|| Fanout::new(1, job).observed(spans).run([0]));
        drop(request);
        run.finish().await;
        let calls = log.take();
        assert!(calls.contains(&format!("new job stage=\"fanout\" index=0 under {parent}")), "{calls:#?}");
        let closed = calls.iter().position(|call| call == "close request").unwrap();
        let ended = calls.iter().position(|call| call == "close job").unwrap();
        assert_eq!(closed > ended, parent == "request", "{calls:#?}");
    }
}
