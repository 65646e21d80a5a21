//! Fan-out and fan-in: ten jobs, four at once, and the outputs as jobs complete; then jobs that fail, and the report.

use std::time::Duration;

use towpath_fanout::{Fanout, OnFailure, PatternExt};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let double = Fanout::new(4, |job: u64| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(job * 2)
    });
    let mut sum = 0;
    let mut outputs = double.run(0..10).indexed();
    while let Some(output) = outputs.next().await {
        let (index, output) = output?;
        println!("job {index}: {output}");
        sum += output;
    }
    assert_eq!(sum, 90);

    let picky = Fanout::new(4, |job: u64| async move {
        anyhow::ensure!(job % 4 != 3, "{job} is not to my taste");
        Ok(job)
    });
    let (outcomes, report) = picky.on_failure(OnFailure::Continue).run(0..10).outcomes().await;
    for outcome in outcomes {
        match outcome {
            Ok(output) => println!("{output} is fine"),
            Err(failure) => println!("{failure:#}"),
        }
    }
    assert_eq!((report.last().succeeded, report.last().errored), (8, 2));
    println!("{report}");
    Ok(())
}
