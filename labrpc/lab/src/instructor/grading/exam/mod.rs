//! The runs that a submission makes, and the judge's.
//!
//! `judge` is built without submitted code; `commands` has the compiler's calls for it, `compile` makes them with submitted code,
//! and `forbidden` and `reach` look through its `words` before; `tapes` takes what a tested process has recorded, `verdict` puts what it claims and what the judge saw together, and `mistakes` finds known ones in it.

pub mod commands;
mod compile;
mod copy;
mod forbidden;
mod judge;
mod mistakes;
mod reach;
mod tapes;
mod verdict;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::GradingRequest;
use super::cohort::conditions::fingerprint;
use super::result::{Conditions, LabEnding, LabGrade};
use super::sandbox::guard::Guard;
use super::sandbox::limits::Limits;
use super::sandbox::{self, Calls, Room, Sandbox};
use super::submission::Submission;
use crate::course::points::{self, GradedLab};
use crate::course::track::Track;
use crate::course::{Course, LABS, begun};
use crate::error::CommandError;
use crate::fingerprint::sha256;
use crate::grade::run::Runner;
use crate::grade::test_binary::TestBinary;
use crate::grade::verdict::LabResult;
use crate::instructor::handout::Handout;
use crate::output::progress::TestProgress;
use crate::request::{SeedChoice, Tapes, TestRequest};
use crate::scratch::Scratch;
use crate::selection::LabSelection;
use crate::tree::{self, Tree};
use compile::Compiler;
use judge::{Judge, Kept};
use verdict::Runs;

/// A process that reports nothing for this long hangs. A run takes milliseconds; the rest is for slow machines.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The workspaces in which submissions are graded: one for the code of each, and the judge's, which has none.
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
    /// Whose design the submissions follow.
    track: Track,
    /// The fingerprint of the course.
    grader: String,
}

impl Exam {
    /// Makes the workspaces, and builds the judge. `course` is where it is kept.
    ///
    /// # Errors
    ///
    /// If there is no sandbox, or the course itself does not compile.
    pub fn prepare(course: &Course, handout: &Handout, request: &GradingRequest) -> Result<Exam, CommandError> {
        let (scratch, folder) = open_scratch()?;
        let sandbox = Sandbox::choose(&folder, request.sandbox, request.is_unsandboxed)?;
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
        let (seeds, first_seed) = (request.seeds, request.first_seed.unwrap_or_else(|| hidden_seed(&folder)));
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
            track: request.track,
            grader: fingerprint(handout),
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

    /// Grades a submission, lab by lab.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, or if the grader itself fails. What is submitted is never an error.
    pub fn grade(&self, submission: &Submission) -> Result<Vec<LabGrade>, CommandError> {
        self.hand_in(submission)?;
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
        let grades = self.labs.iter().map(|lab| self.grade_lab(lab, &mut compiler)).collect();
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

    fn grade_lab(&self, lab: &GradedLab, compiler: &mut Compiler<'_>) -> Result<LabGrade, CommandError> {
        if !begun::is_begun(&self.candidate, lab.lab)? {
            return verdict::nothing(lab, LabEnding::NotBegun);
        }
        let executable = match compiler.tests(lab.lab)? {
            Ok(executable) => executable,
            Err(ending) => return verdict::nothing(lab, ending),
        };
        let package = lab.lab.package;
        let judge =
            self.judge.binaries.get(package).ok_or_else(|| CommandError::Broken(format!("{package} has no judge")))?;
        let tested = judge.at(executable.clone());
        let recorded = self.empty_folder("run")?;
        let mut room = Room::new(Calls::Test);
        room.read.extend([self.candidate.folder(lab.lab)]);
        room.write.push(recorded.clone());
        let mut guard = Guard::new(&self.sandbox, room, self.run_limits("running its tests", lab)?);
        let claimed = self.run(lab, &self.candidate, &tested, Tapes::Record(recorded.clone()), &mut guard)?;
        let ending = guard.ending();
        drop(guard);

        let tapes = self.folder.join("tapes");
        tapes::collect(&recorded, &tapes, &claimed, self.first_seed)?;
        let reports = self.empty_folder("run")?;
        let mut room = Room::new(Calls::Test);
        room.read.extend([self.judging.folder(lab.lab), tapes.clone()]);
        room.write.push(reports);
        let mut guard = Guard::new(&self.sandbox, room, self.run_limits("making its runs again", lab)?);
        let judged = self.run(lab, &self.judging, judge, Tapes::Play(tapes.clone()), &mut guard)?;
        // Where all users can read, another submission could hand these in as its own.
        self.remove(&tapes)?;
        let runs = Runs { claimed, judged, ending, ending_of_judge: guard.ending() };
        verdict::grade_of(lab, &self.candidate, &runs)
    }

    fn run(
        &self,
        lab: &GradedLab,
        course: &Course,
        binary: &TestBinary,
        tapes: Tapes,
        guard: &mut Guard<'_>,
    ) -> Result<LabResult, CommandError> {
        let request = TestRequest {
            seeds: self.seeds.map_or(SeedChoice::Listed, SeedChoice::Count),
            first_seed: Some(self.first_seed),
            tapes: Some(tapes),
            is_unshrunk: true,
            ..TestRequest::default()
        };
        let reports = self.folder.join("run");
        let mut runner = Runner {
            course,
            request: &request,
            scratch: &reports,
            progress: &mut TestProgress::hidden(),
            harness_threads: None,
            silence_max: SILENCE_MAX,
            keeper: Some(guard),
        };
        runner.run(&LabSelection::whole(lab)?, binary)
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

    /// What the runs of a lab may take. The reference takes a few milliseconds for one.
    fn run_limits(&self, step: &'static str, lab: &GradedLab) -> Result<Limits, CommandError> {
        const FOR_ALL: Duration = Duration::from_secs(60);
        const FOR_EACH: Duration = Duration::from_millis(50);
        let runs: u64 = lab.tests()?.iter().map(|test| self.seeds.unwrap_or(test.seeds)).sum();
        let cpu = FOR_ALL + FOR_EACH * u32::try_from(runs).unwrap_or(u32::MAX);
        Ok(Limits {
            step,
            // A machine that does other work as well takes longer.
            wall: 2 * cpu,
            cpu,
            memory_bytes: 2 << 30,
            address_bytes: 16 << 30,
            threads: 256,
            file_bytes: tapes::TAPE_BYTES_MAX,
            disk_bytes: 4 << 30,
            output_bytes: 256 << 20,
        })
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
fn hidden_seed(folder: &Path) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // The standard library's keys are random, and different in each process.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), now.as_nanos());
    let digest = sha256(format!("{random} {} {}", now.as_nanos(), folder.display()).as_bytes());
    // Small enough to be typed, and to leave room for the seeds that follow.
    1 + u64::from_str_radix(&digest[..10], 16).unwrap_or(random & 0xff_ffff_ffff)
}
