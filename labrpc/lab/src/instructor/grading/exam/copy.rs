//! Copies of what nobody changes.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Copies a file or folder: by a second name for each file, where that is possible.
///
/// # Errors
///
/// If something cannot be read or made.
pub fn link(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let found = fs::metadata(from)?;
    if found.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            link(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    let from = fs::canonicalize(from)?;
    match fs::hard_link(&from, to) {
        // A copy would write into the original, whose second name this may be.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => fs::copy(&from, to).map(drop),
        linked => linked,
    }
}
