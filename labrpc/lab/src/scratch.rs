//! A temporary folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::CommandError;

/// A temporary folder. It is removed with its contents when this value is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Makes a folder inside the system's folder for temporary files.
    pub fn new(purpose: &str) -> Result<Scratch, CommandError> {
        Scratch::new_in(&env::temp_dir(), purpose)
    }

    /// Makes a folder inside `parent`.
    pub fn new_in(parent: &Path, purpose: &str) -> Result<Scratch, CommandError> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!(".cargo-lab-{purpose}-{}-{number}", process::id()));
        fs::create_dir(&folder).map_err(CommandError::of_system(format!("{} could not be made", folder.display())))?;
        Ok(Scratch { folder })
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // There is nobody to report an error to. The system clears its temporary folder at some
        // point.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two folders are never the same, and a dropped one is gone with its contents.
    #[test]
    fn a_dropped_folder_is_removed() {
        let scratch = Scratch::new("test").unwrap();
        let other = Scratch::new("test").unwrap();
        assert_ne!(scratch.path(), other.path());
        let folder = scratch.path().to_path_buf();
        fs::create_dir(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/file"), "text").unwrap();
        drop(scratch);
        assert!(!folder.exists());
    }
}
