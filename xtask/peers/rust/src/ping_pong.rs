//! Two tasks that pass one item back and forth, each through its own channel of capacity one.

use std::time::Instant;

use tokio::sync::mpsc;

use crate::channels::{Inlet, Outlet};
use crate::protocol::Outcome;

pub fn async_channel(items: u32) -> Outcome {
    hand_back(items, async_channel::bounded(1), async_channel::bounded(1))
}

pub fn mpsc(items: u32) -> Outcome {
    hand_back(items, mpsc::channel(1), mpsc::channel(1))
}

/// Each pass adds 1 to the item; a round trip has two passes.
#[tokio::main]
async fn hand_back<I: Inlet, O: Outlet>(items: u32, there: (I, O), back: (I, O)) -> Outcome {
    let start = Instant::now();
    let (serve, mut served) = there;
    let (reply, mut replied) = back;
    let ping = tokio::spawn(async move {
        let mut item = 0;
        for _ in 0..items / 2 {
            serve.put(item + 1).await;
            item = replied.take().await.unwrap();
        }
        item
    });
    tokio::spawn(async move {
        while let Some(item) = served.take().await {
            reply.put(item + 1).await;
        }
    });
    Outcome::timed(ping.await.unwrap(), start.elapsed())
}
