//! A test that runs once more in a process of its own, which may die.

use std::process::ExitStatus;
use std::time::Duration;

/// Set in the child.
const CHILD: &str = "TOWPATH_CHILD";

/// The line that a child prints at its end.
const OVER: &str = "the child is over";

/// All of them take a second at most.
const LIMIT: Duration = Duration::from_secs(30);

/// How a child ended, and all that it said.
pub struct Ended {
    status: ExitStatus,
    said: String,
}

/// Runs `body` in a process of its own: that of the test named `test`, which calls this and nothing before it.
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
    /// It came to its end by itself, and all was well.
    #[track_caller]
    pub fn well(&self) {
        let Self { status, said } = self;
        assert!(status.success() && said.contains(OVER), "the child ended with {status}; it said: {said}");
    }

    /// It was aborted, and had said `message` before.
    #[track_caller]
    pub fn aborted_with(&self, message: &str) {
        let Self { status, said } = self;
        #[cfg(unix)]
        {
            let signal = std::os::unix::process::ExitStatusExt::signal(status);
            assert_eq!(signal, Some(6), "the child ended with {status}; it said: {said}");
        }
        assert!(!status.success() && said.contains(message), "no `{message}` in: {said}");
    }
}
