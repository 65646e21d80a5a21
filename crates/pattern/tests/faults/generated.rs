//! A generator and its source poll each other: the source sees an item that is sent between its poll and its wait.

use towpath_pattern::Source;

use crate::{one_step, soon};

#[tokio::test(start_paused = true)]
async fn item_sent_between_poll_and_wait_is_taken() {
    // The source finds no item and polls the generator, which sends an item at once or a step later.
    let mut source = Source::generate(|out| async move {
        for item in 0..6 {
            if item % 2 == 1 {
                one_step().await;
            }
            out.send(item).await;
        }
    });
    for expected in 0..6 {
        let next = soon("an item that was sent", source.next()).await;
        assert_eq!(next.expect("an item").expect("no failure"), expected);
    }
    assert!(source.next().await.is_none());
}
