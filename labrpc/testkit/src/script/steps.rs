//! How a failed step of a script is printed: in columns.

use std::fmt::{Debug, Display, Write};

/// Fails the step: says what is wrong, and prints the rows, a label and a text each. Rows without
/// text are left out.
#[track_caller]
pub(super) fn fail(what: &str, rows: &[(&str, &dyn Display)]) -> ! {
    let mut text = String::from(what);
    for (label, value) in rows {
        let value = value.to_string();
        if !value.is_empty() {
            let _ = write!(text, "\n    {label:<9} {}", value.replace('\n', "\n              "));
        }
    }
    panic!("{text}");
}

/// Fails the step unless `got` is as expected. `why` says why the expected value is the right one.
///
/// # Panics
///
/// When they differ.
#[track_caller]
pub fn expect_eq<G: PartialEq<E> + Debug, E: Debug>(what: &str, got: G, expected: E, why: impl Display) {
    if got != expected {
        fail(
            &format!("{what}: not as expected"),
            &[("expected", &format!("{expected:?}")), ("because", &why), ("got", &format!("{got:?}"))],
        );
    }
}
