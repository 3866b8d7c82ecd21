//! How long builds take.

use std::fs;
use std::thread;

use crate::course::Course;

/// The processor time of the first build of lab 2A's tests, with all that they need: measured on a server of 2.5 GHz.
const FIRST_BUILD_CPU_SECONDS: usize = 60;

/// More processors than this do not help: crates wait for each other.
const PROCESSORS_USED_MAX: usize = 4;

/// About how long the first build of a lab takes; `None` if there was one.
pub fn first_build(course: &Course) -> Option<String> {
    if is_built(course) {
        return None;
    }
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Some(in_words(FIRST_BUILD_CPU_SECONDS / processors.clamp(1, PROCESSORS_USED_MAX)))
}

/// Whether a test binary was built before. What a student changes since is built in seconds.
fn is_built(course: &Course) -> bool {
    let Ok(entries) = fs::read_dir(course.target().join("debug/deps")) else { return false };
    // Only a whole build leaves an executable: parts of one have other endings.
    let is_executable = |name: &str| name.starts_with("graded-") && (!name.contains('.') || name.ends_with(".exe"));
    entries.flatten().any(|entry| is_executable(&entry.file_name().to_string_lossy()))
}

fn in_words(seconds: usize) -> String {
    match seconds {
        0..55 => format!("{} seconds", seconds.max(5).next_multiple_of(5)),
        55..90 => "a minute".to_string(),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times are rounded: nobody believes an exact one.
    #[test]
    fn times_are_rounded() {
        assert_eq!([3, 21, 60, 130].map(in_words), ["5 seconds", "25 seconds", "a minute", "3 minutes"]);
    }
}
