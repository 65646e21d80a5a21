//! Runs other programs: with a time limit, or with their output both shown and kept.

use std::io::{BufRead, BufReader, IsTerminal};
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use duct::Expression;

/// Runs the program to its end. Kills the program after `limit` and returns `None`.
pub fn within(limit: Duration, command: &Expression) -> std::io::Result<Option<Output>> {
    let handle = command.unchecked().start()?;
    if let Some(output) = handle.wait_timeout(limit)? {
        return Ok(Some(output.clone()));
    }
    handle.kill()?;
    handle.wait()?;
    Ok(None)
}

/// Runs the program to its end and shows the output at once. Returns whether the program succeeded, and its output.
pub fn shown(command: &Expression) -> Result<(bool, String)> {
    let colour = if std::io::stdout().is_terminal() { "always" } else { "never" };
    let reader = command.env("CARGO_TERM_COLOR", colour).stderr_to_stdout().unchecked().reader()?;
    let mut said = String::new();
    let mut lines = BufReader::new(&reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        said.push_str(&console::strip_ansi_codes(&text));
        line.clear();
    }
    let ended = reader.try_wait()?.context("the program closed its output and went on")?;
    Ok((ended.status.success(), said))
}

/// Returns whether `CI` is set in the environment. With `CI` set, a part that would be left out is an error.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty())
}

/// Returns the end of a program, for messages: `exit status 2`, `signal 6`.
pub fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or("no status".to_owned(), |code| format!("exit status {code}"))
}

/// Returns the most informative line of an error output: the first line of a Go panic, else the last line that is not a
/// hint.
pub fn telling_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines()
        .find(|line| line.starts_with("panic: ") || line.starts_with("fatal error: "))
        .or_else(|| lines().rfind(|line| !line.starts_with("note: ") && !line.starts_with('[')))
        .unwrap_or("no message")
        .to_owned()
}

/// Returns the time since `start`, as `12.3 s`.
pub fn seconds_since(start: Instant) -> String {
    format!("{:.1} s", start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_line_is_the_message() {
        let rust = b"thread 'main' panicked at a.rs:1:1:\nno such thing\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(telling_line(rust), "no such thing");
        let go = b"panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:3 +0x1d\nexit status 2\n";
        assert_eq!(telling_line(go), "panic: boom");
        let python = b"Traceback (most recent call last):\n  File \"x.py\"\nValueError: bad\n";
        assert_eq!(telling_line(python), "ValueError: bad");
        assert_eq!(telling_line(b""), "no message");
    }

    #[test]
    #[cfg(unix)]
    fn program_past_its_limit_is_killed() {
        let start = Instant::now();
        let output = within(Duration::from_millis(50), &duct::cmd!("sleep", "60")).unwrap();
        assert!(output.is_none());
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    #[cfg(unix)]
    fn shown_output_is_kept_with_its_outcome() {
        let (ok, said) = shown(&duct::cmd!("sh", "-c", "echo out; echo err >&2; exit 3")).unwrap();
        assert!(!ok);
        assert_eq!(said, "out\nerr\n");
    }
}
