//! The settings of a stage. A setting is a field, a default and a builder, all three in this file.

use std::sync::Arc;

use crate::limit::{IntoJobLimit, JobLimit};
use crate::observer::Observers;

/// The order in which a stage yields its outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// The stage yields an output as soon as the output is ready.
    #[default]
    AsCompleted,
    /// The stage yields the outputs in the order of the inputs. An output that is ready before its turn waits in the
    /// stage, and counts against the bound.
    Ordered,
}

/// The effect of a failure on the rest of the run.
///
/// In a chain of stages, every stage has its own policy: [`IntoSource`](crate::IntoSource#a-run-as-the-input-failures-in-a-chain)
/// has the effect of a failure on the next stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// The first failure stops the run. The run yields the completed outputs, then the failure, then the end.
    #[default]
    Stop,
    /// The run yields the failure in place of the output, and continues.
    Continue,
    /// The run yields this number of failures in place of outputs and continues, and the next failure stops the run.
    ///
    /// Every stage counts its own failures: the failures of its jobs, of its source, and of the upstream stage in place of
    /// an item. A retried attempt is no failure. A [`Scope`](crate::Scope) counts all failures that the scope has recorded.
    Tolerate(usize),
}

/// The settings of a stage, for authors of patterns.
///
/// A pattern has a field of this type, and [`builders!`](crate::builders) gives the pattern the builders of this type.
/// The fields are public: a setting may also be assigned.
///
/// # Examples
///
/// ```
/// use towpath_pattern::{OnFailure, Settings};
///
/// let settings = Settings::new("fetch", 4).ordered().on_failure(OnFailure::Continue);
/// assert_eq!(settings.bound(), 8);
/// assert_eq!(settings.capacity(2).bound(), 6);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The name of the stage in failures and reports.
    pub name: Arc<str>,
    /// The number of jobs at once.
    pub limit: JobLimit,
    /// The number of items in the stage in addition to the limit; `None` stands for the number of the limit.
    pub capacity: Option<usize>,
    /// The order of the outputs.
    pub order: Order,
    /// The effect of a failure on the rest of the run.
    pub on_failure: OnFailure,
    /// The observers of the stage.
    pub observers: Observers,
}

impl Settings {
    /// Creates the settings of a stage called `name` with `limit` jobs at once, and defaults for the rest.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[must_use]
    #[track_caller]
    pub fn new(name: impl Into<Arc<str>>, limit: impl IntoJobLimit) -> Self {
        Self {
            name: name.into(),
            limit: limit.into_job_limit(),
            capacity: None,
            order: Order::default(),
            on_failure: OnFailure::default(),
            observers: Observers::default(),
        }
    }

    crate::builder!(ordered);
    crate::builder!(common);

    /// Returns the bound: the largest number of items in the stage at once, limit plus capacity. Under a
    /// [`LiveLimit`](crate::LiveLimit), the bound is the bound at this moment.
    #[must_use]
    pub fn bound(&self) -> usize {
        let limit = self.limit.get();
        limit.saturating_add(self.capacity.unwrap_or(limit))
    }
}

/// Writes a builder of [`Settings`] or of a pattern. The tokens after the builder's name lead from `self` to the
/// settings.
///
/// A new setting needs a rule of this macro and a name in the list `common`; every pattern then has the builder. A
/// builder for only some patterns is not in the list; the patterns with the builder name the builder in
/// [`builders!`](crate::builders).
#[doc(hidden)]
#[macro_export]
macro_rules! builder {
    (common $($at:tt)*) => {
        $crate::builder!(capacity $($at)*);
        $crate::builder!(on_failure $($at)*);
        $crate::builder!(named $($at)*);
        $crate::builder!(observed $($at)*);
    };
    (ordered $($at:tt)*) => {
        /// Sets the order of the outputs to the order of the inputs. By default, an output is yielded as soon as the
        /// output is ready.
        ///
        /// An output that is ready before its turn waits in the stage, and counts against the limit plus the capacity.
        #[must_use]
        pub fn ordered(mut self) -> Self {
            self $($at)* .order = $crate::Order::Ordered;
            self
        }
    };
    (capacity $($at:tt)*) => {
        /// Sets the capacity: the number of items in the stage in addition to the limit. The default capacity is the
        /// number of the limit.
        ///
        /// The capacity is mainly for outputs that are ready and not yet taken. With a capacity of zero, every output
        /// that is not taken occupies the place of a job.
        #[must_use]
        pub fn capacity(mut self, items: usize) -> Self {
            self $($at)* .capacity = ::core::option::Option::Some(items);
            self
        }
    };
    (on_failure $($at:tt)*) => {
        /// Sets the effect of a failure on the rest of the run. By default, the first failure stops the run.
        #[must_use]
        pub fn on_failure(mut self, on_failure: $crate::OnFailure) -> Self {
            self $($at)* .on_failure = on_failure;
            self
        }
    };
    (named $($at:tt)*) => {
        /// Sets the name of the stage in failures and reports.
        #[must_use]
        pub fn named(mut self, name: impl ::core::convert::Into<::std::sync::Arc<str>>) -> Self {
            self $($at)* .name = name.into();
            self
        }
    };
    (observed $($at:tt)*) => {
        /// Adds an observer of the items, for example for spans, metrics or a limit that adapts. A second observer is called
        /// after the first one.
        ///
        /// An observer has no influence on its run, and a run without an observer pays nothing.
        #[must_use]
        pub fn observed(mut self, observer: impl $crate::Observer) -> Self {
            self $($at)* .observers.add(observer);
            self
        }
    };
}

