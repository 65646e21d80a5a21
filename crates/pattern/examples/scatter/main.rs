//! A pattern of one's own, in forty lines, at work: `asyncio.gather(a(x), b(x), c(x))` for each `x`.

use towpath_pattern::{Failure, PatternExt, Settings};

mod scatter;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let times = [2, 10, 100].map(|by| move |x: u64| async move { Ok(x * by) });
    let settings = Settings::new("scatter", 4).ordered();
    let gathered = scatter::Scatter::new(settings, times).run([1, 2]).collect().await?;
    assert_eq!(gathered, [[2, 10, 100], [4, 20, 200]]);
    println!("{gathered:?}");
    Ok(())
}
