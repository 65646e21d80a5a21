//! A common interface for the bounded channels of several crates, so that a workload is written once for all channels.

use tokio::sync::mpsc;

/// The sending side of a channel. The channel closes when the last clone is dropped.
pub trait Inlet: Clone + Send + Sync + 'static {
    fn put(&self, item: u64) -> impl Future<Output = ()> + Send;
}

/// The receiving side of a channel.
pub trait Outlet: Send + 'static {
    /// Receives an item. Returns `None` if the channel is closed and empty.
    fn take(&mut self) -> impl Future<Output = Option<u64>> + Send;
}

impl Inlet for async_channel::Sender<u64> {
    async fn put(&self, item: u64) {
        self.send(item).await.unwrap();
    }
}

impl Outlet for async_channel::Receiver<u64> {
    async fn take(&mut self) -> Option<u64> {
        self.recv().await.ok()
    }
}

impl Inlet for crossfire::MAsyncTx<crossfire::mpmc::Array<u64>> {
    async fn put(&self, item: u64) {
        self.send(item).await.unwrap();
    }
}

impl Outlet for crossfire::MAsyncRx<crossfire::mpmc::Array<u64>> {
    async fn take(&mut self) -> Option<u64> {
        self.recv().await.ok()
    }
}

impl Inlet for flume::Sender<u64> {
    async fn put(&self, item: u64) {
        self.send_async(item).await.unwrap();
    }
}

impl Outlet for flume::Receiver<u64> {
    async fn take(&mut self) -> Option<u64> {
        self.recv_async().await.ok()
    }
}

impl Inlet for kanal::AsyncSender<u64> {
    async fn put(&self, item: u64) {
        self.send(item).await.unwrap();
    }
}

impl Outlet for kanal::AsyncReceiver<u64> {
    async fn take(&mut self) -> Option<u64> {
        self.recv().await.ok()
    }
}

impl Inlet for mpsc::Sender<u64> {
    async fn put(&self, item: u64) {
        self.send(item).await.unwrap();
    }
}

impl Outlet for mpsc::Receiver<u64> {
    async fn take(&mut self) -> Option<u64> {
        self.recv().await
    }
}
