//! A submission that is a folder, for instance a git checkout. Only what may count is looked at: whatever else lies there, it
//! may be large. Git is not asked: a repository can name programs that it would run.

use std::fs::{self, DirEntry, FileType};
use std::path::Path;

use super::NotRead;
use super::collector::{Collector, EntryKind};
use super::limits::{self, DEPTH_MAX};
use crate::course::LABS;
use crate::error::CommandError;
use crate::interrupt;

/// Offers the files of a folder, and of the folders in it that may be the workspace.
pub fn read(folder: &Path, collector: &mut Collector) -> Result<(), NotRead> {
    read_workspace(folder, "", collector)?;
    for entry in entries(folder)? {
        let name = entry.file_name();
        let is_lab = LABS.iter().any(|lab| name == lab.package);
        if kind_of(&entry.path())?.is_dir() && !is_lab && !name.as_encoded_bytes().starts_with(b".") {
            let name = name.to_string_lossy().into_owned();
            read_workspace(&entry.path(), &format!("{name}/"), collector)?;
        }
    }
    Ok(())
}

/// Offers what may count of a workspace: the list of what is handed in, and the labs.
fn read_workspace(folder: &Path, prefix: &str, collector: &mut Collector) -> Result<(), NotRead> {
    interrupt::check()?;
    for entry in entries(folder)? {
        let file_name = entry.file_name();
        let name = [prefix.as_bytes(), file_name.as_encoded_bytes()].concat();
        let kind = kind_of(&entry.path())?;
        let is_lab = LABS.iter().any(|lab| file_name == lab.package);
        if !is_lab || !kind.is_dir() {
            offer(&entry.path(), &name, kind, collector)?;
            continue;
        }
        for part in ["src", "tests", "tests/graded"] {
            let path = entry.path().join(part);
            let name = [name.as_slice(), b"/", part.as_bytes()].concat();
            match fs::symlink_metadata(&path) {
                Ok(found) if part == "src" && found.is_dir() => read_sources(&path, &name, 0, collector)?,
                Ok(found) if part == "tests/graded" && found.is_dir() => read_boot(&path, &name, collector)?,
                Ok(found) => offer(&path, &name, found.file_type(), collector)?,
                // It is not there.
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Offers the files of a lab's `src`.
fn read_sources(folder: &Path, name: &[u8], depth: usize, collector: &mut Collector) -> Result<(), NotRead> {
    interrupt::check()?;
    if depth > DEPTH_MAX {
        let name = String::from_utf8_lossy(name).into_owned();
        return Err(NotRead::refused(format!("{name} has more than {DEPTH_MAX} folders in each other")));
    }
    for entry in entries(folder)? {
        let file_name = entry.file_name();
        let name = [name, b"/", file_name.as_encoded_bytes()].concat();
        let kind = kind_of(&entry.path())?;
        match kind.is_dir() && !file_name.as_encoded_bytes().starts_with(b".") {
            true => read_sources(&entry.path(), &name, depth + 1, collector)?,
            false => offer(&entry.path(), &name, kind, collector)?,
        }
    }
    Ok(())
}

/// Offers the file that boots a lab's servers, which tells the tracks apart.
fn read_boot(folder: &Path, name: &[u8], collector: &mut Collector) -> Result<(), NotRead> {
    let path = folder.join("lab.rs");
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() => offer(&path, &[name, b"/lab.rs"].concat(), found.file_type(), collector),
        _ => Ok(()),
    }
}

fn offer(path: &Path, name: &[u8], kind: FileType, collector: &mut Collector) -> Result<(), NotRead> {
    let kind = match () {
        () if kind.is_dir() => EntryKind::Folder,
        () if kind.is_file() => EntryKind::File,
        () if kind.is_symlink() => EntryKind::Link,
        () => EntryKind::Other,
    };
    let failed = || CommandError::of_system(format!("{} could not be read", path.display()));
    let bytes = fs::symlink_metadata(path).map_err(failed())?.len();
    if let Some(wanted) = collector.offer(name, kind, bytes)? {
        let file = fs::File::open(path).map_err(failed())?;
        let bytes = limits::read_file(&wanted.name, file)?.map_err(failed())?;
        collector.keep(wanted, bytes)?;
    }
    Ok(())
}

/// What is at a path, links not followed.
fn kind_of(path: &Path) -> Result<FileType, CommandError> {
    let failed = CommandError::of_system(format!("{} could not be read", path.display()));
    Ok(fs::symlink_metadata(path).map_err(failed)?.file_type())
}

/// The entries of a folder, by name, so that the same one is refused each time.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, CommandError> {
    let failed = || CommandError::of_system(format!("{} could not be read", folder.display()));
    let entries: Result<Vec<DirEntry>, _> = fs::read_dir(folder).map_err(failed())?.collect();
    let mut entries = entries.map_err(failed())?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}
