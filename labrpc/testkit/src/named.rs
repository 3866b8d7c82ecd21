//! Which tests the command line of this process names, for a test that `LAB_REPLAY` names.

use std::process::Command;
use std::sync::OnceLock;

/// Makes Rust's test harness list the tests that it would run.
const LIST: &str = "--list";

/// Whether this process runs the test with this name. The test harness knows: it is asked once, in a
/// process of its own, with the same arguments. If it does not answer, yes: the token may be right.
pub(crate) fn is_named(test: &str) -> bool {
    static LISTING: OnceLock<Option<String>> = OnceLock::new();
    LISTING.get_or_init(listing).as_deref().is_none_or(|listing| lists(listing, test))
}

fn listing() -> Option<String> {
    let arguments = std::env::args_os().skip(1);
    let output = Command::new(std::env::current_exe().ok()?).args(arguments).arg(LIST).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a list of the test harness has the test, in any module.
fn lists(listing: &str, test: &str) -> bool {
    let paths = listing.lines().filter_map(|line| line.strip_suffix(": test"));
    paths.into_iter().any(|path| path.rsplit("::").next() == Some(test))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test is found by its own name, whatever module it is in.
    #[test]
    fn a_listed_test_is_found() {
        let listing = "rules::votes::vote_once_2a: test\nidle_2a: test\n\n2 tests, 0 benchmarks\n";
        assert!(lists(listing, "vote_once_2a") && lists(listing, "idle_2a"));
        assert!(!lists(listing, "once_2a") && !lists(listing, "votes"));
    }

    /// This test's own process runs it.
    #[test]
    fn the_harness_is_asked() {
        assert!(is_named("the_harness_is_asked"));
    }
}
