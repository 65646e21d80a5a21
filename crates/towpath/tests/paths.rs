//! The paths of the facade: every crate is a module, and the prelude has the names of everyday use.

use std::any::type_name;
use std::time::Duration;

use towpath::prelude::*;

/// The module of a crate is the crate: its types are the same types.
#[test]
fn every_crate_is_a_module() {
    fn same<T, U>() {
        assert_eq!(type_name::<T>(), type_name::<U>());
    }
    same::<towpath::fanout::Fanout<()>, Fanout<()>>();
    same::<towpath::pipeline::Pipeline<(), ()>, Pipeline<(), ()>>();
    same::<towpath::semaphore::Semaphore, Semaphore>();
    same::<towpath::observe::Adaptive, Adaptive>();
    same::<towpath::limit::Rate, Rate>();
    same::<towpath::pattern::Scope, towpath::producer_consumer::Scope>();
    same::<towpath::pattern::Report, towpath::resource::Report>();
    same::<towpath::job::Timeout<()>, towpath::job::Timeout<()>>();
}

/// Every pattern, with a wrapper and a limiter, from the prelude alone.
#[tokio::test(start_paused = true)]
async fn prelude_is_enough_for_every_pattern() {
    let double = |x: u64| async move { anyhow::Ok(x * 2) };
    let rate = Rate::per_second(100);
    let fanout = Fanout::new(2, double.timeout(Duration::from_secs(1))).limited_by(&rate).ordered();
    assert_eq!(fanout.run([1, 2]).collect().await.unwrap(), [2, 4]);

    let pipeline = Pipeline::new(2, double).then_stage(1, blocking(|x: u64| Ok(x + 1))).ordered();
    assert_eq!(pipeline.run([1, 2]).collect().await.unwrap(), [3, 5]);

    let permits = Semaphore::new(1);
    let with_permit = WithPermit::new(2, &permits, double).limited_by(&per_key(1, |x: &u64| *x));
    assert_eq!(with_permit.run([1]).collect().await.unwrap(), [2]);

    let open = || async { anyhow::Ok(()) };
    let close = |(), _: JobOutcome| async { anyhow::Ok(()) };
    let job = |(_guard, x): (ResourceGuard<()>, u64)| async move { Ok(x) };
    let with_resource = WithResource::new(1, resource_fn(open, close), job);
    assert_eq!(with_resource.run([7]).collect().await.unwrap(), [7]);

    let halve =
        ProducerConsumer::items().consumers_that_send(1, |x: u64, queue: QueueTrySender<u64>| async move {
            if x > 1 {
                queue.try_send(x / 2)?;
            }
            Ok(x)
        });
    let (sender, _receiver) = queue::bounded(1);
    sender.try_send(0_u64).unwrap();
    assert_eq!(halve.run([4]).collect().await.unwrap(), [4, 2, 1]);

    let limit = Adaptive::aimd(1..=8);
    let observed = Fanout::new(limit.limit(), cpu(|x: u64| Ok(x)))
        .observed(limit.clone())
        .observed(Metrics::new())
        .observed(Spans::new());
    assert_eq!(observed.run([1]).collect().await.unwrap(), [1]);
}