/// Writes the builders of a pattern: `capacity`, `on_failure`, `named` and `observed`, and the builders named after a colon.
///
/// The pattern is a type with a field `settings: `[`Settings`]. The type parameters are written without bounds.
/// The only builder to name is `ordered`, for patterns with an order of inputs. The docs of the builders are the same
/// for all patterns. A doc comment before the type describes the differences of the pattern; rustdoc shows the comment
/// above the builders.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use towpath_pattern::{Job, OnFailure, Pattern, PatternExt, Run, Scope, Settings, Source, builders};
///
/// struct Each<J> {
///     settings: Settings,
///     job: Arc<J>,
/// }
///
/// builders! {
///     /// By default, the name is `each`.
///     Each<J>: ordered
/// }
///
/// impl<In: Send + 'static, J: Job<In>> Pattern<In> for Each<J> {
///     type Out = J::Out;
///
///     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
///         Run::spawn(scope, input, self.settings.clone(), Arc::clone(&self.job))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// let job = Arc::new(|x: u64| async move { Ok(x + 1) });
/// let each = Each { settings: Settings::new("each", 4), job };
/// let each = each.ordered().capacity(16).on_failure(OnFailure::Continue).named("add one");
/// assert_eq!(each.run([1, 2]).collect().await?, [2, 3]);
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! builders {
    ($(#[$docs:meta])* $pattern:ident $(<$($parameter:ident),+>)? $(: $($builder:ident)+)?) => {
        $(#[$docs])*
        impl $(<$($parameter),+>)? $pattern $(<$($parameter),+>)? {
            $($($crate::builder!($builder .settings);)+)?
            $crate::builder!(common .settings);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_of_new_settings_is_twice_the_limit() {
        assert_eq!(Settings::new("stage", 3).bound(), 6);
    }

    #[test]
    fn bound_adds_the_capacity_to_the_limit() {
        assert_eq!(Settings::new("stage", 3).capacity(0).bound(), 3);
        assert_eq!(Settings::new("stage", 3).capacity(4).bound(), 7);
    }

    #[test]
    fn bound_of_the_largest_numbers_saturates() {
        assert_eq!(Settings::new("stage", usize::MAX).bound(), usize::MAX);
        assert_eq!(Settings::new("stage", usize::MAX).capacity(1).bound(), usize::MAX);
        assert_eq!(Settings::new("stage", 1).capacity(usize::MAX).bound(), usize::MAX);
    }

    #[test]
    fn builder_changes_its_own_setting_alone() {
        let plain = Settings::new("stage", 2);
        let Settings { name, limit, capacity, order, on_failure, .. } = plain.clone();
        assert_eq!((&*name, limit.get(), capacity), ("stage", 2, None));
        assert_eq!((order, on_failure), (Order::AsCompleted, OnFailure::Stop));

        let settings = plain.ordered().capacity(5).on_failure(OnFailure::Continue).named("other");
        let Settings { name, limit, capacity, order, on_failure, .. } = settings;
        assert_eq!((&*name, limit.get(), capacity), ("other", 2, Some(5)));
        assert_eq!((order, on_failure), (Order::Ordered, OnFailure::Continue));
    }
}
