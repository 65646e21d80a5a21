//! Ten downloads, three at once: asyncio's `async with semaphore`, and Go's channel of tokens.

use std::time::{Duration, Instant};

use towpath_semaphore::{Failure, PatternExt, Semaphore, WithPermit};

/// The time of a download.
const DOWNLOAD: Duration = Duration::from_millis(30);

async fn download(url: String) -> String {
    println!("Downloading {url}");
    tokio::time::sleep(DOWNLOAD).await;
    println!("Downloaded {url}");
    format!("Content from {url}")
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let semaphore = Semaphore::new(3);
    let downloads = WithPermit::new(3, &semaphore, |url: String| async move { Ok(download(url).await) });

    let began = Instant::now();
    let urls = (0..10).map(|i| format!("url{i}"));
    let results = downloads.ordered().run(urls).collect().await?;
    println!("Downloaded {} files", results.len());

    assert_eq!(results[9], "Content from url9");
    assert!(began.elapsed() >= 4 * DOWNLOAD, "ten downloads, three at once, are four rounds");
    assert!(began.elapsed() < 10 * DOWNLOAD, "the downloads did not overlap");
    Ok(())
}
