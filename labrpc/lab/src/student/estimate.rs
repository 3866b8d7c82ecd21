//! How long builds take.

use std::fs;

use crate::course::Course;

/// How long the first build of a lab takes on most machines. It is a range, since nobody knows the machine and its load.
const FIRST_BUILD: &str = "half a minute to two minutes";

/// How long the first build of a lab takes; `None` if there was one.
pub fn first_build(course: &Course) -> Option<&'static str> {
    if is_built(course) { None } else { Some(FIRST_BUILD) }
}

/// Whether a test binary was built before. What a student changes since is built in seconds.
fn is_built(course: &Course) -> bool {
    let Ok(entries) = fs::read_dir(course.target().join("debug/deps")) else { return false };
    // Only a whole build leaves an executable: parts of one have other endings.
    let is_executable = |name: &str| name.starts_with("graded-") && (!name.contains('.') || name.ends_with(".exe"));
    entries.flatten().any(|entry| is_executable(&entry.file_name().to_string_lossy()))
}
