//! The macros for subjects and tests, and the list of the checks by name.
//!
//! The names of the checks are here once. A macro cannot read the registry in `laws` and `polls`, so a unit test
//! compares the two.

/// Writes the nine laws as tests of a pattern: a `#[test]` for every check, in a module for every subject.
///
/// Not for tests of a program around a pattern: `#[tokio::test(start_paused = true)]` and the pattern are enough.
///
/// ```
/// # use towpath_fanout::Fanout;
/// towpath_testkit::conformance! {
///     fanout(case, job) -> AsCompleted =>
///         Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure);
///     fanout_ordered(case, job) -> Ordered =>
///         Fanout::new(case.limit, job).ordered().capacity(case.capacity).on_failure(case.on_failure);
/// }
/// # fn main() {}
/// ```
///
/// The tests are named `fanout::bounds::never_more_jobs_than_the_limit`, and so on: subject, law, check. Every line has
///
/// - the name of the subject, also the name of the module;
/// - two names for the expression: `case` is the [`Case`](crate::Case), `job` is the job of the suite. The expression
///   must apply both. `In` is the type of the items, and `J` is the type of the job;
/// - the order of the outputs: `AsCompleted` or `Ordered`. A pattern with both orders has two lines;
/// - for a pattern of several stages, the number of stages, and the stage with the job, counted from zero, after the
///   order: `-> AsCompleted { stages: 3, job_stage: 1 } =>`. All further stages pass items on;
/// - the expression of the pattern. The imports of the file are in scope.
///
/// A line `fanout -> AsCompleted = subject::fanout();` has a [`Subject`](crate::Subject) in place of the pattern. Use
/// such a line if a soak or a benchmark needs the same subject; [`subjects!`](crate::subjects) writes the function.
#[macro_export]
macro_rules! conformance {
    () => {};
    (
        $name:ident($case:ident, $job:ident) -> $order:ident $({ $($settings:tt)* })? => $pattern:expr;
        $($rest:tt)*
    ) => {
        #[cfg(test)]
        mod $name {
            // Separate from the modules of the laws: the names of the laws would hide names of the expression.
            mod subject {
                #[allow(unused_imports, reason = "an expression may name everything by its path")]
                use super::super::*;

                $crate::subjects! {
                    pub $name($case, $job) -> $order $({ $($settings)* })? => $pattern;
                }
            }

            #[track_caller]
            fn check(law: &str, check: &str) {
                $crate::__private::check(subject::$name(), $crate::__private::Order::$order, law, check);
            }

            $crate::__checks! { __tests $order }
        }

        $crate::conformance! { $($rest)* }
    };
    ($name:ident -> $order:ident = $subject:expr; $($rest:tt)*) => {
        #[cfg(test)]
        mod $name {
            mod subject {
                #[allow(unused_imports, reason = "an expression may name everything by its path")]
                use super::super::*;

                pub fn subject() -> impl $crate::Subject {
                    $subject
                }
            }

            #[track_caller]
            fn check(law: &str, check: &str) {
                $crate::__private::check(subject::subject(), $crate::__private::Order::$order, law, check);
            }

            $crate::__checks! { __tests $order }
        }

        $crate::conformance! { $($rest)* }
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "expected `name(case, job) -> AsCompleted => pattern;` or `name -> AsCompleted = subject;`"
        );
    };
}

/// Writes functions that return a [`Subject`](crate::Subject), from the same lines as
/// [`conformance!`](crate::conformance).
///
/// Not for conformance tests alone: [`conformance!`](crate::conformance) accepts the lines directly. Use this macro in
/// a file that the conformance tests, the soak and the benchmark of a crate share.
///
/// ```
/// # use towpath_fanout::Fanout;
/// use towpath_testkit::Subject;
///
/// towpath_testkit::subjects! {
///     /// Outputs as they are ready.
///     pub fanout(case, job) -> AsCompleted =>
///         Fanout::new(case.limit, job).capacity(case.capacity).on_failure(case.on_failure);
/// }
///
/// assert_eq!(fanout().name(), "fanout");
/// ```
///
/// Every line makes a function with the name of the subject. [`Subject::name`](crate::Subject::name) has blanks in
/// place of `_`.
#[macro_export]
macro_rules! subjects {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis $name:ident($case:ident, $job:ident) -> $order:ident
            $({ $($setting:ident: $value:expr),+ $(,)? })?
            => $pattern:expr;
    )+) => { $(
        $(#[$attribute])*
        #[allow(dead_code, reason = "a program may use one subject of several")]
        $visibility fn $name() -> impl $crate::Subject + ::core::marker::Copy {
            #[derive(Clone, Copy)]
            struct Written;

            impl $crate::Subject for Written {
                fn name(&self) -> ::std::string::String {
                    ::core::stringify!($name).replace('_', " ")
                }

                fn order(&self) -> $crate::__private::Order {
                    $crate::__private::Order::$order
                }

                $($(
                    fn $setting(&self) -> usize {
                        $value
                    }
                )+)?

                fn pattern<In, J>(
                    &self,
                    $case: $crate::Case,
                    $job: J,
                ) -> impl $crate::__private::Pattern<In, Out = J::Out> + 'static
                where
                    In: ::core::clone::Clone + ::core::marker::Send + 'static,
                    J: $crate::__private::Job<In, Out: ::core::clone::Clone>,
                {
                    $pattern
                }
            }

            Written
        }
    )+ };
}

