//! The runs that a submission makes, and the judge's.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::GradingRequest;
use super::cohort::conditions::fingerprint;
use super::result::{Conditions, LabEnding, LabGrade, TestFailure, TestGrade};
use super::submission::Submission;
use crate::course::points::{self, GradedLab};
use crate::course::{Course, LABS, LabCrate, begun};
use crate::error::CommandError;
use crate::fingerprint::sha256;
use crate::grade::cargo::{Cargo, CargoOutput};
use crate::grade::record::RunRecord;
use crate::grade::run::{Runner, SILENCE_MAX};
use crate::grade::test_binary::TestBinary;
use crate::grade::verdict::{LabResult, TestVerdict};
use crate::instructor::handout::Handout;
use crate::output::progress::TestProgress;
use crate::request::{Profile, SeedChoice, Tapes, TestRequest};
use crate::scratch::Scratch;
use crate::selection::LabSelection;
use crate::tree::{self, Tree};

/// The workspaces in which submissions are graded: one for the code of each, and the judge's, which has none.
pub struct Exam {
    scratch: Scratch,
    /// The files of both workspaces, without any solution.
    pristine: Tree,
    candidate: Workspace,
    judge: Workspace,
    /// The test binaries of the judge.
    judges: HashMap<String, TestBinary>,
    labs: Vec<GradedLab>,
    seeds: Option<u64>,
    first_seed: u64,
    /// The fingerprint of the course.
    grader: String,
}

struct Workspace {
    course: Course,
    cargo: Cargo,
}

impl Workspace {
    fn new(scratch: &Path, name: &str, files: &Tree) -> Result<Workspace, CommandError> {
        let course = Course::at(&scratch.join(name));
        tree::write_into(files, course.root())?;
        let cargo = Cargo::new(&course, Profile::Release)
            .with_output(CargoOutput::Kept(scratch.join(format!("{name}.txt"))))
            .with_variable("CARGO_TARGET_DIR", scratch.join(format!("{name}-target")))
            .with_variable("CARGO_TERM_QUIET", "true");
        Ok(Workspace { course, cargo })
    }

    /// The test binaries of these labs; `None` if one does not compile.
    fn build(
        &self,
        labs: &[&LabCrate],
        scratch: &Scratch,
    ) -> Result<Option<HashMap<String, TestBinary>>, CommandError> {
        let build = self.cargo.build_tests(labs, scratch)?;
        build.map(|build| TestBinary::read_all(&build.executables)).transpose()
    }
}

impl Exam {
    /// Makes the workspaces, and builds the judge.
    pub fn prepare(handout: &Handout, request: &GradingRequest) -> Result<Exam, CommandError> {
        let scratch = Scratch::new("grading")?;
        let folder = fs::canonicalize(scratch.path())
            .map_err(CommandError::of_system(format!("{} could not be found", scratch.path().display())))?;
        let candidate = Workspace::new(&folder, "candidate", &handout.tree)?;
        let judge = Workspace::new(&folder, "judge", &handout.tree)?;
        let is_chosen =
            |lab: &GradedLab| request.labs.is_empty() || request.labs.iter().any(|chosen| chosen.id == lab.lab.id);
        let labs: Vec<GradedLab> = points::read_all(&judge.course)?.into_iter().filter(is_chosen).collect();
        let crates: Vec<&LabCrate> = labs.iter().map(|lab| lab.lab).collect();
        let judges = judge.build(&crates, &scratch)?.ok_or_else(|| {
            CommandError::Broken("the course itself does not compile without the solutions".to_string())
        })?;
        let (seeds, first_seed) = (request.seeds, request.first_seed.unwrap_or_else(|| hidden_seed(&folder)));
        let grader = fingerprint(handout);
        Ok(Exam { scratch, pristine: handout.tree.clone(), candidate, judge, judges, labs, seeds, first_seed, grader })
    }

