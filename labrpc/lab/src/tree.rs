//! The files of a workspace: reading them, and writing them elsewhere.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::path::{Component, Path, PathBuf};

use crate::error::CommandError;
use crate::interrupt;
use crate::scratch::Scratch;

/// Folders of the workspace's root that belong to one checkout and not to the course.
const SKIPPED_AT_ROOT: [&str; 3] = [".git", ".ci", "target"];

/// A folder with this file can be made again: for instance a target folder of another name.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainFile {
    /// The contents.
    pub bytes: Vec<u8>,
    /// The permissions.
    pub permissions: Permissions,
}

/// Files by their paths from the root, with slashes on every system.
pub type Tree = BTreeMap<String, PlainFile>;

/// Reads a workspace.
///
/// # Errors
///
/// If something is not a file or a folder, or cannot be read.
pub fn read(root: &Path) -> Result<Tree, CommandError> {
    let mut tree = Tree::new();
    read_folder(root, "", &mut tree)?;
    Ok(tree)
}

/// Reads the Rust files of a lab's `src`, by their paths in it. Anything else is not compiled: what editors keep there, such as
/// the links with which Emacs locks a file, is left out.
///
/// # Errors
///
/// If a file cannot be read.
pub fn read_sources(folder: &Path) -> Result<Tree, CommandError> {
    let mut tree = Tree::new();
    read_sources_of(folder, "", &mut tree)?;
    Ok(tree)
}

fn read_sources_of(folder: &Path, prefix: &str, tree: &mut Tree) -> Result<(), CommandError> {
    let failed = |path: &Path| CommandError::of_system(format!("{} could not be read", path.display()));
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type().map_err(failed(&path))?;
        if name.starts_with('.') {
            continue;
        } else if kind.is_dir() {
            read_sources_of(&path, &format!("{prefix}{name}/"), tree)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            let bytes = fs::read(&path).map_err(failed(&path))?;
            let permissions = fs::metadata(&path).map_err(failed(&path))?.permissions();
            tree.insert(format!("{prefix}{name}"), PlainFile { bytes, permissions });
        }
    }
    Ok(())
}

fn read_folder(folder: &Path, prefix: &str, tree: &mut Tree) -> Result<(), CommandError> {
    interrupt::check()?;
    let failed = |path: &Path| CommandError::of_system(format!("{} could not be read", path.display()));
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path = entry.path();
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else {
            return Err(CommandError::Broken(format!("{} has a name that is not UTF-8: rename it", path.display())));
        };
        if prefix.is_empty() && SKIPPED_AT_ROOT.contains(&file_name) {
            continue;
        }
        let name = format!("{prefix}{file_name}");
        let kind = entry.file_type().map_err(failed(&path))?;
        if kind.is_dir() {
            if !path.join(CACHE_TAG).exists() {
                read_folder(&path, &format!("{name}/"), tree)?;
            }
        } else if kind.is_file() {
            let bytes = fs::read(&path).map_err(failed(&path))?;
            let permissions = fs::metadata(&path).map_err(failed(&path))?.permissions();
            tree.insert(name, PlainFile { bytes, permissions });
        } else {
            return Err(CommandError::Broken(format!(
                "{} is not a regular file: a copy of the course can hold only regular files",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Writes a tree into `folder`, which must be empty or not exist. It appears there completely or
/// not at all, because it is written to a temporary folder beside it first.
///
/// `finish` may do something with the files before they appear.
///
/// # Errors
///
/// [`CommandError::Misuse`] if the folder is not empty or is inside of `source`.
pub fn write(
    tree: &Tree,
    source: &Path,
    folder: &Path,
    finish: impl FnOnce(&Path) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let (parent, place) = free_place(source, folder)?;
    let failed = |path: &Path| CommandError::of_system(format!("{} could not be written", path.display()));
    fs::create_dir_all(&parent).map_err(failed(&parent))?;
    let staging = Scratch::new_in(&parent, "handout")?;
    let workspace = staging.path().join("workspace");
    write_into(tree, &workspace)?;
    finish(&workspace)?;
    if place.exists() {
        fs::remove_dir(&place).map_err(failed(&place))?;
    }
    fs::rename(&workspace, &place).map_err(failed(&place))
}

/// Writes the files of a tree into `folder`, and overwrites files that are there.
///
/// # Errors
///
/// On Ctrl-C, or if a file cannot be written.
pub fn write_into(tree: &Tree, folder: &Path) -> Result<(), CommandError> {
    for (name, file) in tree {
        interrupt::check()?;
        let path = folder.join(name);
        write_file(&path, file).map_err(CommandError::of_system(format!("{} could not be written", path.display())))?;
    }
    Ok(())
}

/// Makes the files of `folder` those of a tree, and leaves alone what is so already: its time does not change.
///
/// # Errors
///
/// On Ctrl-C, or if a file cannot be read, written or removed.
pub fn change_into(tree: &Tree, folder: &Path) -> Result<(), CommandError> {
    let before = if folder.exists() { read(folder)? } else { Tree::new() };
    for name in before.keys().filter(|name| !tree.contains_key(*name)) {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(CommandError::of_system(format!("{} could not be removed", path.display())))?;
    }
    let is_changed = |(name, file): &(&String, &PlainFile)| before.get(*name) != Some(*file);
    write_into(&tree.iter().filter(is_changed).map(|(name, file)| (name.clone(), file.clone())).collect(), folder)
}

fn write_file(path: &Path, file: &PlainFile) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, &file.bytes)?;
    fs::set_permissions(path, file.permissions.clone())
}

/// Checks that a workspace may be made in `folder`. Returns its parent and the folder itself.
fn free_place(source: &Path, folder: &Path) -> Result<(PathBuf, PathBuf), CommandError> {
    let place = absolute(folder)?;
    let refused = |reason: &str| Err(CommandError::Misuse(format!("{} {reason}", folder.display())));
    // Resolves links in the part of the path that exists.
    let existing = place.ancestors().find_map(|ancestor| fs::canonicalize(ancestor).ok());
    let source = fs::canonicalize(source).unwrap_or_else(|_| source.to_path_buf());
    if existing.is_some_and(|existing| existing.starts_with(&source)) {
        return refused("is inside the course: choose a folder outside of it, for instance ../handout");
    }
    if place.exists() {
        let Ok(mut entries) = fs::read_dir(&place) else {
            return refused("is not a readable folder: choose one that does not exist yet");
        };
        if entries.next().is_some() {
            return refused("is not empty: choose a folder that does not exist yet");
        }
    }
    match place.parent() {
        Some(parent) => Ok((parent.to_path_buf(), place)),
        None => refused("has no parent folder: choose a folder that does not exist yet"),
    }
}

/// The absolute path, with every `..` resolved.
fn absolute(folder: &Path) -> Result<PathBuf, CommandError> {
    let failed = CommandError::of_system(format!("{} could not be found", folder.display()));
    let mut resolved = PathBuf::new();
    for component in std::path::absolute(folder).map_err(failed)?.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    Ok(resolved)
}
