//! The compiler infers the types of all kinds of jobs, without an annotation besides the argument of a closure.

use std::sync::Arc;

use towpath_fanout::{Fanout, Job, PatternExt, Scope, anyhow, job_fn, scoped, with_state};
use towpath_job::backon::ExponentialBuilder;
use towpath_job::{JobExt, KeepInput, Retry, Timeout, blocking, cpu};

use crate::seconds;

async fn double(x: u64) -> anyhow::Result<u64> {
    Ok(x * 2)
}

async fn parse(text: &'static str) -> Result<u64, std::num::ParseIntError> {
    text.parse()
}

struct Double;

impl Job<u64> for Double {
    type Out = u64;

    async fn call(&self, x: u64) -> anyhow::Result<u64> {
        double(x).await
    }
}

/// A job for every type of item.
struct Echo;

impl<In: Send + 'static> Job<In> for Echo {
    type Out = In;

    async fn call(&self, item: In) -> anyhow::Result<In> {
        Ok(item)
    }
}

/// The types of the wrappers have names, so that a struct can have a field of the type.
struct Client {
    pages: Fanout<KeepInput<Retry<Timeout<Double>>>>,
}

macro_rules! assert_doubles {
    ($($job:expr),+ $(,)?) => { $(
        let wrapped = $job
            .timeout(seconds(60))
            .hedge(seconds(60))
            .retry(ExponentialBuilder::default())
            .when(|error| error.to_string() != "fatal")
            .keep_input();
        assert_eq!(Fanout::new(2, wrapped).ordered().run([1, 2]).collect().await.expect("no failure"), [2, 4]);
    )+ };
}

// On the real clock: a paused clock advances while a thread of rayon works.
#[tokio::test]
async fn jobs_of_all_kinds_are_inferred() {
    let factor = Arc::new(2);
    let captured = move |x: u64| {
        let factor = Arc::clone(&factor);
        async move { Ok(x * *factor) }
    };
    assert_doubles![
        double,
        Double,
        |x: u64| async move { Ok(x * 2) },
        async |x: u64| double(x).await,
        captured,
        with_state(2, async |factor: &u64, x: u64| Ok(x * factor)),
        scoped(async |_: &Scope, x: u64| double(x).await),
        blocking(|x: u64| Ok(x * 2)),
        cpu(|x: u64| Ok(x * 2)),
    ];
}

#[tokio::test(start_paused = true)]
async fn job_with_an_error_type_of_a_library_is_inferred() {
    let parse = job_fn(parse).timeout(seconds(1)).retry(ExponentialBuilder::default());
    assert_eq!(Fanout::new(1, parse).run(["7"]).collect().await.expect("a number"), [7]);
}

#[tokio::test(start_paused = true)]
async fn job_for_several_types_names_the_type_of_the_item() {
    let echo = JobExt::<&'static str>::timeout(Echo, seconds(1));
    assert_eq!(Fanout::new::<&'static str>(1, echo).run(["a"]).collect().await.expect("no failure"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn wrapper_in_a_field_has_a_name() {
    let job = Double.timeout(seconds(1)).retry(ExponentialBuilder::default()).keep_input();
    let client = Client { pages: Fanout::new(1, job) };
    assert_eq!(client.pages.run([1]).collect().await.expect("no failure"), [2]);
}
