//! Panics that meet another panic, each in a process of its own, since it is the process that they may end.

use std::process::Command;

use towpath_pattern::{Scope, Settings};

use crate::{run_in, settle};

/// Set for a process that is to do what its test is about.
const CHILD: &str = "TOWPATH_CHILD";

/// Runs the test of that name again in a process of its own, which does `act`; it must end well.
fn survives(name: &str, act: fn()) {
    if std::env::var_os(CHILD).is_some() {
        return act();
    }
    let program = std::env::current_exe().expect("a test knows its program");
    let child = Command::new(program).args(["--exact", name, "--nocapture"]).env(CHILD, "1").output();
    let output = child.expect("the program starts");
    eprintln!("the process said: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the process was ended: {}", output.status);
}

/// Panics when it is dropped.
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
            let failure = scope.wait().await.expect_err("nobody took it");
            assert_eq!(format!("{failure:#}"), "stage `loud` panicked: dropped loudly");
        });
    });
}
