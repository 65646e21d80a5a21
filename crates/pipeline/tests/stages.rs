//! The stages of a pipeline: each stage has settings of its own, and all stages run at once.

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

/// Stages with a limit of 1 run at the same time, and the outputs come in input order.
#[tokio::test(start_paused = true)]
async fn stages_with_a_limit_of_one_overlap_in_order() {
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
    // Seven steps, and not fifteen. Every sleep may round up by a millisecond.
    let took = began.elapsed();
    assert!((7 * STEP..=7 * STEP + Duration::from_millis(7)).contains(&took), "it took {took:?}");
}

/// Returns a pipeline that fails in the middle stage, at item 3.
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

/// The failure of a middle stage has the name of the stage and the index of the item.
#[tokio::test]
async fn failure_of_a_middle_stage_names_stage_and_item() {
    let failure = picky().run(0..10).collect().await.expect_err("item 3 fails");
    assert_eq!((failure.stage(), failure.index()), ("picky", Some(3)));
    assert_eq!(format!("{failure:#}"), "item 3 at stage `picky` failed: not 3");
}

/// The panic of a middle stage has the name of the stage and the index of the item.
#[tokio::test]
async fn panic_of_a_middle_stage_names_stage_and_item() {
    let pipeline = Pipeline::new(2, pass)
        .then_stage(2, |x: u64| async move {
            assert!(x != 3, "not {x}");
            Ok(x)
        })
        .then_stage(2, pass);
    let failure = pipeline.run(0..10).collect().await.expect_err("item 3 panics");
    assert_eq!(format!("{failure:#}"), "item 3 at stage `stage 2` panicked: not 3");
}

/// The failure policy applies to every stage, whether it is set at the first stage or at the last.
#[tokio::test]
async fn on_failure_at_any_place_applies_to_every_stage() {
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
        let failed: Vec<String> = outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .map(|failure| format!("{failure:#}"))
            .collect();
        assert_eq!(
            failed,
            [
                "item 1 at stage `stage 1` failed: not 1",
                "item 2 at stage `stage 2` failed: not 2",
                "item 3 at stage `stage 3` failed: not 3"
            ]
        );
        assert_eq!(outcomes.len(), 5);
        let taken: Vec<usize> = report.stages.iter().map(|stage| stage.counts.taken).collect();
        assert_eq!(taken, [5, 4, 3], "an item that failed does not come to the next stage");
    }
}

/// An output has the index of its input, also behind an unordered stage that reverses the items.
#[tokio::test(start_paused = true)]
async fn index_behind_an_unordered_stage_is_of_the_input() {
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
    assert_eq!(indexes, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "the middle stage reverses the items");
}

/// Counts the jobs at the same time, and the maximum.
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

/// Each stage runs as many jobs at once as its own limit.
#[tokio::test(start_paused = true)]
async fn stages_of_three_limits_keep_their_limits() {
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
    // The middle stage yields at most two items at once.
    assert_eq!(most, [5, 2, 2]);
    let took = began.elapsed().as_millis();
    assert!(
        (1_200..1_250).contains(&took),
        "ten rounds in the middle, one before, one after; it took {took} ms"
    );
}

/// Without a receiver, each stage takes items up to its own limit and capacity.
#[tokio::test]
async fn stages_without_a_receiver_fill_their_capacities() {
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
    // Without a receiver, a stage has taken the items of its own bound and of the bounds of the later stages.
    let taken: Vec<usize> = run.report().stages.iter().map(|stage| stage.counts.taken).collect();
    assert_eq!(taken, [13 + 1 + 7, 1 + 7, 7]);
    assert_eq!(asked.load(Ordering::Relaxed), 21);
}

/// `ordered` orders the outputs of its own stage, and not of the stages before or behind.
#[tokio::test]
async fn ordered_applies_to_its_stage_only() {
    // In a pair of jobs, the second completes first.
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

/// A clone shares the jobs, and has runs of its own.
#[tokio::test]
async fn clone_shares_the_jobs_and_runs_separately() {
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

/// A pipeline can be chained with a pattern and boxed.
#[tokio::test]
async fn pipeline_in_a_chain_and_a_box_is_a_pattern() {
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

/// The elements of the outputs are the items of the next stage, as with `filter_map` and `flat_map`.
#[tokio::test]
async fn stage_takes_the_elements_of_the_outputs_in_order() {
    let words = |line: &'static str| async move { Ok(line.split_whitespace().collect::<Vec<_>>()) };
    let numbers = |word: &'static str| async move { Ok(word.parse::<u64>().ok()) };
    let pipeline = Pipeline::new(3, words)
        .ordered()
        .then_each_stage(3, numbers)
        .ordered()
        .capacity(1)
        .then_each_stage(1, |number: u64| async move { Ok(number + 1) })
        .named("last");
    let mut run = pipeline.run(["1 a 2", "", "b", "3 4 5 c"]).indexed();
    let mut outputs = Vec::new();
    while let Some(output) = run.next().await {
        outputs.push(output.expect("nothing fails"));
    }
    assert_eq!(outputs, [(0, 2), (0, 3), (3, 4), (3, 5), (3, 6)]);
    let report = run.finish().await;
    let counts: Vec<_> = report.stages.iter().map(|stage| (&*stage.stage, stage.counts.taken)).collect();
    assert_eq!(counts, [("stage 1", 4), ("stage 2", 8), ("last", 5)]);
}

/// A run that is stopped after any number of outputs counts every element, and stops the stages before.
#[tokio::test]
async fn stopped_pipeline_counts_the_elements_between_its_stages() {
    for outputs in 0..20 {
        let pipeline = Pipeline::new(2, |item: u64| async move { Ok(vec![item; 3]) })
            .capacity(4)
            .then_each_stage(1, |item: u64| async move { Ok(Some(item)) })
            .capacity(0);
        let mut run = pipeline.run(0..1_000);
        for _ in 0..outputs {
            run.next().await.expect("an output").expect("nothing fails");
        }
        run.cancel();
        let report = run.finish().await;
        let [first, second] = [report.stages[0].counts, report.stages[1].counts];
        assert_eq!((first.taken, second.taken), (first.settled(), second.settled()));
        assert_eq!(second.taken, 3 * first.succeeded);
    }
}

/// A failure of the first stage stops the second.
#[tokio::test]
async fn failure_before_a_stage_of_elements_stops_the_pipeline() {
    let fails = |item: u64| async move {
        anyhow::ensure!(item != 5, "five");
        Ok(vec![item])
    };
    let pipeline = Pipeline::new(1, fails).then_each_stage(1, pass);
    let failure = pipeline.run(0..).collect().await.expect_err("item 5 fails");
    assert_eq!((failure.index(), failure.stage()), (Some(5), "stage 1"));
    let lenient = pipeline.on_failure(OnFailure::Continue);
    let (outcomes, report) = lenient.run(0..10).outcomes().await;
    assert_eq!((outcomes.len(), report.stages[1].counts.succeeded), (10, 9));
}
