//! Jobs and their consumer take connections from one pool. In the first program the queries in flight are polled by
//! the consumer alone, and a query that is next in line for the connection never runs again.

use anyhow::Result;
use futures_util::{StreamExt, stream};
use towpath_fanout::{Fanout, PatternExt};

use crate::pool::{Pool, query};

// As narrow as a column of the README's table.
#[rustfmt::skip]
pub async fn with_buffer_unordered(pool: Pool) -> Result<()> {
    // ANCHOR: buffer_unordered
    let mut rows = stream::iter(1..9)
        .map(|id| query(pool.clone(), id))
        .buffer_unordered(2);
    while let Some(row) = rows.next().await {
        // no job is polled here
        query(pool.clone(), row?).await?;
    }
    // ANCHOR_END: buffer_unordered
    Ok(())
}

#[rustfmt::skip]
pub async fn with_fanout(pool: Pool) -> Result<()> {
    let copy = pool.clone();
    // ANCHOR: fanout
    let find = move |id| query(copy.clone(), id);
    let mut rows = Fanout::new(2, find).run(1..9);
    while let Some(row) = rows.next().await {
        // the jobs run meanwhile
        query(pool.clone(), row?).await?;
    }
    // ANCHOR_END: fanout
    Ok(())
}
