//! The failures of a scope, the policy, refused tasks, and the name of a passed deadline.

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use towpath_pattern::{Cancelled, Failure, OnFailure, Report, Scope, Settings, Spawned, anyhow, scoped};

use super::{Bomb, run_in, settle};

const SECOND: Duration = Duration::from_secs(1);

fn fails(with: &'static str) -> impl Future<Output = anyhow::Result<()>> + Send {
    ready(Err(anyhow::anyhow!(with)))
}

fn stages<'a>(failures: impl IntoIterator<Item = &'a Failure>) -> Vec<&'a str> {
    failures.into_iter().map(Failure::stage).collect()
}

// The list of failures.

/// Both tasks are woken before the cancellation, and the second task fails in its next poll: the first cause is the
/// failure of the first task.
#[tokio::test]
async fn failures_of_tasks_are_returned_first_cause_first() {
    let scope = Scope::new("group");
    let gate = Arc::new(Notify::new());
    for name in ["first", "second"] {
        let gate = Arc::clone(&gate);
        scope.spawn(name, async move {
            gate.notified().await;
            fails(name).await
        });
    }
    settle().await;
    gate.notify_waiters();
    let failure = scope.wait().await.expect_err("tasks failed");
    assert_eq!((failure.stage(), scope.failure_count()), ("first", 2));
    assert_eq!(stages(&scope.take_failures()), ["second"]);
    assert!(scope.take_failures().is_empty());
    scope.wait().await.expect("every failure was returned once");
}

#[tokio::test]
async fn wait_returns_one_failure_after_the_other() {
    let scope = Scope::new("group").on_failure(OnFailure::Continue);
    scope.spawn("first", fails("no"));
    scope.spawn("second", fails("no"));
    assert_eq!(scope.wait().await.expect_err("two failed").stage(), "first");
    assert_eq!(scope.wait().await.expect_err("two failed").stage(), "second");
    scope.wait().await.expect("two failed");
}

#[tokio::test]
async fn failures_beyond_the_bound_are_counted_and_dropped() {
    let scope = Scope::new("group").on_failure(OnFailure::Continue);
    for _ in 0..Report::KEPT_FAILURES + 5 {
        scope.spawn("failing", fails("no"));
    }
    assert!(scope.wait().await.is_err());
    assert_eq!(scope.failure_count(), Report::KEPT_FAILURES + 5);
    assert_eq!(scope.take_failures().len(), Report::KEPT_FAILURES - 1);
    // There is space for later failures.
    scope.spawn("later", fails("no"));
    assert_eq!(scope.wait().await.expect_err("it failed").stage(), "later");
}

/// The list of a child moves to the parent with the last owner, behind the failures of the parent.
#[tokio::test]
async fn all_failures_of_a_dropped_child_move_to_the_parent() {
    let parent = Scope::new("parent").on_failure(OnFailure::Continue);
    let child = parent.child("child").on_failure(OnFailure::Continue);
    child.spawn("first of the child", fails("no"));
    child.spawn("second of the child", fails("no"));
    settle().await;
    parent.spawn("of the parent", fails("no"));
    settle().await;
    assert_eq!((parent.failure_count(), child.failure_count()), (1, 2));
    drop(child);
    assert_eq!(
        stages(&parent.take_failures()),
        ["of the parent", "first of the child", "second of the child"]
    );
    assert_eq!(parent.failure_count(), 3);
}

/// The report of the run has the failures of all tasks of the jobs.
#[tokio::test]
async fn all_failures_of_tasks_of_the_jobs_are_in_the_report() {
    let job = scoped(async |scope: &Scope, (): ()| {
        let scope = scope.clone().on_failure(OnFailure::Continue);
        scope.spawn("first", async { anyhow::bail!("no") });
        scope.spawn("second", async { anyhow::bail!("no") });
        Ok(())
    });
    let scope = Scope::new("outer");
    let report = run_in(&scope, [()], Settings::new("stage", 1), job).finish().await;
    assert_eq!(stages(&report.failures), ["first", "second"]);
    scope.wait().await.expect("the run has reported all");
}

