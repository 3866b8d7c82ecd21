//! What a student has handed in, and which of its files count: the Rust files of the labs' `src` folders.
//!
//! It may be a folder, a tar, a tar in gzip, a zip, or a git bundle; its content says which. The workspace may be one
//! folder further in, as in what GitHub lets people download. Nothing is unpacked to the disk: what counts is kept in memory,
//! within the bounds of `limits`, and everything else is passed over.
//!
//! `form` tells the forms apart, and there is a file for each; all of them offer their entries to `collector`, which alone
//! decides what counts and what is refused. A refusal is a sentence for the student that names the file.

mod bundle;
mod collector;
mod folder;
mod form;
mod git;
mod limits;
mod tarball;
mod zipped;

use std::fs::{self, File};
use std::path::Path;

use crate::course::track::Track;
use crate::error::CommandError;
use crate::fingerprint::sha256;
use crate::tree::Tree;
use collector::Collector;
use form::Form;

/// What somebody has handed in.
#[derive(Debug)]
pub struct Submission {
    /// The source files, by their paths in the course.
    pub files: Tree,
    /// The SHA-256 of these files with their paths: equal code has an equal digest, however it is packed.
    pub digest: String,
}

/// Why there is nothing to grade.
#[derive(Debug)]
pub enum NotRead {
    /// The submission cannot be graded. A sentence for the student.
    Refused(String),
    /// The grader or its machine failed, which is not the student's fault.
    Failed(CommandError),
}

impl From<CommandError> for NotRead {
    fn from(error: CommandError) -> NotRead {
        NotRead::Failed(error)
    }
}

impl NotRead {
    /// Refuses a submission for this reason.
    fn refused(reason: impl Into<String>) -> NotRead {
        NotRead::Refused(reason.into())
    }
}

impl Submission {
    /// Reads a submission of any form, and of this track.
    ///
    /// # Errors
    ///
    /// See [`NotRead`].
    pub fn read(path: &Path, track: Track) -> Result<Submission, NotRead> {
        let failed = || CommandError::of_system(format!("{} could not be read", path.display()));
        let metadata = fs::metadata(path).map_err(failed())?;
        let mut collector = Collector::default();
        if metadata.is_dir() {
            folder::read(path, &mut collector)?;
        } else if metadata.is_file() {
            limits::check_archive(metadata.len())?;
            let mut file = File::open(path).map_err(failed())?;
            match form::of(&mut file).map_err(failed())? {
                Form::Tar => tarball::read_plain(file, &mut collector)?,
                Form::Gzip => tarball::read_gzip(file, metadata.len(), &mut collector)?,
                Form::Zip => zipped::read(file, &mut collector)?,
                Form::Bundle => bundle::read(file, &mut collector)?,
                Form::Other(what) => return Err(NotRead::refused(form::refusal(what))),
            }
        } else {
            return Err(NotRead::refused("it is not a file or a folder"));
        }
        let files = collector.finish(track)?;
        let digest = digest(&files);
        Ok(Submission { files, digest })
    }
}

/// The digest of files with their paths. Lengths stand before texts, so different trees have different digests.
fn digest(files: &Tree) -> String {
    let mut bytes = Vec::new();
    for (name, file) in files {
        for part in [name.as_bytes(), &file.bytes] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
    }
    sha256(&bytes)
}

#[cfg(test)]
mod tests;
