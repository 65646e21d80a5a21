//! Runs a program with a time limit. At the limit, kills the program and waits for its end.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_millis(10);

async fn run(limit: Duration, name: &str, argument: &str) -> anyhow::Result<()> {
    let mut command = Command::new(name);
    command.arg(argument).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take().context("its output is piped")?;

    let finished = timeout(limit, async {
        let mut output = String::new();
        stdout.read_to_string(&mut output).await?;
        child.wait().await?;
        anyhow::Ok(output)
    });
    if let Ok(output) = finished.await {
        println!("{name}: {}", output?.trim());
        return Ok(());
    }
    println!("{name}: its time is up");
    child.start_kill()?;
    if let Some(signal) = child.wait().await?.signal() {
        println!("{name}: ended by signal {signal}");
    }
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(500 * SECOND, "echo", "hello").await?;
    run(5 * SECOND, "sleep", "60").await
}
