//! The files that count: what a student may write, in the labs that have begun.

use std::fs::{self, Permissions};
use std::path::Path;

use super::LabStatus;
use crate::course::Course;
use crate::error::CommandError;
use crate::interrupt;
use crate::tree::{PlainFile, Tree};

/// No source file of a person is larger. A larger one is most likely there by mistake.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// All of them together are not larger than this, for the same reason.
pub const ALL_BYTES_MAX: u64 = 8 << 20;

/// The files that count, by their paths in the workspace.
///
/// # Errors
///
/// If something is not a regular file, is too large, or has a name that is not UTF-8.
pub fn that_count(course: &Course, begun: &[&LabStatus]) -> Result<Tree, CommandError> {
    let mut files = Tree::new();
    for lab in begun {
        let package = lab.lab.package;
        add_folder(&course.root().join(package).join("src"), &format!("{package}/src/"), &mut files)?;
        if lab.is_open {
            add_file(&course.root().join(package).join("Cargo.toml"), format!("{package}/Cargo.toml"), &mut files)?;
        }
    }
    // A server of free design may use other crates.
    if begun.iter().any(|lab| lab.is_open) && course.root().join("Cargo.lock").exists() {
        add_file(&course.root().join("Cargo.lock"), "Cargo.lock".to_string(), &mut files)?;
    }
    let bytes: u64 = files.values().map(|file| file.bytes.len() as u64).sum();
    if bytes > ALL_BYTES_MAX {
        return Err(CommandError::Broken(format!(
            "the files that count have {bytes} bytes, and at most {ALL_BYTES_MAX} are handed in: remove what is no source code"
        )));
    }
    Ok(files)
}

/// Refuses what cannot be packed, in any lab.
///
/// # Errors
///
/// As [`that_count`].
pub fn refuse_unfit(course: &Course) -> Result<(), CommandError> {
    let folders = course.labs().map(|lab| (lab, course.folder(lab).join("src"))).filter(|(_, folder)| folder.is_dir());
    let mut files = Tree::new();
    folders.into_iter().try_for_each(|(lab, folder)| add_folder(&folder, &format!("{}/src/", lab.package), &mut files))
}

fn add_folder(folder: &Path, prefix: &str, files: &mut Tree) -> Result<(), CommandError> {
    interrupt::check()?;
    let failed = || CommandError::of_system(format!("{} could not be read", folder.display()));
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else {
            return Err(CommandError::Broken(format!(
                "{prefix}{} has a name that is not UTF-8: rename it",
                file_name.display()
            )));
        };
        // Editors keep files of their own there.
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let kind = entry.file_type().map_err(failed())?;
        match kind.is_dir() {
            true => add_folder(&entry.path(), &format!("{prefix}{name}/"), files)?,
            false => add_file(&entry.path(), format!("{prefix}{name}"), files)?,
        }
    }
    Ok(())
}

fn add_file(path: &Path, name: String, files: &mut Tree) -> Result<(), CommandError> {
    let failed = || CommandError::of_system(format!("{name} could not be read"));
    let metadata = fs::symlink_metadata(path).map_err(failed())?;
    let refused = |reason: String| Err(CommandError::Broken(format!("{name} {reason}")));
    if metadata.is_symlink() {
        return refused("is a symbolic link, and its target would be missing: put the file itself there".to_string());
    }
    if !metadata.is_file() {
        return refused("is not a regular file: remove it".to_string());
    }
    if metadata.len() > FILE_BYTES_MAX {
        let bytes = metadata.len();
        return refused(format!("has {bytes} bytes, and at most {FILE_BYTES_MAX} are handed in: is it source code?"));
    }
    let bytes = fs::read(path).map_err(failed())?;
    let permissions: Permissions = metadata.permissions();
    files.insert(name, PlainFile { bytes, permissions });
    Ok(())
}
