//! Generated values, one after the other.

use std::{cell::RefCell, ops::Add};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

/// Compares this many values of a strategy; returns the sum of what was judged of each.
///
/// # Errors
/// The first difference, with the smallest value that has it.
pub fn compare_all<S: Strategy, T: Add<Output = T> + Copy + Default>(
    values: u32,
    strategy: &S,
    compare: impl FnMut(S::Value) -> anyhow::Result<T>,
) -> Result<T, TestError<S::Value>> {
    let state = RefCell::new((compare, T::default()));
    let config = Config { cases: values, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, |value| {
        let (compare, judged) = &mut *state.borrow_mut();
        let done = compare(value).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        *judged = *judged + done;
        Ok(())
    })?;
    Ok(state.into_inner().1)
}
