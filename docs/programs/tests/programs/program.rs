//! A program that runs.

use std::ffi::OsStr;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// Waits for a step of a program. A program that takes longer than 60 s hangs, and has failed.
pub async fn within<T>(step: impl Future<Output = T>, of: &str) -> T {
    timeout(Duration::from_secs(60), step).await.unwrap_or_else(|_| panic!("{of} hangs"))
}

/// The versions of a program.
pub struct Versions {
    pub towpath: &'static str,
    pub plain: &'static str,
    pub go: &'static str,
}

impl Versions {
    /// Returns the name and the path of every version that is built.
    pub fn all(&self) -> Vec<(&'static str, PathBuf)> {
        let mut all =
            vec![("towpath", PathBuf::from(self.towpath)), ("plain", PathBuf::from(self.plain))];
        if let Some(go) = std::env::var_os("TOWPATH_GO_PROGRAMS") {
            all.push(("go", Path::new(&go).join(self.go)));
        }
        all
    }
}

/// A program, killed at the drop.
pub struct Program {
    path: PathBuf,
    child: Child,
    stderr: ChildStderr,
    said: Vec<u8>,
}

/// The end of a program.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    pub fn start<A: AsRef<OsStr>>(
        path: &Path,
        args: impl IntoIterator<Item = A>,
        vars: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(path);
        command.args(args).envs(vars.iter().copied()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stderr = child.stderr.take().expect("a pipe");
        Self { path: path.to_owned(), child, stderr, said: Vec::new() }
    }

    /// Waits until the program has written `text` to standard error, and returns the rest of the line.
    pub async fn says(&mut self, text: &str) -> String {
        let name = format!("{} before {text:?}", self.path.display());
        let found = async {
            loop {
                let said = String::from_utf8_lossy(&self.said);
                if let Some((_, rest)) = said.split_once(text)
                    && let Some((line, _)) = rest.split_once('\n')
                {
                    return line.to_owned();
                }
                let bytes = self.stderr.read_buf(&mut self.said).await.unwrap();
                assert!(
                    bytes > 0,
                    "the end before {text:?}: {}",
                    String::from_utf8_lossy(&self.said)
                );
            }
        };
        within(found, &name).await
    }

    pub fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("the program runs").try_into().expect("an id");
        kill_process(Pid::from_raw(id).expect("an id"), signal).unwrap();
    }

    /// Waits for the end of the program.
    pub async fn end(mut self) -> Ended {
        let mut stdout = self.child.stdout.take().expect("a pipe");
        let mut stderr = String::from_utf8(self.said).unwrap();
        let end = async {
            let (stdout, rest, status) =
                tokio::join!(text(&mut stdout), text(&mut self.stderr), self.child.wait());
            stderr += &rest;
            Ended { status: status.unwrap(), stdout, stderr }
        };
        within(end, &self.path.display().to_string()).await
    }
}

impl Ended {
    /// Returns the standard output of a program that has succeeded.
    pub fn output(&self) -> &str {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        &self.stdout
    }
}

async fn text(pipe: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).await.unwrap();
    text
}
