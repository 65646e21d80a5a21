//! The error of a job in a log, and the downcast of a failure to the type of the error.

use std::error::Error;
use std::fmt::{self, Write};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thiserror::Error;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use towpath_pattern::anyhow::Context;
use towpath_pattern::{
    Cause, Counts, Failure, Job, Pattern, PatternExt, Report, Run, Scope, Settings, Source, StageReport,
    TimedOut, anyhow,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use super::run_in;

/// The error of a job.
#[derive(Debug, Error, PartialEq)]
#[error("no page {0}")]
struct NoPage(u64);

/// The error of a caller of a run.
#[derive(Debug, Error)]
#[error("the import stopped")]
struct ImportError(#[from] Failure);

/// The error of a job around an error of tokio.
#[derive(Debug, Error)]
enum HashError {
    #[error("the hash broke")]
    Broken(#[from] tokio::task::JoinError),
    #[error("the hash is late")]
    Late(#[from] tokio::time::error::Elapsed),
}

const ONE_LINE: &str = "item 0 at stage `fetch` failed: no answer: no page 7";

/// Runs a job that fails with `error`, and returns the failure and the counts of the run.
async fn run_with(error: anyhow::Error) -> (Failure, Counts) {
    let error = Mutex::new(Some(error));
    let job = move |_: u64| {
        let error = error.lock().expect("no panic").take().expect("one item");
        async move { Err::<u64, _>(error) }
    };
    failed(run_in(&Scope::default(), [0], Settings::new("fetch", 1), job)).await
}

async fn failed<Out: Send + 'static>(mut run: Run<Out>) -> (Failure, Counts) {
    let failure = loop {
        match run.next().await.expect("a failure") {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    let report = run.finish().await;
    assert!(report.failures.is_empty(), "{report}");
    (failure, *report.last())
}

async fn failure() -> Failure {
    run_with(anyhow::Error::from(NoPage(7)).context("no answer")).await.0
}

/// Returns the text of an error and of all its sources.
fn texts(error: &(dyn Error + 'static)) -> Vec<String> {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect()
}

#[tokio::test]
async fn failure_in_anyhow_shows_each_text_once() {
    let error = anyhow::Error::from(failure().await);
    assert_eq!(format!("{error:#}"), ONE_LINE);
    let found = error.chain().find_map(|link| link.downcast_ref::<NoPage>());
    assert_eq!(found, Some(&NoPage(7)));

    // The format with which `main` prints an error.
    let printed = format!("{error:?}");
    assert!(printed.starts_with("item 0 at stage `fetch` failed\n\nCaused by:\n"), "{printed}");
    assert_eq!(printed.matches("no page 7").count(), 1, "{printed}");
}

#[tokio::test]
async fn failure_in_thiserror_shows_each_text_once() {
    let fails = async || -> Result<(), ImportError> { Err(failure().await)? };
    let error = fails().await.expect_err("the job failed");
    let expected = ["the import stopped", "item 0 at stage `fetch` failed", "no answer", "no page 7"];
    assert_eq!(texts(&error), expected);
}

#[tokio::test]
async fn failure_by_itself_shows_its_chain_on_one_line() {
    let failure = failure().await;
    assert_eq!(failure.to_string(), "item 0 at stage `fetch` failed");
    assert_eq!(format!("{failure:#}"), ONE_LINE);
    assert_eq!(format!("{failure:?}"), format!("Failure({ONE_LINE})"));
    let cause = failure.into_cause();
    assert_eq!(
        (cause.to_string(), format!("{cause:#}")),
        ("no answer".into(), "no answer: no page 7".into())
    );
}

/// Writes the fields of every event as a log does: an error with its sources.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        writeln!(self.0.lock().expect("no panic"), "{field}={value:?}").expect("a string");
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{}", texts(value).join(": ")));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn failure_in_a_tracing_field_shows_each_text_once() {
    let (failure, log) = (failure().await, Log::default());
    tracing::subscriber::with_default(log.clone(), || {
        tracing::error!(error = &failure as &dyn Error);
        tracing::error!(line = %format_args!("{failure:#}"), debug = ?failure);
    });
    let expected = format!("error={ONE_LINE}\nline={ONE_LINE}\ndebug=Failure({ONE_LINE})\n");
    assert_eq!(*log.0.lock().expect("no panic"), expected);
}

#[tokio::test]
async fn failure_in_a_report_shows_each_text_once() {
    let mut report = Report::default();
    report.stages.push(StageReport::new("fetch", Counts::default()));
    report.failures.push(failure().await);
    assert!(report.to_string().ends_with(&format!(": {ONE_LINE}")), "{report}");
    assert_eq!(report.to_string().matches("no page 7").count(), 1, "{report}");
}

/// The error is below contexts, and one of the contexts is an error, too.
#[tokio::test]
async fn downcast_finds_an_error_below_contexts() {
    let error = Err::<(), _>(io::Error::other(NoPage(1)));
    let error = error.context("first").context(NoPage(7)).context("last").expect_err("it failed");
    let (failure, _) = run_with(error).await;
    assert_eq!(failure.downcast_ref(), Some(&NoPage(7)));
    assert!(failure.downcast_ref::<io::Error>().is_some());
    assert!(failure.downcast_ref::<ImportError>().is_none());
}

/// A pattern of one stage.
struct Stage<J>(Arc<J>);

impl<In: Send + 'static, J: Job<In>> Pattern<In> for Stage<J> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        Run::spawn(scope, input, Settings::new("stage", 2), Arc::clone(&self.0))
    }
}

fn stage<In: Send + 'static, J: Job<In>>(job: J) -> Stage<J> {
    Stage(Arc::new(job))
}

async fn no_page(item: u64) -> anyhow::Result<u64> {
    Err(NoPage(item)).context("no answer")
}

#[tokio::test]
async fn downcast_finds_an_error_through_then() {
    let forward = |item: u64| async move { Ok(item) };
    let (failure, _) = failed(stage(no_page).then(stage(forward)).run([7])).await;
    assert_eq!((failure.index(), failure.downcast_ref()), (Some(0), Some(&NoPage(7))));
}

/// An inner run in an inner run, with contexts on the way and an error type around a failure.
#[tokio::test]
async fn downcast_finds_an_error_through_inner_runs() {
    let inner = |item: u64| async move { stage(no_page).run([item]).collect().await.context("inner") };
    let outer = move |item: u64| async move {
        let result = stage(inner).run([item]).collect().await;
        result.map_err(ImportError::from).context("outer")
    };
    let (failure, counts) = failed(stage(outer).run([7])).await;
    assert_eq!(failure.downcast_ref(), Some(&NoPage(7)));
    assert!(failure.downcast_ref::<ImportError>().is_some());
    assert_eq!((counts.errored, counts.panicked, counts.timed_out), (1, 0, 0));
    let line = format!("{failure:#}");
    assert_eq!(
        line,
        "item 0 at stage `stage` failed: outer: the import stopped: item 0 at stage `stage` failed: inner: \
         item 0 at stage `stage` failed: no answer: no page 7"
    );
}

fn panicked_with(failure: &Failure) -> Option<&str> {
    match failure.cause() {
        Cause::Panicked(panic) => Some(panic.message()),
        _ => None,
    }
}

fn groups(counts: Counts) -> [usize; 3] {
    [counts.errored, counts.panicked, counts.timed_out]
}

async fn broken() -> tokio::task::JoinError {
    spawn_blocking(|| panic!("no digest")).await.expect_err("it panicked")
}

/// A plain `JoinError` is replaced by the message of its panic.
#[tokio::test]
async fn panic_of_a_blocking_task_counts_as_panicked() {
    let job = |item: u64| async move {
        spawn_blocking(|| panic!("no digest")).await?;
        Ok(item)
    };
    let (failure, counts) = failed(stage(job).run([0])).await;
    assert_eq!(panicked_with(&failure), Some("no digest"));
    assert_eq!(groups(counts), [0, 1, 0]);
    assert_eq!(format!("{failure:#}"), "item 0 at stage `stage` panicked: no digest");
}

/// Contexts and errors of the user around a `JoinError` stay in the chain, and every error is found by its type.
#[tokio::test]
async fn panic_below_another_error_counts_as_panicked() {
    let error = Err::<(), _>(HashError::from(broken().await)).context("the digest").expect_err("it failed");
    let (failure, counts) = run_with(error).await;
    let message = panicked_with(&failure).expect("a panic");
    assert!(message.contains("no digest"), "{message}");
    assert_eq!(groups(counts), [0, 1, 0]);
    assert!(matches!(failure.downcast_ref(), Some(HashError::Broken(_))));
    assert!(failure.downcast_ref::<tokio::task::JoinError>().is_some());
    let line = format!("{failure:#}");
    assert!(
        line.starts_with("item 0 at stage `fetch` panicked: the digest: the hash broke: task "),
        "{line}"
    );
    assert_eq!(line.matches("no digest").count(), 1, "{line}");
}

#[tokio::test]
async fn aborted_task_counts_as_errored() {
    let task = tokio::spawn(std::future::pending::<()>());
    task.abort();
    let (failure, counts) = run_with(task.await.expect_err("it was aborted").into()).await;
    assert!(matches!(failure.cause(), Cause::Errored(_)), "{failure:#}");
    assert_eq!(groups(counts), [1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn timeout_below_another_error_counts_as_timed_out() {
    let late = || async { timeout(Duration::ZERO, std::future::pending::<()>()).await.expect_err("no time") };
    let errors = [
        late().await.into(),
        anyhow::Error::from(late().await).context("the digest"),
        HashError::from(late().await).into(),
        anyhow::anyhow!("late").context(TimedOut { after: Duration::ZERO }),
    ];
    for error in errors {
        let (failure, counts) = run_with(error).await;
        assert!(matches!(failure.cause(), Cause::TimedOut(_)), "{failure:#}");
        assert_eq!(groups(counts), [0, 0, 1], "{failure:#}");
    }
}

/// The kind passes through two runs, with a context in between.
#[tokio::test]
async fn failure_of_an_inner_run_keeps_its_kind() {
    let ends: [(&str, [usize; 3]); 3] = [("error", [1, 0, 0]), ("panic", [0, 1, 0]), ("timeout", [0, 0, 1])];
    for (end, expected) in ends {
        let fails = |end: &'static str| async move {
            match end {
                "panic" => panic!("on purpose"),
                "timeout" => Err::<(), _>(TimedOut { after: Duration::ZERO }.into()),
                _ => Err(NoPage(7).into()),
            }
        };
        let inner = move |end| async move { stage(fails).run([end]).collect().await.context("inner") };
        let outer = move |end| async move { Ok(stage(inner).run([end]).collect().await?) };
        let (failure, counts) = failed(stage(outer).run([end])).await;
        assert_eq!(groups(counts), expected, "{failure:#}");
        let kind = match failure.cause() {
            Cause::Errored(_) => [1, 0, 0],
            Cause::Panicked(_) => [0, 1, 0],
            Cause::TimedOut(_) => [0, 0, 1],
            other => panic!("{other:#}"),
        };
        assert_eq!(kind, expected, "{failure:#}");
        assert_eq!(panicked_with(&failure), (end == "panic").then_some("on purpose"));
        assert_eq!(format!("{failure:#}").matches("stage `stage`").count(), 3, "{failure:#}");
    }
}

/// The failure of the inner run is found with its index, under a panic, too.
#[tokio::test]
async fn downcast_finds_the_failure_of_an_inner_run() {
    let fails = |item: u64| async move { if item == 2 { panic!("on purpose") } else { Ok(item) } };
    let outer = move |items: Vec<u64>| async move { Ok(stage(fails).run(items).collect().await?) };
    let (failure, _) = failed(stage(outer).run([vec![0, 1, 2]])).await;
    let inner = failure.downcast_ref::<Failure>().expect("the failure inside");
    assert_eq!((failure.index(), inner.index()), (Some(0), Some(2)));
    assert_eq!(
        format!("{failure:#}"),
        "item 0 at stage `stage` panicked: item 2 at stage `stage` panicked: on purpose"
    );
}
