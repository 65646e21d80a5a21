//! What cannot be a job or a limit, and a run that was finished and is used, is refused by the compiler, with a reason.

#[test]
fn what_the_compiler_can_see_is_refused_with_a_reason() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
