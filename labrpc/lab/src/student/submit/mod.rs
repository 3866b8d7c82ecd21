//! What a student hands in: one archive with the files that count, and a list of them.
//!
//! The list, `submission.json`:
//!
//! | field | meaning |
//! |---|---|
//! | `version` | 1 |
//! | `course` | `version` of the course, and `handout`, the SHA-256 of the handout's list of files; null in the course itself |
//! | `track` | `guided` or `open` |
//! | `labs` | the labs that have begun, in course order |
//! | `date` | when it was made, in UTC |
//! | `files` | `path`, `bytes` and `sha256` of each file |
//!
//! Equal files make equal archives, but for the date. What a student's own tests said is not in it: the tests run again.

mod archive;
pub mod date;
pub mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::results::LastResults;
use super::status::{LabStatus, Status};
use crate::course::Course;
use crate::course::handout_list::HandoutList;
use crate::error::CommandError;
use crate::fingerprint::sha256;
use crate::tree::Tree;

/// The version of the list.
const VERSION: u64 = 1;

/// The archive, if no other name is given.
const ARCHIVE: &str = "raft-labs-submission.tar.gz";

/// The list of files in it.
pub const LIST: &str = "submission.json";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct SubmitRequest {
    /// The archive to write; `None` for the usual name in the workspace.
    pub file: Option<PathBuf>,
    /// Whether to say only what would be in it.
    pub is_list: bool,
}

/// Packs what a student has written, and says what is in it.
///
/// # Errors
///
/// [`CommandError::Misuse`] if no lab has begun, and [`CommandError::Broken`] if a file cannot be packed.
pub fn submit(course: &Course, request: &SubmitRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    files::refuse_unfit(course)?;
    let status = Status::of(course, &LastResults::read(course))?;
    let begun: Vec<&LabStatus> = status.labs.iter().filter(|lab| lab.is_begun() && !lab.written.is_given).collect();
    if begun.is_empty() {
        let reason = "nothing is written yet, so there is nothing to hand in: `cargo lab` says where to begin";
        return Err(CommandError::Misuse(reason.to_string()));
    }
    let files = files::that_count(course, &begun)?;
    if !request.is_list {
        let path = request.file.clone().unwrap_or_else(|| course.root().join(ARCHIVE));
        write(&path, &packed(course, &status, &begun, &files)?)?;
        print(&format!("{}: {} files, and {LIST}, the list of them\n", path.display(), files.len()));
    }
    print(&summary(&begun, &files));
    Ok(ExitCode::SUCCESS)
}

fn packed(course: &Course, status: &Status, begun: &[&LabStatus], files: &Tree) -> Result<Vec<u8>, CommandError> {
    let date = date::now()?;
    let handout = HandoutList::read(course)?;
    let file = |(name, file): (&String, &crate::tree::PlainFile)| json!({ "path": name, "bytes": file.bytes.len(), "sha256": sha256(&file.bytes) });
    let list = json!({
        "version": VERSION,
        "course": {
            "version": handout.as_ref().map_or(env!("CARGO_PKG_VERSION"), |handout| handout.version.as_str()),
            "handout": handout.as_ref().map(HandoutList::hash),
        },
        "track": status.track.name(),
        "labs": begun.iter().map(|lab| lab.lab.id).collect::<Vec<&str>>(),
        "date": date::in_words(date),
        "files": files.iter().map(file).collect::<Vec<Value>>(),
    });
    let mut archive = archive::Archive::default();
    archive.add(LIST, format!("{list:#}\n").as_bytes())?;
    for (name, file) in files {
        archive.add(name, &file.bytes)?;
    }
    Ok(archive.gzip())
}

/// Writes the archive beside its place first, so that an earlier one is replaced as a whole.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let failed = || CommandError::of_system(format!("{} could not be written", path.display()));
    if path.is_dir() {
        return Err(CommandError::Misuse(format!("{} is a folder: name a file in it", path.display())));
    }
    let new = path.with_extension("new");
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, path)).map_err(failed())
}

/// What is in it, lab by lab, and what the tests said last.
fn summary(begun: &[&LabStatus], files: &Tree) -> String {
    let mut text = String::new();
    for lab in begun {
        let own: Vec<usize> = files
            .iter()
            .filter(|(name, _)| name.starts_with(&format!("{}/", lab.lab.package)))
            .map(|(_, file)| file.bytes.len())
            .collect();
        let (count, bytes) = (own.len(), own.iter().sum::<usize>());
        let todos = match lab.written.todos {
            0 => String::new(),
            1 => "; one place is not written".to_string(),
            todos => format!("; {todos} places are not written"),
        };
        let points = match &lab.last {
            Some(_) => format!("{}/{} points when its tests ran last", lab.score, lab.points),
            None => "its tests have not run".to_string(),
        };
        text += &format!("{}  {count} files, {bytes} bytes; {points}{todos}\n", lab.lab.title());
    }
    let stale: Vec<String> = begun
        .iter()
        .filter(|lab| lab.last.is_none() || !lab.changed.is_empty())
        .map(|lab| lab.lab.id.to_string())
        .collect();
    if !stale.is_empty() {
        text += &format!("note: the tests have not run with this code: cargo lab test {}\n", stale.join(" "));
    }
    text
}
