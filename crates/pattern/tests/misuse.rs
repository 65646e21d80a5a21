//! What cannot be a job or a limit is refused by the compiler, with a reason.

#[test]
fn what_cannot_be_a_job_or_a_limit_is_refused_with_a_reason() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
