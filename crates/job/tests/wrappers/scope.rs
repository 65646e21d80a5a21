//! Every wrapper passes the scope of the jobs to the inner job.

use std::future::pending;

use towpath_fanout::{Fanout, Job, PatternExt, Scope, anyhow, scoped};
use towpath_job::JobExt;
use towpath_job::backon::ConstantBuilder;

use crate::{is_pending, seconds};

/// Returns a job that returns the name of its scope. A job without the scope of the run has a scope named `job`.
fn name() -> impl Job<u64, Out = String> {
    scoped(async |scope: &Scope, _: u64| Ok(scope.name().to_owned()))
}

async fn name_in(job: impl Job<u64, Out = String>) -> String {
    let names = Fanout::new(1, job).named("crawl").run([1]).collect().await;
    names.expect("no failure").remove(0)
}

#[tokio::test(start_paused = true)]
async fn wrappers_pass_the_scope_of_the_jobs() {
    let of_the_run = name_in(name()).await;
    assert_ne!(of_the_run, "job");
    assert_eq!(name_in(name().timeout(seconds(1))).await, of_the_run);
    assert_eq!(name_in(name().hedge(seconds(1))).await, of_the_run);
    assert_eq!(name_in(name().keep_input()).await, of_the_run);
    assert_eq!(name_in(name().keep_cancelled().0).await, of_the_run);
    assert_eq!(name_in(name().retry(ConstantBuilder::default())).await, of_the_run);
}

/// The second attempts have the scope, too.
#[tokio::test(start_paused = true)]
async fn further_attempts_have_the_scope_of_the_jobs() {
    fn second_only() -> impl Job<u64, Out = String> {
        let first = std::sync::atomic::AtomicBool::new(true);
        Second(first)
    }
    struct Second(std::sync::atomic::AtomicBool);
    impl Job<u64> for Second {
        type Out = String;

        async fn call(&self, _: u64) -> anyhow::Result<String> {
            Ok("job".to_owned())
        }

        async fn call_in(&self, item: u64, scope: &Scope) -> anyhow::Result<String> {
            if self.0.swap(false, std::sync::atomic::Ordering::SeqCst) {
                tokio::time::sleep(seconds(3)).await;
                anyhow::bail!("the first attempt of item {item}");
            }
            Ok(scope.name().to_owned())
        }
    }
    let of_the_run = name_in(name()).await;
    assert_eq!(name_in(second_only().hedge(seconds(1))).await, of_the_run);
    assert_eq!(name_in(second_only().retry(ConstantBuilder::default())).await, of_the_run);
}

/// The run waits for a task that the inner job has started, also after a time limit.
#[tokio::test(start_paused = true)]
async fn run_waits_for_the_tasks_of_a_job_that_timed_out() {
    struct Starts(std::sync::Mutex<Option<tokio::sync::oneshot::Receiver<()>>>);
    impl Job<u64> for Starts {
        type Out = ();

        async fn call(&self, item: u64) -> anyhow::Result<()> {
            self.call_in(item, &Scope::default()).await
        }

        async fn call_in(&self, _: u64, scope: &Scope) -> anyhow::Result<()> {
            let released = self.0.lock().unwrap().take().expect("one item");
            scope.spawn("task", async move { Ok(released.await?) });
            pending().await
        }
    }
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    let pattern = Fanout::new(1, Starts(released).timeout(seconds(1)).keep_input());
    let pattern = pattern.on_failure(towpath_fanout::OnFailure::Continue);
    let mut run = pattern.run([1]);
    assert!(run.next().await.expect("a failure").is_err());
    let mut end = Box::pin(run.finish());
    assert!(is_pending(&mut end).await);
    release.send(()).expect("the task waits");
    assert_eq!(end.await.last().timed_out, 1);
}
