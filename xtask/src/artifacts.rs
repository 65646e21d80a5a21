//! Builds executables with cargo, and finds their paths.

use std::path::PathBuf;
use std::process::Output;

use anyhow::{Result, bail};
use duct::Expression;
use serde::Deserialize;

use crate::workspace::{Target, Workspace};

/// A built executable of a workspace member.
pub struct Executable {
    /// The member's package name.
    pub package: String,
    /// The member's folder.
    pub dir: PathBuf,
    /// The name of the target in the manifest, or the name of the file.
    pub target: String,
    pub path: PathBuf,
}

#[cfg(test)]
impl Executable {
    /// Returns a shell script in `dir` in place of a program.
    ///
    /// Another process writes the script. A file that this process has open for writing is also open in every child
    /// that another thread starts meanwhile, until the child executes its program. A file that is open for writing
    /// cannot be executed ("text file busy").
    pub fn script(dir: &std::path::Path, target: &str, script: &str) -> Self {
        let path = dir.join(target);
        let write = duct::cmd!("sh", "-c", r#"cat > "$0" && chmod +x "$0""#, &path);
        write.stdin_bytes(format!("#!/bin/sh\n{script}\n")).run().unwrap();
        Self { package: "towpath-x".to_owned(), dir: dir.to_owned(), target: target.to_owned(), path }
    }
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

/// Runs `cargo LINE`, and returns the built executables of `kind` (`bin`, `example`, `test`, `bench`).
pub fn build(workspace: &Workspace, line: &str, kind: &str) -> Result<Vec<Executable>> {
    let output = command(workspace, line).run()?;
    built(workspace, line, kind, &output)
}

fn built(workspace: &Workspace, line: &str, kind: &str, output: &Output) -> Result<Vec<Executable>> {
    if !output.status.success() {
        bail!("cargo {line} failed (its messages are above)");
    }
    Ok(executables(workspace, &String::from_utf8_lossy(&output.stdout), kind))
}

/// Like [`build`], with `flags` for the compiler after the flags of the environment.
pub fn build_with(workspace: &Workspace, line: &str, kind: &str, flags: &str) -> Result<Vec<Executable>> {
    let flags = format!("{} {flags}", std::env::var("RUSTFLAGS").unwrap_or_default());
    let output = command(workspace, line).env("RUSTFLAGS", flags.trim()).run()?;
    built(workspace, line, kind, &output)
}

/// Like [`build_with`], but does not show the output of cargo. The error of a failed build has the output.
pub fn build_quietly(
    workspace: &Workspace,
    line: &str,
    kind: &str,
) -> Result<std::result::Result<Vec<Executable>, String>> {
    let output = command(workspace, line).stderr_capture().run()?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(Ok(executables(workspace, &String::from_utf8_lossy(&output.stdout), kind)))
}

fn command(workspace: &Workspace, line: &str) -> Expression {
    let line = format!("{line} --message-format=json-render-diagnostics");
    workspace.cargo(&line).stdout_capture().unchecked()
}

fn executables(workspace: &Workspace, messages: &str, kind: &str) -> Vec<Executable> {
    let mut found = Vec::new();
    // Build scripts can print lines between the messages of cargo.
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok()) {
        let Message { reason, package_id: Some(id), target: Some(target), executable: Some(path) } = message
        else {
            continue;
        };
        let member = workspace.packages.iter().find(|package| package.id == id);
        if let Some(member) = member
            && reason == "compiler-artifact"
            && target.kind.iter().any(|k| k == kind)
        {
            found.push(Executable {
                package: member.name.clone(),
                dir: member.dir().to_owned(),
                target: target.name,
                path,
            });
        }
    }
    found.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    found
}
