//! The toolchain, the disk, and how long the next build takes.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::{Command, Stdio};

use super::Finding;
use crate::course::Course;
use crate::error::CommandError;
use crate::student::estimate;

/// What all labs need in the target folder, with both profiles; measured, and rounded up.
const DISK_NEEDED_MEGABYTES: u64 = 1_000;

/// The version of the compiler, compared with the workspace's `rust-version`.
pub fn toolchain(course: &Course) -> Result<Vec<Finding>, CommandError> {
    let needed = needed_version(course);
    let Some(version) = output(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()), &["--version"]) else {
        return Ok(vec![Finding::wrong("toolchain", "rustc cannot be run", "install Rust: https://rustup.rs")]);
    };
    let found = version.split_whitespace().nth(1).unwrap_or_default().to_string();
    let text = format!("Rust {found}; the course needs {needed} or later");
    Ok(vec![match numbers(&found) >= numbers(&needed) {
        true => Finding::ok("toolchain", text),
        false => Finding::wrong("toolchain", text, "update it: rustup update stable"),
    }])
}

/// The formatter and the linter. No test needs them.
pub fn components(_: &Course) -> Result<Vec<Finding>, CommandError> {
    let cargo = || env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let is_missing = |tool: &&(&str, &str)| output(cargo(), &[tool.0, "--version"]).is_none();
    let missing: Vec<&str> =
        [("fmt", "rustfmt"), ("clippy", "clippy")].iter().filter(is_missing).map(|(_, component)| *component).collect();
    Ok(vec![match missing.is_empty() {
        true => Finding::ok("tools", "cargo fmt and cargo clippy are there"),
        false => Finding::note(
            "tools",
            format!("{} is missing; no test needs it, but it helps", missing.join(" and ")),
            format!("rustup component add {}", missing.join(" ")),
        ),
    }])
}

/// The space on the disk that the target folder is on.
pub fn disk(course: &Course) -> Result<Vec<Finding>, CommandError> {
    let target = course.target();
    let there = target.ancestors().find(|folder| folder.is_dir()).unwrap_or(course.root());
    let table = output("df".into(), &["-P", "-k", &there.to_string_lossy()]);
    let Some(free) = table.as_deref().and_then(free_megabytes) else {
        return Ok(Vec::new());
    };
    let text = format!("{free} MB are free for the target folder; all labs need about {DISK_NEEDED_MEGABYTES} MB");
    let is_built = estimate::first_build(course).is_none();
    Ok(vec![match free >= DISK_NEEDED_MEGABYTES || is_built && free >= DISK_NEEDED_MEGABYTES / 4 {
        true => Finding::ok("disk", text),
        false => Finding::wrong(
            "disk",
            text,
            "free some, or set CARGO_TARGET_DIR to a folder on another disk; `cargo clean` helps, too",
        ),
    }])
}

/// How long the next build takes.
pub fn build(course: &Course) -> Result<Vec<Finding>, CommandError> {
    Ok(vec![match estimate::first_build(course) {
        Some(time) => Finding::ok("build", format!("the first build takes {time}, later ones a few seconds")),
        None => Finding::ok("build", "the tests were built before: a build takes a few seconds"),
    }])
}

/// The `rust-version` of the workspace.
fn needed_version(course: &Course) -> String {
    let manifest = fs::read_to_string(course.root().join("Cargo.toml")).unwrap_or_default();
    let line = manifest.lines().find_map(|line| line.trim().strip_prefix("rust-version = \""));
    line.map_or("1.0", |rest| rest.trim_end_matches('"')).to_string()
}

/// The numbers of a version, without what follows them: `1.90.0-nightly` is as good as 1.90.0 here.
fn numbers(version: &str) -> Vec<u32> {
    let stable = version.split('-').next().unwrap_or_default();
    stable.split('.').map_while(|number| number.parse().ok()).collect()
}

/// The fourth column of the second line.
fn free_megabytes(table: &str) -> Option<u64> {
    let kilobytes: u64 = table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kilobytes / 1024)
}

/// What a program prints; `None` if it fails or is not there.
pub fn output(program: OsString, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions are compared by their numbers.
    #[test]
    fn versions_are_numbers() {
        assert!(numbers("1.88.0") >= numbers("1.88") && numbers("1.100.0-nightly") > numbers("1.99"));
        assert!(numbers("1.87.0") < numbers("1.88"));
    }

    /// The free space is read from what `df -P` prints.
    #[test]
    fn free_space_is_read() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 50 2048000 50% /\n";
        assert_eq!((free_megabytes(table), free_megabytes("")), (Some(2_000), None));
    }
}
