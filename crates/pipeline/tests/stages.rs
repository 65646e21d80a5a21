//! What is particular to a pipeline: each stage has its own settings, and all of them run at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use towpath_pipeline::{Failure, OnFailure, PatternExt, Pipeline, job_fn, with_state};

const STEP: Duration = Duration::from_millis(100);

async fn pass(item: u64) -> anyhow::Result<u64> {
    Ok(item)
}

#[tokio::test(start_paused = true)]
async fn stages_run_at_the_same_time_and_in_order() {
    let pipeline = Pipeline::new(1, |x: u64| async move {
        sleep(STEP).await;
        Ok(x * 2)
    })
    .then_stage(1, |x: u64| async move {
        sleep(STEP).await;
        Ok(x + 10)
    })
    .then_stage(1, |x: u64| async move {
        sleep(STEP).await;
        Ok(x * x)
    });
    let began = Instant::now();
    let squares = pipeline.run([1, 2, 3, 4, 5]).collect().await.expect("nothing fails");
    assert_eq!(squares, [144, 196, 256, 324, 400]);
    // Seven steps, and not fifteen; each sleep may round up by a millisecond.
    let took = began.elapsed();
    assert!((7 * STEP..=7 * STEP + Duration::from_millis(7)).contains(&took), "it took {took:?}");
}

/// Fails at item 3, in the middle; the other stages are told by what reaches them.
fn picky() -> impl PatternExt<u64, Out = u64> {
    Pipeline::new(2, pass)
        .named("before")
        .then_stage(1, |x: u64| async move {
            anyhow::ensure!(x != 3, "not {x}");
            Ok(x)
        })
        .named("picky")
        .then_stage(2, pass)
        .named("after")
}

#[tokio::test]
async fn a_failure_names_its_stage_and_its_item() {
    let failure = picky().run(0..10).collect().await.expect_err("item 3 fails");
    assert_eq!((failure.stage(), failure.index()), ("picky", Some(3)));
    assert_eq!(failure.to_string(), "item 3 at stage `picky`: not 3");
}

#[tokio::test]
async fn a_panic_names_its_stage_and_its_item() {
    let pipeline = Pipeline::new(2, pass)
        .then_stage(2, |x: u64| async move {
            assert!(x != 3, "not {x}");
            Ok(x)
        })
        .then_stage(2, pass);
    let failure = pipeline.run(0..10).collect().await.expect_err("item 3 panics");
    assert_eq!(failure.to_string(), "item 3 at stage `stage 2`: panicked: not 3");
}

#[tokio::test]
async fn on_failure_concerns_every_stage_wherever_it_is_called() {
    let fail_at = |wrong: u64| {
        move |x: u64| async move {
            anyhow::ensure!(x != wrong, "not {x}");
            Ok(x)
        }
    };
    let first = Pipeline::new(1, fail_at(1));
    let early = first.clone().on_failure(OnFailure::Continue);
    let early = early.then_stage(1, fail_at(2)).then_stage(1, fail_at(3));
    let late = first.then_stage(1, fail_at(2)).then_stage(1, fail_at(3));
    let late = late.on_failure(OnFailure::Continue);
    for pipeline in [early, late] {
        let (outcomes, report) = pipeline.run(0..5).outcomes().await;
        let failed: Vec<String> =
            outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).map(Failure::to_string).collect();
        assert_eq!(
            failed,
            [
                "item 1 at stage `stage 1`: not 1",
                "item 2 at stage `stage 2`: not 2",
                "item 3 at stage `stage 3`: not 3"
            ]
        );
        assert_eq!(outcomes.len(), 5);
        let taken: Vec<usize> = report.stages.iter().map(|stage| stage.counts.taken).collect();
        assert_eq!(taken, [5, 4, 3], "an item that failed does not come to the next stage");
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_keeps_its_index_through_an_unordered_stage() {
    let pipeline = Pipeline::new(1, pass)
        .then_stage(10, |x: u64| async move {
            sleep(STEP * u32::try_from(10 - x)?).await;
            Ok(x)
        })
        .then_stage(1, |x: u64| async move { Ok(format!("item {x}")) });
    let mut run = pipeline.run(0..10).indexed();
    let mut indexes = Vec::new();
    while let Some(output) = run.next().await {
        let (index, output) = output.expect("nothing fails");
        assert_eq!(output, format!("item {index}"));
        indexes.push(index);
    }
    assert_eq!(indexes, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "the middle stage turned them round");
}

/// How many are at something at once, and the most there were.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    async fn busy(&self, time: Duration) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        sleep(time).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn each_stage_has_its_own_limit() {
    let gauges: [Arc<Gauge>; 3] = Default::default();
    let job = |stage: usize| {
        let gauge = Arc::clone(&gauges[stage]);
        move |x: u64| {
            let gauge = Arc::clone(&gauge);
            async move {
                gauge.busy(STEP).await;
                Ok(x)
            }
        }
    };
    let pipeline = Pipeline::new(5, job(0)).then_stage(2, job(1)).then_stage(3, job(2)).capacity(7);
    let began = Instant::now();
    let outputs = pipeline.run(0..20).collect().await.expect("nothing fails");
    assert_eq!(outputs.len(), 20);
    let most = gauges.map(|gauge| gauge.most.load(Ordering::Relaxed));
    // No more than two at once come out of the middle.
    assert_eq!(most, [5, 2, 2]);
    let took = began.elapsed().as_millis();
    assert!(
        (1_200..1_250).contains(&took),
        "ten rounds in the middle, one before, one after; it took {took} ms"
    );
}

