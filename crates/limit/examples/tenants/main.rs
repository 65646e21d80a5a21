//! 2,000 events of 40 tenants, each tenant in order, eight at once, and a bound of the memory. An operator changes the limit
//! while the run goes on.

mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use towpath_fanout::{LiveLimit, PatternExt, Scope};
use worker::{Ledger, events, worker};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let limit = LiveLimit::new(8);
    let ledger = Arc::new(Ledger::default());
    let begin = Instant::now();
    let run = worker(&limit, &ledger).run(events(2_000));

    let operator = Scope::new("operator");
    operator.spawn("changes", async move {
        for jobs in [2, 16, 0, 8] {
            sleep(Duration::from_millis(300)).await;
            println!("at most {jobs} at once");
            limit.set(jobs);
        }
        Ok(())
    });

    let applied = run.collect().await?.len();
    operator.wait().await?;
    let out_of_order = ledger.entries().out_of_order;
    println!("{applied} events in {:.1} s, {out_of_order} out of order", begin.elapsed().as_secs_f64());
    Ok(())
}
