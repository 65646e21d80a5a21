//! F8: no extension trait shadows an inherent method of the receiver.
//!
//! A trait's method that takes `self` wins over an inherent method that takes `&mut self`. So each inherent method is
//! called with all the traits in scope that users of streams, futures and iterators import.

#[allow(unused_imports)]
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
#[allow(unused_imports)]
use tokio_stream::StreamExt as _;
use towpath_pattern::queue::{self, TryRecvError};

use crate::by_hand::hand;

#[test]
fn receiver_methods_are_not_shadowed_by_extension_traits() {
    let (sender, mut receiver) = queue::bounded(4);
    for item in 1..=4 {
        assert!(hand(sender.send(item)).poll().is_ready());
    }
    assert_eq!(hand(receiver.recv()).poll(), std::task::Poll::Ready(Some(1)));
    let mut items = Vec::new();
    assert_eq!(hand(receiver.recv_many(2, &mut items)).poll(), std::task::Poll::Ready(2));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(4), Err(TryRecvError::Empty)));
    assert_eq!((receiver.len(), receiver.is_empty(), receiver.capacity()), (0, true, 4));
    assert!(!receiver.is_closed());
    receiver.close();
    assert!(receiver.is_closed() && receiver.clone().is_closed());
}
