//! A limit per stage: eight downloads at once, two parsers, one writer; and failures with the name of the stage.

use std::time::{Duration, Instant};

use towpath_pipeline::{OnFailure, PatternExt, Pipeline};

async fn fetch(page: usize) -> String {
    tokio::time::sleep(Duration::from_millis(40)).await;
    "word ".repeat(page)
}

async fn count(text: String) -> anyhow::Result<usize> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    let words = text.split_whitespace().count();
    anyhow::ensure!(words % 10 != 7, "{words} words bring bad luck");
    Ok(words)
}

#[tokio::main]
async fn main() {
    let pipeline = Pipeline::new(8, |page: usize| async move { Ok(fetch(page).await) })
        .ordered()
        .named("fetch")
        .then_stage(2, count)
        .ordered()
        .named("count")
        .then_stage(1, |words: usize| async move { Ok(format!("{words} words")) })
        .named("write")
        .on_failure(OnFailure::Continue);

    let began = Instant::now();
    let mut run = pipeline.run(0..20).indexed();
    let mut failed = Vec::new();
    while let Some(outcome) = run.next().await {
        match outcome {
            Ok((index, line)) => println!("page {index}: {line}"),
            Err(failure) => failed.push(format!("{failure:#}")),
        }
    }
    println!("{failed:#?}\n{}\ntook {:.0?}", run.finish().await, began.elapsed());
    assert_eq!(
        failed,
        [
            "item 7 at stage `count` failed: 7 words bring bad luck",
            "item 17 at stage `count` failed: 17 words bring bad luck"
        ]
    );
}