/// A dropped run leaves all its failures to the scope.
#[tokio::test]
async fn all_failures_of_a_dropped_run_are_in_the_scope() {
    let scope = Scope::new("outer");
    let settings = Settings::new("stage", 2).on_failure(OnFailure::Continue);
    let run =
        run_in(
            &scope,
            0..2,
            settings,
            |item: u32| async move { Err::<(), _>(anyhow::anyhow!("{item} is bad")) },
        );
    while run.report().last().errored < 2 {
        tokio::task::yield_now().await;
    }
    drop(run);
    let first = scope.wait().await.expect_err("two items failed");
    let mut indices: Vec<_> = scope.take_failures().iter().map(Failure::index).collect();
    indices.push(first.index());
    indices.sort_unstable();
    assert_eq!(indices, [Some(0), Some(1)]);
}

// The policy.

#[tokio::test]
async fn failure_with_continue_stops_no_other_task() {
    let server = Scope::new("server").on_failure(OnFailure::Continue);
    let done = Arc::new(AtomicUsize::new(0));
    server.spawn("broken", fails("reset by peer"));
    server.spawn("panicking", async { panic!("on purpose") });
    for _ in 0..3 {
        let done = Arc::clone(&done);
        server.spawn("healthy", async move {
            settle().await;
            done.fetch_add(1, SeqCst);
            Ok(())
        });
    }
    let first = server.wait().await.expect_err("two connections failed");
    assert_eq!((first.stage(), done.load(SeqCst)), ("broken", 3));
    assert_eq!(stages(&server.take_failures()), ["panicking"]);
    assert_eq!(server.spawn("next", async { Ok(()) }), Spawned::Accepted);
}

/// The policy belongs to the handle: the failure of the acceptor stops the server, the failure of a connection does
/// not.
#[tokio::test]
async fn policy_of_one_handle_leaves_other_handles_alone() {
    let server = Scope::new("server");
    let connections = server.clone().on_failure(OnFailure::Continue);
    connections.spawn("connection", fails("reset by peer"));
    settle().await;
    assert!(!server.token().is_cancelled());
    server.spawn("acceptor", fails("no more descriptors"));
    settle().await;
    assert!(connections.token().is_cancelled());
    assert_eq!(stages(&server.take_failures()), ["connection", "acceptor"]);
}

#[tokio::test]
async fn child_of_a_scope_that_continues_stops_itself_only() {
    let server = Scope::new("server").on_failure(OnFailure::Continue);
    let connection = server.child("connection");
    connection.spawn("reader", fails("reset by peer"));
    connection.spawn("writer", pending());
    assert_eq!(connection.wait().await.expect_err("it failed").stage(), "reader");
    assert!(connection.spawn("writer", pending()).is_refused());
    assert!(!server.token().is_cancelled());
    assert_eq!(server.failure_count(), 0, "the child has returned the failure");
}

