//! Items that jobs add to the run: half of every number. The run ends when no item is left and no job runs.

use anyhow::Result;
use towpath_fanout::PatternExt;
use towpath_producer_consumer::ProducerConsumer;

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let halves = ProducerConsumer::items().consumers_that_send(4, |number: u64, queue| async move {
        if number > 1 {
            queue.try_send(number / 2)?;
        }
        Ok(number)
    });
    let numbers = halves.capacity(100).run([8]).collect().await?;
    assert_eq!(numbers.iter().sum::<u64>(), 8 + 4 + 2 + 1);
    Ok(())
}
