//! Receives once without waiting, then receives news or mail until both have ended.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

fn deliver(
    scope: &Scope,
    first: Duration,
    items: [&'static str; 2],
) -> mpsc::Receiver<&'static str> {
    let (sender, receiver) = mpsc::channel(10);
    scope.spawn("deliver", async move {
        sleep(first).await;
        for item in items {
            sender.send(item).await?;
            sleep(40 * SECOND).await;
        }
        Ok(())
    });
    receiver
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let scope = Scope::new("deliveries");
    let mut news = deliver(&scope, 20 * SECOND, ["rain", "sun"]);
    let mut mail = deliver(&scope, 40 * SECOND, ["a letter", "a card"]);

    match news.try_recv() {
        Ok(item) => println!("news: {item}"),
        Err(_) => println!("nothing yet"),
    }

    loop {
        tokio::select! {
            Some(item) = news.recv() => println!("news: {item}"),
            Some(item) = mail.recv() => println!("mail: {item}"),
            else => break,
        }
    }
    println!("both are at their end");
    Ok(scope.wait().await?)
}
