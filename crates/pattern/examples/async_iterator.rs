//! Python's `async for` over a class with `__anext__`, a Go channel that a goroutine fills: a generator.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::{Failure, Source};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut numbers = Source::generate(|out| async move {
        for number in 1..=5 {
            sleep(Duration::from_millis(10)).await;
            out.send(number).await;
        }
    });
    let mut sum = 0;
    while let Some(number) = numbers.next().await {
        let number = number?;
        println!("Got: {number}");
        sum += number;
    }
    assert_eq!(sum, 15);
    Ok(())
}