#[tokio::test]
async fn each_stage_has_its_own_capacity() {
    let pipeline =
        Pipeline::new(2, pass).capacity(11).then_stage(1, pass).capacity(0).then_stage(3, pass).capacity(4);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let run = pipeline.run((0..100).inspect(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    // Nobody takes outputs: each stage has as many items as its limit and capacity, behind it as many as theirs.
    let taken: Vec<usize> = run.report().stages.iter().map(|stage| stage.counts.taken).collect();
    assert_eq!(taken, [13 + 1 + 7, 1 + 7, 7]);
    assert_eq!(asked.load(Ordering::Relaxed), 21);
}

#[tokio::test]
async fn only_the_ordered_stage_is_ordered() {
    // The jobs of each pair end the second first.
    let pair = || {
        let gate = Arc::new(Semaphore::new(0));
        move |x: u64| {
            let gate = Arc::clone(&gate);
            async move {
                if x.is_multiple_of(2) {
                    gate.acquire().await?.forget();
                } else {
                    gate.add_permits(1);
                }
                Ok(x)
            }
        }
    };
    let turned = Pipeline::new(2, pair()).then_stage(1, pass);
    assert_eq!(turned.run(0..4).collect().await.expect("nothing fails"), [1, 0, 3, 2]);
    let ordered = Pipeline::new(2, pair()).ordered().then_stage(1, pass);
    assert_eq!(ordered.run(0..4).collect().await.expect("nothing fails"), [0, 1, 2, 3]);
    let too_late = Pipeline::new(2, pair()).then_stage(1, pass).ordered();
    assert_eq!(too_late.run(0..4).collect().await.expect("nothing fails"), [1, 0, 3, 2]);
}

#[tokio::test]
async fn a_clone_shares_the_jobs_and_runs_by_itself() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let pipeline = Pipeline::new(1, move |x: u64| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(x) }
    })
    .then_stage(1, |x: u64| async move { Ok(x + 1) });
    let clone = pipeline.clone();
    let (mut one, mut other) = (pipeline.run([1]), clone.run([2]));
    assert_eq!(one.next().await.transpose().expect("it does not fail"), Some(2));
    assert_eq!(other.next().await.transpose().expect("it does not fail"), Some(3));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn it_is_a_pattern_boxed_and_behind_another() {
    let words = Pipeline::new(1, |text: &'static str| async move { Ok(text.len()) })
        .then_stage(1, |length: usize| async move { Ok(length * 10) });
    let then = words.then(Pipeline::new(1, |tens: usize| async move { Ok(tens + 1) }).named("end")).boxed();
    let (outcomes, report) = then.run(["one", "three"]).outcomes().await;
    let outputs: Result<Vec<usize>, Failure> = outcomes.into_iter().collect();
    assert_eq!(outputs.expect("nothing fails"), [31, 51]);
    let names: Vec<&str> = report.stages.iter().map(|stage| &*stage.stage).collect();
    assert_eq!(names, ["stage 1", "stage 2", "end"]);
}

/// A job with state is the job of a first stage, of a later stage, of a chained pattern, and of a boxed pattern.
#[tokio::test]
async fn job_with_state_is_the_job_of_any_stage() -> Result<(), Failure> {
    struct Offset(u64);

    let add = async |offset: &Offset, x: u64| Ok(x + offset.0);
    let pipeline = Pipeline::new(2, with_state(Offset(1), add)).ordered();
    let pipeline = pipeline.then_stage(2, with_state(Offset(10), add)).ordered();
    let pipeline = pipeline.then(Pipeline::new(2, with_state(Offset(100), add)).ordered()).boxed();
    assert_eq!(pipeline.run([0, 1, 2]).collect().await?, [111, 112, 113]);
    Ok(())
}

/// A function with an error type of its own is the job of any stage, and its error stops the pipeline.
#[tokio::test]
async fn job_fn_is_the_job_of_any_stage() {
    async fn parse(line: &'static str) -> Result<u64, std::num::ParseIntError> {
        line.parse()
    }

    async fn narrow(number: u64) -> Result<u8, std::num::TryFromIntError> {
        number.try_into()
    }

    let pipeline = Pipeline::new(1, job_fn(parse)).then_stage(1, job_fn(narrow));
    assert_eq!(pipeline.run(["1", "2"]).collect().await.expect("small numbers"), [1, 2]);
    let failure = pipeline.run(["1", "256"]).collect().await.expect_err("256 is no u8");
    assert_eq!((failure.stage(), failure.index()), ("stage 2", Some(1)));
}
