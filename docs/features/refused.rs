//! The pairs that a type or an error refuses.

use std::marker::PhantomData;

use anyhow::Result;
use towpath_fanout::Fanout;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::{PatternExt, ProducerConsumer, Scope};
use towpath_resource::ResourceGuard;

async fn echo(item: u64) -> Result<u64> {
    Ok(item)
}

struct Item<T>(PhantomData<T>);

/// The answer for a type without the property.
trait Otherwise {
    const IS_CLONE: bool = false;
}

impl<T> Otherwise for Item<T> {}

impl<T: Clone> Item<T> {
    const IS_CLONE: bool = true;
}

/// `retry`, `hedge`, `keep_input` and `keep_cancelled` need items that are `Clone`. The item of a job with a resource has the guard.
#[test]
fn resource_with_a_copy_of_the_item_is_refused() {
    const { assert!(Item::<u64>::IS_CLONE) };
    const { assert!(!Item::<(ResourceGuard<String>, u64)>::IS_CLONE) };
}

/// A pattern without a method `ordered` has this one.
trait WithoutOrder: Sized {
    fn ordered(self) -> &'static str {
        "no order"
    }
}

impl<T> WithoutOrder for T {}

/// The outputs of several producers have no order of inputs.
#[test]
fn producer_consumer_in_order_is_refused() {
    let answer: &str = ProducerConsumer::items().consumers(2, echo).ordered();
    assert_eq!(answer, "no order");
}

/// A producer sends any number of items, so a call would have no output of its own.
#[tokio::test]
#[should_panic(expected = "this pattern may yield no output or several outputs for an input")]
async fn producer_consumer_as_a_service_is_refused() {
    let _client = ProducerConsumer::items().consumers(2, echo).serve(&Scope::new("server"), 8);
}

/// An output has any number of elements, so a call would wait for an output without end.
#[tokio::test]
#[should_panic(expected = "this pattern may yield no output or several outputs for an input")]
async fn elements_of_outputs_as_a_service_are_refused() {
    let even = Fanout::new(2, |item: u64| async move { Ok(item.is_multiple_of(2).then_some(item)) });
    let _client = even.then_each(Fanout::new(2, echo)).serve(&Scope::new("server"), 8);
}

/// As a pattern of elements, so a stage of elements.
#[tokio::test]
#[should_panic(expected = "this pattern may yield no output or several outputs for an input")]
async fn stage_of_elements_as_a_service_is_refused() {
    let even = Pipeline::new(2, |item: u64| async move { Ok(item.is_multiple_of(2).then_some(item)) });
    let _client = even.then_each_stage(2, echo).serve(&Scope::new("server"), 8);
}
