//! What names choose on real threads.

use super::names::{Selected, lab_named, select_kind};
use crate::course::points::GradedLab;
use crate::course::test_kind::TestKind;
use crate::error::CommandError;

/// The one kind that runs on real threads. The others need time that is exact to the millisecond,
/// and only virtual time is.
pub const REAL_KIND: TestKind = TestKind::Cluster;

/// What a name chooses on real threads: a lab's name chooses only the tests of [`REAL_KIND`].
///
/// # Errors
///
/// [`CommandError::Misuse`] for another kind.
pub fn on_real_threads<'a>(
    labs: &[GradedLab],
    selector: &str,
    selected: Vec<Selected<'a>>,
) -> Result<Vec<Selected<'a>>, CommandError> {
    if let Some(lab) = lab_named(labs, selector) {
        return select_kind(labs, REAL_KIND, Some(lab));
    }
    let is_other_kind = |chosen: &Selected<'_>| matches!(chosen, Selected::Kind(_, kind) if *kind != REAL_KIND);
    if selected.iter().any(is_other_kind) {
        let kind = REAL_KIND.name();
        return Err(CommandError::Misuse(format!(
            "`{selector}` needs virtual time: on real threads, only `{kind}` tests run"
        )));
    }
    Ok(selected)
}
