//! A timeout around a future drops the future. A timeout around a spawned task only stops waiting.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_millis(10);

struct Ended(&'static str);

impl Drop for Ended {
    fn drop(&mut self) {
        println!("The task {}", self.0);
    }
}

async fn long_task() {
    let mut ended = Ended("was dropped at its await");
    sleep(100 * SECOND).await;
    ended.0 = "went on to its end";
}

#[tokio::main]
async fn main() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    if timeout(2 * SECOND, long_task()).await.is_err() {
        println!("A future: Timeout! Tasks left: {}", tasks());
    }
    if timeout(2 * SECOND, tokio::spawn(long_task())).await.is_err() {
        println!("A task: Timeout! Tasks left: {}", tasks());
    }
    while tasks() > 0 {
        sleep(SECOND).await;
    }
    println!("Tasks left long after: 0");
}