/// Calls a macro with the checks of a subject of this order, by law.
#[doc(hidden)]
#[macro_export]
macro_rules! __checks {
    ($then:ident AsCompleted) => {
        $crate::__checks! { @ $then unordered_is_the_order_of_completion unordered_holds_nothing_back }
    };
    ($then:ident Ordered) => {
        $crate::__checks! { @ $then ordered_is_input_order ordered_is_input_order_when_the_last_is_first }
    };
    ($then:ident $order:ident) => {
        ::core::compile_error!(::core::concat!(
            "the order of a subject is `AsCompleted` or `Ordered`, not `",
            ::core::stringify!($order),
            "`"
        ));
    };
    (@ $then:ident $($of_this_order:ident)+) => {
        $crate::$then! {
            conservation:
                every_item_is_in_one_group
                every_item_is_in_one_group_when_cancelled
                every_item_is_in_one_group_when_the_scope_is_cancelled
                every_item_is_in_one_group_when_the_deadline_passes
                items_never_started_return_to_the_source
                the_counts_add_up_at_every_moment
                the_counts_of_an_idle_run_are_exact
                every_item_is_in_one_group_when_drained
                every_item_is_in_one_group_of_a_drain_without_time
                every_item_is_in_one_group_of_a_run_that_stops_taking
                a_watch_ends_with_the_counts_of_the_report;
            bounds:
                never_more_jobs_than_the_limit
                never_more_items_in_a_stage_than_its_bound
                the_source_is_not_polled_at_the_bound
                a_receiver_that_pauses_keeps_the_bound
                failures_not_taken_count_as_items
                a_huge_limit_and_capacity_work;
            structure:
                nothing_is_left_at_the_end
                nothing_is_left_after_a_cancel
                nothing_is_left_of_a_dropped_run_after_its_scope
                nothing_is_left_after_the_deadline
                no_task_is_left
                no_permit_is_left
                the_source_is_dropped
                nothing_that_a_job_starts_is_left_at_the_end
                a_dropped_run_stops_without_a_wait
                the_scope_waits_for_a_job_that_computes;
            progress:
                jobs_continue_to_the_bound_without_a_receiver
                jobs_continue_to_the_bound_in_a_pause_of_the_receiver
                two_stages_under_one_semaphore_finish
                a_job_that_waits_for_a_later_one_finishes
                the_next_item_may_wait_for_the_last_output
                an_empty_source_ends
                a_drain_completes_every_started_job
                a_run_that_stops_taking_yields_every_started_item;
            first_cause:
                the_failure_yielded_last_is_the_first
                the_failure_yielded_last_is_no_cancellation
                a_cancel_masks_no_failure
                a_run_set_to_continue_yields_every_failure
                completed_outputs_are_yielded_before_the_failure
                a_later_cancel_masks_nothing
                a_later_failure_masks_nothing
                a_panic_in_the_drop_of_a_job_masks_nothing
                a_failure_of_the_source_comes_after_its_items
                a_cancellation_names_its_cause
                a_passed_deadline_is_reported_as_a_deadline
                first_returns_an_output_before_a_failure
                the_failure_beyond_the_tolerated_stops_the_run;
            no_silence:
                every_failure_is_reported_once
                every_failure_is_reported_once_when_cancelled
                a_panic_is_a_failure_with_message_item_and_stage
                a_panic_before_the_first_await_is_reported
                a_panic_in_the_source_is_reported
                a_panic_in_the_drop_of_an_item_is_reported
                a_panic_in_a_drop_during_a_cancel_is_reported
                a_panic_in_the_drop_of_the_source_is_reported
                a_failure_not_taken_is_in_the_report
                a_failure_of_a_dropped_run_is_reported_by_the_scope
                a_failure_of_a_drop_is_reported_by_the_scope
                a_runtime_that_shuts_down_ends_the_run_as_cancelled
                for_each_passes_every_output_and_failure_on
                every_call_of_a_service_has_its_own_reply;
            cancellation:
                a_cancelled_scope_stops_every_job
                a_cancelled_parent_scope_stops_every_job
                a_cancelled_run_stops_every_job
                a_dropped_run_stops_every_job
                jobs_that_are_always_ready_stop_at_their_next_await
                a_passed_deadline_stops_every_job_at_once
                an_endless_ready_source_stops
                an_endless_ready_source_stops_for_the_deadline
                no_job_starts_in_a_cancelled_scope
                no_job_starts_after_a_cancel_has_returned
                no_job_starts_after_a_cancel_within_a_job
                a_timer_fires_while_millions_of_items_are_ready;
            order:
                every_output_has_the_index_of_its_input
                an_index_is_kept_from_run_to_run
                $($of_this_order)+;
            no_added_wait:
                jobs_sleep_at_the_same_time
                a_job_starts_as_soon_as_another_completes
                no_item_waits_behind_a_job_that_waits
                no_item_waits_behind_the_first_job_that_waits
                outputs_are_yielded_in_a_pause_of_the_source
                an_arriving_item_starts_while_other_jobs_wait
                an_arriving_item_starts_while_another_job_computes
                a_generator_continues_while_a_job_computes;
            every_law:
                stopped_between_any_two_polls
                stopped_within_any_poll
                a_job_that_fails_at_any_poll
                a_source_that_fails_at_any_poll;
        }
    };
}

/// Writes a test for every check.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($($law:ident: $($check:ident)+;)+) => { $(
        mod $law { $(
            #[test]
            fn $check() {
                super::check(::core::stringify!($law), ::core::stringify!($check));
            }
        )+ }
    )+ };
}

/// Writes the names of the checks, as an array.
#[doc(hidden)]
#[macro_export]
macro_rules! __names {
    ($($law:ident: $($check:ident)+;)+) => {
        [$($(::core::concat!(::core::stringify!($law), "::", ::core::stringify!($check)),)+)+]
    };
}
