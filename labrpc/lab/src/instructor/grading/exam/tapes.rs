//! The tapes that a tested process leaves behind, and which of them the judge gets.

use std::fs;
use std::path::Path;

use crate::error::CommandError;
use crate::grade::verdict::LabResult;

/// The largest file of a tape that the judge reads. Those of the reference are a third of it at most.
pub const TAPE_BYTES_MAX: u64 = 64 << 20;

/// Moves the tapes of all expected runs from where the tested process has written them to where the judge reads. Only plain
/// files are taken, and none that is too large: the judge finds no tape in their place. Nothing of the tested process runs any
/// more, so nothing changes meanwhile.
///
/// # Errors
///
/// If the system fails.
pub fn collect(from: &Path, to: &Path, claimed: &LabResult, first_seed: u64) -> Result<(), CommandError> {
    let failed = |path: &Path| CommandError::of_system(format!("{} could not be made", path.display()));
    if to.exists() {
        fs::remove_dir_all(to).map_err(failed(to))?;
    }
    fs::create_dir_all(to).map_err(failed(to))?;
    for verdict in &claimed.verdicts {
        for seed in first_seed..first_seed + verdict.expected.count() {
            let name = format!("{}.{seed}.tape", verdict.test.name);
            let is_good = |path: &Path| {
                fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() <= TAPE_BYTES_MAX)
            };
            let path = from.join(&name);
            if is_good(&path) {
                fs::rename(&path, to.join(&name)).map_err(failed(&to.join(&name)))?;
            }
        }
    }
    Ok(())
}
