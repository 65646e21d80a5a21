//! Panics during another panic. Every test has a process of its own, since such a panic may abort the process.

use std::process::Command;

use towpath_pattern::{Scope, Settings};

use crate::{run_in, settle};

/// The environment variable that is set in a child process.
const CHILD: &str = "TOWPATH_CHILD";

/// Runs the test `name` again in a child process, which calls `act`. The child must succeed.
fn survives(name: &str, act: fn()) {
    if std::env::var_os(CHILD).is_some() {
        return act();
    }
    let program = std::env::current_exe().expect("a test knows its program");
    let child = Command::new(program).args(["--exact", name, "--nocapture"]).env(CHILD, "1").output();
    let output = child.expect("the program starts");
    eprintln!("the output of the process: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the process was ended: {}", output.status);
}

/// Panics in its drop.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("dropped loudly");
    }
}

#[test]
fn run_dropped_by_a_panic_with_panicking_outputs_does_not_abort() {
    survives("unwinding::run_dropped_by_a_panic_with_panicking_outputs_does_not_abort", || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let scope = Scope::new("loud");
            let loud = |_: u32| async move { Ok(Loud) };
            let mut run = run_in(&scope, 0..8, Settings::new("loud", 4), loud);
            settle().await;
            std::mem::forget(run.next().await);
            let user = tokio::spawn(async move {
                let _run = run;
                panic!("the first panic");
            });
            assert!(user.await.expect_err("it panicked").is_panic());
            let failure = scope.wait().await.expect_err("no receiver took the failure");
            assert_eq!(format!("{failure:#}"), "stage `loud` panicked: dropped loudly");
        });
    });
}
