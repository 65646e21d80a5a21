//! The storage of a frontier, around a source.

use tokio::sync::Mutex;
use towpath_pattern::{Source, Storage, anyhow};

/// Takes the items out of a source.
struct OfSource<T>(Mutex<Source<T>>);

/// Returns the items of `source` as a frontier.
pub fn frontier<T: Send + 'static>(source: Source<T>) -> Source<T> {
    Source::frontier(OfSource(Mutex::new(source))).1
}

impl<T: Send + 'static> Storage for OfSource<T> {
    type Item = T;

    async fn add(&self, _: T) -> anyhow::Result<()> {
        anyhow::bail!("no job of a check adds an item")
    }

    async fn take(&self, _: usize) -> anyhow::Result<Vec<T>> {
        Ok(self.0.lock().await.next().await.transpose()?.into_iter().collect())
    }

    fn give_back(&self, _: T) -> anyhow::Result<()> {
        anyhow::bail!("the items of a kept source return to its handle")
    }
}
