//! Every subscriber receives every message that is published after its subscription.

use tokio::sync::broadcast::{self, error::RecvError};

async fn read(
    mut messages: broadcast::Receiver<&'static str>,
) -> anyhow::Result<Vec<&'static str>> {
    let mut read = Vec::new();
    loop {
        match messages.recv().await {
            Ok(message) => read.push(message),
            Err(RecvError::Closed) => return Ok(read),
            Err(RecvError::Lagged(missed)) => {
                anyhow::bail!("too slow: {missed} messages are missed")
            }
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (weather, messages) = broadcast::channel(10);
    let early = read(messages);
    weather.send("rain")?;
    let late = read(weather.subscribe());
    weather.send("wind")?;
    weather.send("sun")?;
    drop(weather); // closes the channel
    let (early, late) = tokio::try_join!(early, late)?;
    println!("early: {}", early.join(" "));
    println!("late: {}", late.join(" "));
    Ok(())
}
