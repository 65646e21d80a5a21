//! A client that finds the number of requests that a server can take: the server has ten slots and refuses further requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use towpath_fanout::{Fanout, OnFailure, PatternExt};
use towpath_observe::Adaptive;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let slots = Arc::new(Semaphore::new(10));
    let request = move |_: u32| {
        let slots = Arc::clone(&slots);
        async move {
            let _slot = slots.try_acquire()?;
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok(())
        }
    };
    let limit = Adaptive::aimd(1..=64);
    let requests =
        Fanout::new(limit.limit(), request).on_failure(OnFailure::Continue).observed(limit.clone());
    let report = requests.run(0..2_000).finish().await;
    println!("{}, at a limit of {}", report.stages[0], limit.limit().get());
    anyhow::ensure!((8..=12).contains(&limit.limit().get()), "the limit is {:?}", limit.limit());
    Ok(())
}
