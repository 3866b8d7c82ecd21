//! Test processes that nobody waits for any more. They may take a processor each.

use super::Finding;
use super::machine::output;
use crate::course::Course;
use crate::error::CommandError;

/// What the name of every test binary has.
const TEST_BINARY: &str = "/graded";

/// Looks for test processes of this workspace that were not started by a command that still runs.
pub fn left_over(course: &Course) -> Result<Vec<Finding>, CommandError> {
    // Where there is no `ps`, nothing is said.
    let Some(listing) = output("ps".into(), &["-A", "-o", "pid=,ppid=,args="]) else { return Ok(Vec::new()) };
    let target = course.target();
    let target = std::fs::canonicalize(&target).unwrap_or(target);
    let orphans = orphans(&listing, &target.to_string_lossy());
    Ok(vec![match orphans.is_empty() {
        true => Finding::ok("processes", "no test process is left over"),
        false => Finding::wrong(
            "processes",
            format!("test processes are left over: {}", orphans.join(", ")),
            format!("end them: kill {}", orphans.join(" ")),
        ),
    }])
}

/// The numbers of the test processes in this target folder whose parent is no `cargo lab`.
fn orphans<'a>(listing: &'a str, target: &str) -> Vec<&'a str> {
    let processes: Vec<(&str, &str, &str)> = listing.lines().filter_map(parts).collect();
    let is_test = |arguments: &str| {
        let binary = arguments.split_whitespace().find(|word| word.starts_with(&format!("{target}/")));
        binary.is_some_and(|binary| binary.contains(TEST_BINARY))
    };
    let is_waited_for = |parent: &str| {
        let parent = processes.iter().find(|(id, _, _)| *id == parent);
        let program = parent.and_then(|(_, _, arguments)| arguments.split_whitespace().next()).unwrap_or_default();
        // Also a test process's own children, and a debugger.
        !matches!(program.rsplit('/').next(), None | Some("" | "init" | "systemd" | "launchd" | "tini"))
    };
    let tests = processes.iter().filter(|(_, _, arguments)| is_test(arguments));
    tests.filter(|(_, parent, _)| *parent == "1" || !is_waited_for(parent)).map(|(id, _, _)| *id).collect()
}

fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (id, rest) = line.trim_start().split_once(' ')?;
    let (parent, arguments) = rest.trim_start().split_once(' ')?;
    Some((id, parent, arguments.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test process is left over if nothing waits for it; others, and those of other workspaces, are not ours.
    #[test]
    fn orphans_are_found() {
        let listing = "    1     0 /sbin/init\n  10     1 /w/target/debug/deps/graded-12 a --exact\n  \
                       11    20 /w/target/debug/deps/graded-12 b\n  20     5 target/debug/lab watch\n  \
                       12     1 /other/target/debug/deps/graded-9\n  13     1 vim graded.rs\n  \
                       14     1 /w/target/debug/lab test\n";
        assert_eq!(orphans(listing, "/w/target"), ["10"]);
    }
}
