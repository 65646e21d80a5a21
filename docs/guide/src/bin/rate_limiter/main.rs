//! One request every 6 s: limits the rate of starts, not the number of running requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use towpath_fanout::{Fanout, PatternExt};
use towpath_limit::Rate;

const SECOND: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let begun = Instant::now();
    let starts = Arc::new(Mutex::new(Vec::new()));
    let request = move |number: u32| {
        println!("request {number}");
        let mut starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
        starts.push(begun.elapsed());
        if starts.len() == 5 && starts[4] > 10 * starts[0] {
            println!("the first went at once, the others were held back");
        }
        drop(starts);
        async move {
            sleep(120 * SECOND).await;
            println!("answer {number}");
            Ok(())
        }
    };
    let requests = Fanout::new(5, request).limited_by(&Rate::every(6 * SECOND));
    requests.run(1..=5).collect().await?;
    Ok(())
}
