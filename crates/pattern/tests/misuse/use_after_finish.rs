use towpath_pattern::Run;

async fn one_more(mut run: Run<u64>) {
    let _ = run.finish().await;
    let _ = run.next().await;
}

fn main() {}
