//! The runs that a submission makes, and the judge's.
//!
//! In reading order: `judge` is built without submitted code, and `commands` has the compiler's calls for it. `forbidden` and
//! `reach` look through the `words` of submitted code, and `compile` makes the same calls with it. `runs` makes the runs of a lab,
//! of which `tapes` takes what the tested process has recorded. `verdict` puts together what that process claims and what
//! the judge saw; `mistakes` finds known mistakes in it, and `stories` makes pages of it. `copy` is for all of them.

pub mod commands;
mod compile;
mod copy;
mod forbidden;
mod judge;
mod mistakes;
mod reach;
mod runs;
mod stories;
mod tapes;
mod verdict;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::GradingRequest;
use super::cohort::conditions::fingerprint;
use super::report;
use super::result::{Conditions, LabGrade};
use super::sandbox::{self, Sandbox};
use super::submission::Submission;
use crate::course::points::{self, GradedLab};
use crate::course::track::Track;
use crate::course::{Course, LABS};
use crate::error::CommandError;
use crate::fingerprint::sha256;
use crate::instructor::handout::Handout;
use crate::scratch::Scratch;
use crate::tree::{self, Tree};
use compile::Compiler;
use judge::{Judge, Kept};
use stories::Teller;

/// The folder for what a step's processes write.
const RUN: &str = "run";

/// Where one submission is graded, while others are graded elsewhere on the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desk {
    /// Which of them this is, from 0.
    pub number: usize,
    /// The processors for it.
    pub processors: usize,
}

/// The workspaces in which submissions are graded, one after the other: one for the code of each, and the judge's, which has
/// none.
pub struct Exam {
    /// Removed with everything in it.
    _scratch: Scratch,
    folder: PathBuf,
    sandbox: Sandbox,
    /// The files of both workspaces, without any solution.
    pristine: Tree,
    /// The workspace of submissions.
    candidate: Course,
    /// The judge's workspace.
    judging: Course,
    judge: Judge,
    toolchain: PathBuf,
    labs: Vec<GradedLab>,
    seeds: Option<u64>,
    first_seed: u64,
    /// How many tests run at a time.
    harness_threads: usize,
    /// Whose design the submissions follow.
    track: Track,
    /// The fingerprint of the course.
    grader: String,
    /// The instructor's own course.
    course: Course,
    /// The folder of the results, if pages about failed runs belong there.
    pages: Option<PathBuf>,
}

impl Exam {
    /// Makes the workspaces, and builds the judge. `course` is where it is kept.
    ///
    /// # Errors
    ///
    /// If there is no sandbox, or the course itself does not compile.
    pub fn prepare(
        course: &Course,
        handout: &Handout,
        request: &GradingRequest,
        desk: Desk,
    ) -> Result<Exam, CommandError> {
        let (scratch, folder) = open_scratch()?;
        let sandbox = Sandbox::choose(&folder, request.sandbox, request.is_unsandboxed, desk.number)?;
        let workspace = |name: &str| -> Result<Course, CommandError> {
            let course = Course::at(&folder.join(name));
            tree::write_into(&handout.tree, course.root())?;
            Ok(course)
        };
        let (candidate, judging) = (workspace("candidate")?, workspace("judge")?);
        let labs = chosen_labs(&judging, request)?;
        let judge = Judge::build(
            &Kept::open(course, request.track)?,
            &handout.tree,
            &labs,
            sandbox.helper(),
            &folder,
            &scratch,
        )?;
        let toolchain = compile::toolchain(&sandbox, &judge.calls, &folder)?;
        let (seeds, first_seed) = (request.seeds, request.first_seed.unwrap_or_else(hidden_seed));
        let pristine = handout.tree.clone();
        Ok(Exam {
            _scratch: scratch,
            folder,
            sandbox,
            pristine,
            candidate,
            judging,
            judge,
            toolchain,
            labs,
            seeds,
            first_seed,
            harness_threads: desk.processors,
            track: request.track,
            grader: fingerprint(handout),
            course: course.clone(),
            pages: request.out.clone().filter(|_| report::has_pages(&request.formats)),
        })
    }

    /// Only builds the judge, for commands that come later.
    ///
    /// # Errors
    ///
    /// If the course itself does not compile.
    pub fn build_judge(course: &Course, handout: &Handout, request: &GradingRequest) -> Result<(), CommandError> {
        let (scratch, folder) = open_scratch()?;
        let labs = chosen_labs(course, request)?;
        let helper = sandbox::helper(&folder)?;
        let kept = Kept::open(course, request.track)?;
        Judge::build(&kept, &handout.tree, &labs, &helper, &folder, &scratch).map(drop)
    }

