//! Blocking calls run on threads. The only thread of this runtime runs other tasks meanwhile.

use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::interval;
use towpath_fanout::{Fanout, PatternExt};

const SECOND: Duration = Duration::from_millis(10);

const FILES: [&str; 4] = ["a", "b", "c", "d"];

fn digest(file: &str) -> String {
    thread::sleep(15 * SECOND); // a library that blocks
    format!("digest of {file}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let digests = Fanout::new(4, |file: &'static str| async move {
        Ok(spawn_blocking(move || digest(file)).await?)
    });
    let mut calls = pin!(digests.ordered().run(FILES).collect());

    let mut beats = 0;
    let mut heart = interval(SECOND);
    let results = loop {
        tokio::select! {
            results = &mut calls => break results?,
            _ = heart.tick() => beats += 1,
        }
    };
    let together = began.elapsed();
    for result in results {
        println!("{result}");
    }
    if beats >= 3 {
        println!("other tasks ran meanwhile");
    }

    let began = Instant::now();
    for file in FILES {
        spawn_blocking(move || digest(file)).await?;
    }
    if together < began.elapsed() {
        println!("one after another takes longer");
    }
    Ok(())
}
