//! A generator that is abandoned before its end is cleaned up immediately.

use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::Source;

const SECOND: Duration = Duration::from_millis(10);

struct Cursor;

impl Cursor {
    fn open() -> Self {
        println!("cursor opened");
        Self
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        println!("cursor closed");
    }
}

fn rows() -> Source<u32> {
    Source::generate(|out| async move {
        let _cursor = Cursor::open();
        for number in 1..1_000_000 {
            sleep(SECOND).await;
            out.send(number).await;
        }
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut cursor = rows();
    while let Some(row) = cursor.next().await.transpose()? {
        println!("row {row}");
        if row == 2 {
            break;
        }
    }
    drop(cursor);
    println!("after the loop");

    if let Some(row) = rows().next().await.transpose()? {
        println!("first row {row}");
    }
    println!("after the first");
    Ok(())
}