    /// How submissions are graded.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            first_seed: self.first_seed,
            seeds: self.seeds,
            track: self.track.name().to_string(),
            labs: self.labs.iter().map(|lab| lab.lab.id.to_string()).collect(),
            sandbox: self.sandbox.name(),
            grader: self.grader.clone(),
        }
    }

    /// Whose design the submissions follow.
    pub fn track(&self) -> Track {
        self.track
    }

    /// Grades a submission of this name, lab by lab.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, or if the grader itself fails. What is submitted is never an error.
    pub fn grade(&self, name: &str, submission: &Submission) -> Result<Vec<LabGrade>, CommandError> {
        self.hand_in(submission)?;
        let scratch = self.folder.join(RUN);
        let teller = self.pages.as_ref().map(|out| Teller {
            course: &self.course,
            judging: &self.judging,
            scratch: &scratch,
            out,
            submission: name,
        });
        let out = self.empty_folder("out")?;
        let mut compiler = Compiler {
            sandbox: &self.sandbox,
            calls: &self.judge.calls,
            course: &self.candidate,
            out: &out,
            toolchain: &self.toolchain,
            submission,
            done: BTreeMap::new(),
        };
        let grades = self.labs.iter().map(|lab| self.grade_lab(lab, &mut compiler, teller.as_ref())).collect();
        self.sandbox.clean();
        grades
    }

    /// Puts a submission's files into the candidate's workspace, in place of the one before.
    fn hand_in(&self, submission: &Submission) -> Result<(), CommandError> {
        let root = self.candidate.root();
        for lab in &LABS {
            let prefix = format!("{}/src/", lab.package);
            let of_lab = |files: &Tree| -> Tree {
                let files = files.iter().filter(|(name, _)| name.starts_with(&prefix));
                files.map(|(name, file)| (name.clone(), file.clone())).collect()
            };
            let submitted = of_lab(&submission.files);
            let mut files = if submitted.is_empty() { of_lab(&self.pristine) } else { submitted };
            files.values_mut().for_each(|file| file.permissions.set_mode(0o644));
            let sources = root.join(&prefix);
            if sources.exists() {
                fs::remove_dir_all(&sources)
                    .map_err(CommandError::of_system(format!("{} could not be removed", sources.display())))?;
            }
            tree::write_into(&files, root)?;
        }
        Ok(())
    }

    /// An empty folder for the user of the sandbox, in place of the one before.
    fn empty_folder(&self, name: &str) -> Result<PathBuf, CommandError> {
        let path = self.folder.join(name);
        self.remove(&path)?;
        fs::create_dir(&path).map_err(CommandError::of_system(format!("{} could not be made", path.display())))?;
        set_mode(&path, 0o700)?;
        self.sandbox.give(&path)?;
        Ok(path)
    }

    fn remove(&self, path: &Path) -> Result<(), CommandError> {
        if !path.exists() {
            return Ok(());
        }
        fs::remove_dir_all(path).map_err(CommandError::of_system(format!("{} could not be removed", path.display())))
    }
}

/// A temporary folder, whose files can be read by the user of the sandbox; and its true path.
fn open_scratch() -> Result<(Scratch, PathBuf), CommandError> {
    let scratch = Scratch::new("grading")?;
    let folder = fs::canonicalize(scratch.path())
        .map_err(CommandError::of_system(format!("{} could not be found", scratch.path().display())))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    set_mode(&folder, 0o755)?;
    Ok((scratch, folder))
}

fn chosen_labs(course: &Course, request: &GradingRequest) -> Result<Vec<GradedLab>, CommandError> {
    let is_chosen =
        |lab: &GradedLab| request.labs.is_empty() || request.labs.iter().any(|chosen| chosen.id == lab.lab.id);
    Ok(points::read_all(course)?.into_iter().filter(is_chosen).collect())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), CommandError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(CommandError::of_system(format!("{} could not be changed", path.display())))
}

/// A seed that nobody can know before grading begins.
pub fn hidden_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // The standard library's keys are random, and different in each process.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), now.as_nanos());
    let digest = sha256(format!("{random} {}", now.as_nanos()).as_bytes());
    // Small enough to be typed, and to leave room for the seeds that follow.
    1 + u64::from_str_radix(&digest[..10], 16).unwrap_or(random & 0xff_ffff_ffff)
}
