//! Ten downloads, three at once. Other runs can share the semaphore.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use towpath_semaphore::{PatternExt, Semaphore, WithPermit, with_state};

const SECOND: Duration = Duration::from_millis(10);

#[derive(Default)]
struct AtOnce {
    running: AtomicUsize,
    most: AtomicUsize,
}

async fn download(url: &str, at_once: &AtOnce) -> String {
    let now = at_once.running.fetch_add(1, Ordering::Relaxed) + 1;
    at_once.most.fetch_max(now, Ordering::Relaxed);
    println!("Downloading {url}");
    sleep(5 * SECOND).await;
    at_once.running.fetch_sub(1, Ordering::Relaxed);
    println!("Downloaded {url}");
    format!("Content from {url}")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let at_once = Arc::new(AtOnce::default());
    let semaphore = Semaphore::new(3);
    let download = async |at_once: &Arc<AtOnce>, url: String| Ok(download(&url, at_once).await);
    let downloads = WithPermit::new(3, &semaphore, with_state(Arc::clone(&at_once), download));
    let urls = (0..10).map(|i| format!("url{i}"));
    let contents = downloads.ordered().run(urls).collect().await?;
    let most = at_once.most.load(Ordering::Relaxed);
    println!("Downloaded {} files, at most {most} at once", contents.len());
    println!("The last: {}", contents[9]);
    Ok(())
}
