//! Looks through the source of a lab for what cannot be noticed while it runs.
//!
//! std's `thread_local!` gives each thread of the operating system a value. In a simulation all threads of all servers
//! run on one of them, so they would share it, and a server would fail for no fault that its author can see.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What is wrong with the source of a package and of the labs that it depends on, with the line. Looked up once.
/// Nothing is known about the source of a program that is not started in its package's folder, as cargo does.
pub(super) fn misuse(package: &str) -> Option<&'static str> {
    static MISUSE: OnceLock<Option<String>> = OnceLock::new();
    let look = || {
        let folder = std::env::current_dir().ok().filter(|folder| folder.ends_with(package))?;
        let workspace = folder.parent()?;
        let mut labs = labs_in(&fs::read_to_string(folder.join("Cargo.toml")).ok()?);
        labs.extend(is_lab(package).then(|| package.to_string()));
        labs.iter().find_map(|lab| misuse_below(workspace, &Path::new(lab).join("src")))
    };
    MISUSE.get_or_init(look).as_deref()
}

/// The labs that a manifest names as dependencies.
fn labs_in(manifest: &str) -> Vec<String> {
    let names = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| is_lab(name)).map(str::to_string).collect()
}

/// Whether a package is a lab, such as `lab2a-election`. The test kit's own code runs outside of any simulation.
fn is_lab(package: &str) -> bool {
    package.starts_with("lab") && package.contains('-')
}

/// The first misuse in the Rust files of a folder, which is given relative to the workspace.
fn misuse_below(workspace: &Path, folder: &Path) -> Option<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(workspace.join(folder))
        .ok()?
        .filter_map(|entry| Some(folder.join(entry.ok()?.file_name())))
        .collect();
    paths.sort();
    paths.iter().find_map(|path| match path.extension() {
        Some(extension) if extension == "rs" => {
            let line = line_of_misuse(&fs::read_to_string(workspace.join(path)).ok()?)?;
            Some(format!(
                "{}:{line} uses std's `thread_local!`. In virtual time all threads of all servers run on one thread of the \
                 operating system, so all of them would share this value. Use `labrpc::thread_local!`, which gives each \
                 thread its own.",
                path.display()
            ))
        }
        _ => misuse_below(workspace, path),
    })
}

/// The line in which a file uses std's `thread_local!`, counted from 1.
fn line_of_misuse(text: &str) -> Option<usize> {
    const MACRO: &str = "thread_local!";
    let is_imported =
        text.lines().any(|line| line.trim_start().starts_with("use labrpc::") && line.contains("thread_local"));
    let is_misuse = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let Some((before, _)) = code.split_once(MACRO) else { return false };
        let is_other_name = before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let is_text = before.contains('"');
        let is_ours = before.ends_with("labrpc::") || is_imported && !before.ends_with("::");
        !is_other_name && !is_text && !is_ours
    };
    text.lines().position(is_misuse).map(|line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// std's macro is found by whatever path; labrpc's is not, and neither are comments, texts and other names.
    #[test]
    fn only_the_macro_of_std_is_refused() {
        for wrong in
            ["\nthread_local! {", "\n    std::thread_local!(static A: u8 = 0);", "use labrpc::x;\nthread_local! {"]
        {
            assert_eq!(line_of_misuse(wrong), Some(2), "{wrong}");
        }
        let right = [
            "labrpc::thread_local! {",
            "use labrpc::thread_local;\nthread_local! {",
            "use labrpc::{Index, thread_local};\nthread_local! {",
            "// no thread_local! here",
            "/// As std's `thread_local!`.",
            "my_thread_local! {",
            "println!(\"thread_local!\");",
            "let thread_local = 1;",
        ];
        for right in right {
            assert_eq!(line_of_misuse(right), None, "{right}");
        }
    }

    /// The labs that a lab is built on are looked through as well.
    #[test]
    fn the_labs_below_are_named_by_the_manifest() {
        let manifest = "[package]\nname = \"lab2b-log\"\n[dependencies]\nlab2a-election.workspace = true\nlabrpc.workspace = true\n\
                        [dev-dependencies]\nlab2c-persist = { path = \"x\" }\n";
        assert_eq!(labs_in(manifest), ["lab2a-election", "lab2c-persist"]);
    }
}