#[tokio::test(start_paused = true)]
async fn scope_with_a_deadline_keeps_the_policy() {
    let continues = Scope::new("server").on_failure(OnFailure::Continue);
    for scope in [continues.with_timeout(SECOND), continues.with_timeout(Duration::MAX)] {
        scope.spawn("failing", fails("no"));
        settle().await;
        assert!(!scope.token().is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_stops_a_scope_that_continues() {
    let scope = Scope::new("server").on_failure(OnFailure::Continue).with_timeout(SECOND);
    scope.spawn("endless", pending());
    let failure = scope.wait().await.expect_err("the deadline passed");
    assert!(failure.is_cancelled());
}

// Refused tasks.

/// Is never polled, and counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Future for Dropped {
    type Output = anyhow::Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        panic!("a refused task is never polled")
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[tokio::test]
async fn spawn_after_a_failure_is_refused_and_drops_the_future() {
    let scope = Scope::new("group");
    assert_eq!(scope.spawn("failing", fails("no")), Spawned::Accepted);
    settle().await;
    let drops = Arc::new(AtomicUsize::new(0));
    let spawned = scope.spawn("late", Dropped(Arc::clone(&drops)));
    assert_eq!((spawned, spawned.is_refused()), (Spawned::Refused(Cancelled::Scope), true));
    assert_eq!(drops.load(SeqCst), 1, "the drop comes before the return");
    assert_eq!(scope.wait().await.expect_err("one failed").stage(), "failing");
    assert!(scope.take_failures().is_empty(), "a refusal by a cancellation is no failure");
}

#[tokio::test]
async fn spawn_in_a_child_of_a_cancelled_scope_is_refused() {
    let parent = Scope::new("parent");
    parent.cancel();
    assert_eq!(parent.child("child").spawn("late", pending()), Spawned::Refused(Cancelled::Scope));
}

/// The deadline cuts the task short before or after the first poll.
#[tokio::test(start_paused = true)]
async fn spawn_after_the_deadline_is_refused_and_a_failure() {
    let scope = Scope::new("hurried").with_timeout(SECOND);
    sleep(2 * SECOND).await;
    assert_eq!(scope.spawn("late", pending()), Spawned::Refused(Cancelled::Deadline));
    let failure = scope.wait().await.expect_err("the task was refused");
    assert_eq!((failure.stage(), failure.is_cancelled()), ("late", true));
}

/// The refused future uses the scope in its drop: no lock is held there.
#[tokio::test]
async fn refused_future_may_use_the_scope_in_its_drop() {
    struct Uses(Scope);
    impl Drop for Uses {
        fn drop(&mut self) {
            assert!(self.0.spawn("inner", async { Ok(()) }).is_refused());
            assert!(self.0.take_failures().is_empty());
            self.0.cancel();
        }
    }
    let scope = Scope::new("over");
    scope.cancel();
    let uses = Uses(scope.clone());
    let task = async move {
        let _uses = uses;
        Ok(())
    };
    assert!(scope.spawn("late", task).is_refused());
    scope.wait().await.expect("no drop panicked");
}

#[tokio::test]
async fn panic_in_the_drop_of_a_refused_future_is_a_failure() {
    let scope = Scope::new("over");
    scope.cancel();
    let bomb = Bomb("of the future");
    let task = async move {
        let _bomb = bomb;
        Ok(())
    };
    assert!(scope.spawn("late", task).is_refused());
    let failure = scope.wait().await.expect_err("the drop panicked");
    assert!(failure.to_string().contains("panicked"), "{failure}");
    assert_eq!(failure.stage(), "late");
}

// The name of a passed deadline.

fn of_deadline(failure: &Failure) -> (String, Option<&str>) {
    (failure.to_string(), failure.deadline_of())
}

#[tokio::test(start_paused = true)]
async fn passed_deadline_of_a_task_names_the_scope() {
    let scope = Scope::new("start-up").with_timeout(SECOND);
    scope.spawn("migrate", pending());
    let failure = scope.wait().await.expect_err("the deadline passed");
    let text = "stage `migrate` was cancelled: the deadline of the scope `start-up` passed";
    assert_eq!(of_deadline(&failure), (text.to_owned(), Some("start-up")));
}

#[tokio::test(start_paused = true)]
async fn passed_deadline_of_a_run_names_the_scope() {
    let scope = Scope::new("start-up").with_timeout(SECOND);
    for scope in [scope.clone(), scope.child("inner")] {
        let run = run_in(&scope, [()], Settings::new("warm", 1), |(): ()| pending::<anyhow::Result<()>>());
        let failure = run.collect().await.expect_err("the deadline passed");
        let text = "stage `warm` was cancelled: the deadline of the scope `start-up` passed";
        assert_eq!(of_deadline(&failure), (text.to_owned(), Some("start-up")));
    }
}

/// The earlier deadline passes, and the failure names the scope of this deadline: the outer scope or the inner scope.
#[tokio::test(start_paused = true)]
async fn nested_deadlines_name_the_scope_of_the_earlier_one() {
    for (outer, inner, named) in [(1, 2, "outer"), (2, 1, "inner"), (1, 1, "outer")] {
        let outer = Scope::new("outer").with_timeout(outer * SECOND);
        let inner = outer.child("inner").with_timeout(inner * SECOND);
        let innermost = inner.child("innermost");
        innermost.spawn("task", pending());
        let run = run_in(&innermost, [()], Settings::new("run", 1), |(): ()| pending::<anyhow::Result<()>>());
        let of_run = run.collect().await.expect_err("the deadline passed");
        let of_task = innermost.wait().await.expect_err("the deadline passed");
        assert_eq!((of_run.deadline_of(), of_task.deadline_of()), (Some(named), Some(named)));
    }
}

#[tokio::test(start_paused = true)]
async fn cancellation_by_hand_names_no_deadline() {
    let scope = Scope::new("start-up").with_timeout(SECOND);
    let run = run_in(&scope, [()], Settings::new("warm", 1), |(): ()| pending::<anyhow::Result<()>>());
    scope.cancel();
    let failure = run.collect().await.expect_err("it was cancelled");
    assert_eq!((failure.is_cancelled(), failure.deadline_of()), (true, None));
}