    /// How submissions are graded.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            first_seed: self.first_seed,
            seeds: self.seeds,
            labs: self.labs.iter().map(|lab| lab.lab.id.to_string()).collect(),
            sandbox: "none".to_string(),
            grader: self.grader.clone(),
        }
    }

    /// Grades a submission, lab by lab.
    pub fn grade(&self, submission: &Submission) -> Result<Vec<LabGrade>, CommandError> {
        self.hand_in(submission)?;
        self.labs.iter().map(|lab| self.grade_lab(lab)).collect()
    }

    /// Puts a submission's files into the candidate's workspace, in place of the one before.
    fn hand_in(&self, submission: &Submission) -> Result<(), CommandError> {
        let root = self.candidate.course.root();
        for lab in &LABS {
            let prefix = format!("{}/src/", lab.package);
            let of_lab = |files: &Tree| -> Tree {
                let files = files.iter().filter(|(name, _)| name.starts_with(&prefix));
                files.map(|(name, file)| (name.clone(), file.clone())).collect()
            };
            let submitted = of_lab(&submission.files);
            let files = if submitted.is_empty() { of_lab(&self.pristine) } else { submitted };
            let sources = root.join(&prefix);
            if sources.exists() {
                fs::remove_dir_all(&sources)
                    .map_err(CommandError::of_system(format!("{} could not be removed", sources.display())))?;
            }
            tree::write_into(&files, root)?;
        }
        Ok(())
    }

    fn grade_lab(&self, lab: &GradedLab) -> Result<LabGrade, CommandError> {
        let points = lab.tests()?.iter().map(|test| test.points).sum();
        let nothing = |ending: LabEnding| LabGrade {
            lab: lab.lab.id.to_string(),
            points,
            score: 0,
            ending,
            notes: vec![],
            tests: vec![],
        };
        if !begun::is_begun(&self.candidate.course, lab.lab)? {
            return Ok(nothing(LabEnding::NotBegun));
        }
        let Some(binaries) = self.candidate.build(&[lab.lab], &self.scratch)? else {
            return Ok(nothing(LabEnding::CompileError(String::new())));
        };
        let tapes = self.scratch.path().join("tapes");
        let _ = fs::remove_dir_all(&tapes);
        fs::create_dir_all(&tapes)
            .map_err(CommandError::of_system(format!("{} could not be made", tapes.display())))?;
        let claimed = self.run(lab, &self.candidate.course, &binaries, Tapes::Record(tapes.clone()))?;
        let judged = self.run(lab, &self.judge.course, &self.judges, Tapes::Play(tapes))?;
        Ok(grade_of(points, &claimed, &judged))
    }

    fn run(
        &self,
        lab: &GradedLab,
        course: &Course,
        binaries: &HashMap<String, TestBinary>,
        tapes: Tapes,
    ) -> Result<LabResult, CommandError> {
        let request = TestRequest {
            seeds: self.seeds.map_or(SeedChoice::Listed, SeedChoice::Count),
            first_seed: Some(self.first_seed),
            tapes: Some(tapes),
            is_unshrunk: true,
            ..TestRequest::default()
        };
        let nothing = TestBinary::default();
        let binary = binaries.get(lab.lab.package).unwrap_or(&nothing);
        let mut runner = Runner {
            course,
            request: &request,
            scratch: &self.scratch,
            progress: &mut TestProgress::hidden(),
            harness_threads: None,
            silence_max: SILENCE_MAX,
        };
        runner.run(&LabSelection::whole(lab)?, binary)
    }
}

/// A test counts if the judge saw it pass, with the tapes of a process in which it passed too.
fn grade_of(points: u64, claimed: &LabResult, judged: &LabResult) -> LabGrade {
    let tests = judged.verdicts.iter().map(|verdict| {
        let own = claimed.verdicts.iter().find(|own| own.test.name == verdict.test.name);
        let is_passed = verdict.is_passed() && own.is_some_and(TestVerdict::is_passed);
        // Where the tested process failed by itself, it knows best why.
        let failed = own.filter(|own| !own.is_passed()).unwrap_or(verdict);
        let is_failed = |(_, run): &(&u64, &RunRecord)| run.failure.is_some();
        TestGrade {
            test: verdict.test.name.clone(),
            points: verdict.test.points,
            score: if is_passed { verdict.test.points } else { 0 },
            seeds: verdict.expected.count(),
            passed_seeds: failed.runs.values().filter(|run| run.failure.is_none()).count() as u64,
            failed_seeds: failed.runs.iter().filter(is_failed).map(|(seed, _)| *seed).collect(),
            failure: (!is_passed).then(|| TestFailure {
                rule: failed.rule().map(str::to_string),
                report: failed.failure().unwrap_or_default().to_string(),
                token: failed.failed_run().map(|run| run.token.clone()),
                known_mistakes: Vec::new(),
            }),
        }
    });
    let tests: Vec<TestGrade> = tests.collect();
    let score = tests.iter().map(|test| test.score).sum();
    let is_forged = claimed.score() > score;
    let note = || format!("the tested process reported {} points, which its runs do not show", claimed.score());
    let notes = is_forged.then(note).into_iter().collect();
    LabGrade { lab: judged.lab.id.to_string(), points, score, ending: LabEnding::Ran, notes, tests }
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
