//! The judge: the graded tests without any solution.
//!
//! Building it takes a minute. So what was built stays in the course's target folder, where cargo finds out what has changed
//! since, and each command works with copies.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::commands::{self, CompilerCalls};
use super::copy;
use crate::course::points::GradedLab;
use crate::course::track::Track;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::grade::cargo::{Cargo, CargoOutput, Executable};
use crate::grade::test_binary::TestBinary;
use crate::interrupt;
use crate::request::Profile;
use crate::scratch::Scratch;
use crate::tree::{self, Tree};

/// The judge of some labs.
#[derive(Debug, Default)]
pub struct Judge {
    /// Each lab's tests, by package.
    pub binaries: HashMap<String, TestBinary>,
    /// How the compiler was called for them.
    pub calls: CompilerCalls,
}

/// Where what was built is kept, in a course.
pub struct Kept {
    folder: PathBuf,
    /// Nobody else changes it while this is open.
    _lock: File,
}

impl Judge {
    /// Builds the judge, as far as it was not built before, and copies it into `folder`. `compiler` is this command, which notes
    /// the compiler's calls.
    ///
    /// # Errors
    ///
    /// If the course itself does not compile.
    pub fn build(
        kept: &Kept,
        pristine: &Tree,
        labs: &[GradedLab],
        compiler: &Path,
        folder: &Path,
        scratch: &Scratch,
    ) -> Result<Judge, CommandError> {
        let executables = kept.build(pristine, labs, compiler, scratch)?;
        let (from, to) = (kept.target(), folder.join("judge-target"));
        let calls = CompilerCalls::read(&kept.calls())?;
        let built = executables.iter().filter_map(|executable| executable.path.parent()).chain(calls.out_folders());
        for built in built.collect::<BTreeSet<&Path>>() {
            copy::link(built, &moved(built, &from, &to))
                .map_err(CommandError::of_system(format!("{} could not be copied", built.display())))?;
        }
        let calls = calls.moved(&from, &to);
        let moved = |executable: Executable| Executable { path: moved(&executable.path, &from, &to), ..executable };
        let executables: Vec<Executable> = executables.into_iter().map(moved).collect();
        Ok(Judge { binaries: TestBinary::read_all(&executables)?, calls })
    }
}

/// The same file in a copy of its folder.
fn moved(path: &Path, from: &Path, to: &Path) -> PathBuf {
    path.strip_prefix(from).map_or_else(|_| path.to_path_buf(), |inside| to.join(inside))
}

impl Kept {
    /// Opens the one for a track, as soon as nobody else works there.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, or if there can be none.
    pub fn open(course: &Course, track: Track) -> Result<Kept, CommandError> {
        let folder = course.target().join("cargo-lab").join(format!("judge-{}", track.name()));
        let failed = || CommandError::of_system(format!("{} could not be made", folder.display()));
        fs::create_dir_all(&folder).map_err(failed())?;
        let lock = File::create(folder.join("lock")).map_err(failed())?;
        let mut is_told = false;
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            if !std::mem::replace(&mut is_told, true) {
                eprintln!("another command builds the judge: waiting for it");
            }
            interrupt::check()?;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Kept { folder, _lock: lock })
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// They are removed along with what they have made.
    fn calls(&self) -> PathBuf {
        self.target().join("calls")
    }

    fn build(
        &self,
        pristine: &Tree,
        labs: &[GradedLab],
        compiler: &Path,
        scratch: &Scratch,
    ) -> Result<Vec<Executable>, CommandError> {
        let course = Course::at(&self.folder.join("course"));
        tree::change_into(pristine, course.root())?;
        let calls = self.calls();
        fs::create_dir_all(&calls)
            .map_err(CommandError::of_system(format!("{} could not be made", calls.display())))?;
        let log = scratch.path().join("judge.txt");
        let cargo = Cargo::new(&course, Profile::Release)
            .with_output(CargoOutput::Kept(log.clone()))
            .with_variable("CARGO_TARGET_DIR", self.target())
            .with_variable("CARGO_TERM_QUIET", "true")
            .with_variable("RUSTC_WRAPPER", compiler)
            .with_variable(commands::VARIABLE, &calls);
        let crates: Vec<&LabCrate> = labs.iter().map(|lab| lab.lab).collect();
        let build = cargo.build_tests(&crates, scratch)?.ok_or_else(|| {
            let report = fs::read_to_string(&log).unwrap_or_default();
            let error = report.lines().find(|line| line.starts_with("error")).unwrap_or("no reason was given");
            CommandError::Broken(format!("the course itself does not compile without the solutions: {error}"))
        })?;
        Ok(build.executables)
    }
}
