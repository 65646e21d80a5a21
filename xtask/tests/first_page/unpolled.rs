//! Jobs and their consumer take connections from one pool. In the first program the queries in flight are polled by
//! the consumer alone, and a query that is next in line for the connection keeps the consumer waiting for ever.

use anyhow::Result;
use futures_util::{StreamExt, stream};
use towpath_fanout::{Fanout, PatternExt};

use crate::pool::{Pool, query};

pub async fn with_buffer_unordered(pool: Pool) -> Result<()> {
    // ANCHOR: buffer_unordered
    let find = |id| query(pool.clone(), id);
    let mut rows = stream::iter(1..=9).map(find).buffer_unordered(2);
    while let Some(row) = rows.next().await {
        query(pool.clone(), row?).await?; // hangs at the first row
    }
    // ANCHOR_END: buffer_unordered
    Ok(())
}

pub async fn with_fanout(pool: Pool) -> Result<()> {
    // ANCHOR: fanout
    let shared = pool.clone();
    let find = Fanout::new(2, move |id| query(shared.clone(), id));
    let mut rows = find.run(1..=9);
    while let Some(row) = rows.next().await {
        query(pool.clone(), row?).await?; // the jobs go on meanwhile
    }
    // ANCHOR_END: fanout
    Ok(())
}
