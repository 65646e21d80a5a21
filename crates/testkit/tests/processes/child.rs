//! A test that runs again in a child process. The child may abort.

use std::process::ExitStatus;
use std::time::Duration;

/// The environment variable that is set in the child.
const CHILD: &str = "TOWPATH_CHILD";

/// The line that a child prints at its end.
const OVER: &str = "the child is over";

/// The time limit of a child. Every child takes a second at most.
const LIMIT: Duration = Duration::from_secs(30);

/// The exit status of a child, and its output.
pub struct Ended {
    status: ExitStatus,
    said: String,
}

/// Runs `body` in a child process. The child runs the test named `test`, which calls this function first.
#[track_caller]
pub fn in_child(test: &str, body: impl FnOnce()) -> Ended {
    if std::env::var_os(CHILD).is_some() {
        body();
        println!("{OVER}");
        std::process::exit(0);
    }
    let program = std::env::current_exe().expect("this program has a path");
    let child = duct::cmd!(program, "--exact", test, "--nocapture", "--test-threads=1");
    let child = child.env(CHILD, "1").env("RUST_BACKTRACE", "0").stdin_null().stderr_to_stdout();
    let child = child.stdout_capture().unchecked().start().expect("a child can be started");
    let ended = child.wait_timeout(LIMIT).expect("a child can be waited for").cloned();
    let Some(ended) = ended else {
        child.kill().expect("a child can be killed");
        panic!("`{test}` hung: its process was not over after {} s", LIMIT.as_secs());
    };
    Ended { status: ended.status, said: String::from_utf8_lossy(&ended.stdout).into_owned() }
}

impl Ended {
    /// Asserts that the child succeeded, and that `body` returned in the child.
    #[track_caller]
    pub fn well(&self) {
        let Self { status, said } = self;
        assert!(
            status.success() && said.contains(OVER),
            "the child ended with {status}, and its output is: {said}"
        );
    }

    /// Asserts that the child was aborted, and that the output has `message`.
    #[track_caller]
    pub fn aborted_with(&self, message: &str) {
        let Self { status, said } = self;
        #[cfg(unix)]
        {
            let signal = std::os::unix::process::ExitStatusExt::signal(status);
            assert_eq!(signal, Some(6), "the child ended with {status}, and its output is: {said}");
        }
        assert!(!status.success() && said.contains(message), "no `{message}` in: {said}");
    }
}
