//! The runs of one lab: by the submitted code, which records them, and by the judge, which makes them again.

use std::time::Duration;

use super::compile::Compiler;
use super::stories::Teller;
use super::verdict::{self, Runs};
use super::{Exam, RUN, tapes};
use crate::course::points::GradedLab;
use crate::course::{Course, begun};
use crate::error::CommandError;
use crate::grade::run::Runner;
use crate::grade::test_binary::TestBinary;
use crate::grade::verdict::LabResult;
use crate::instructor::grading::result::{LabEnding, LabGrade};
use crate::instructor::grading::sandbox::guard::Guard;
use crate::instructor::grading::sandbox::limits::Limits;
use crate::instructor::grading::sandbox::{Calls, Room};
use crate::output::progress::TestProgress;
use crate::request::{SeedChoice, Tapes, TestRequest};
use crate::selection::LabSelection;

/// A process that reports nothing for this long hangs. A run takes milliseconds; the rest is for slow machines.
const SILENCE_MAX: Duration = Duration::from_secs(60);

impl Exam {
    /// The grade of one lab. The teller makes pages of what failed.
    pub(super) fn grade_lab(
        &self,
        lab: &GradedLab,
        compiler: &mut Compiler<'_>,
        teller: Option<&Teller<'_>>,
    ) -> Result<LabGrade, CommandError> {
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
        let recorded = self.empty_folder(RUN)?;
        let mut room = Room::new(Calls::Test);
        room.read.extend([self.candidate.folder(lab.lab)]);
        room.write.push(recorded.clone());
        let mut guard = Guard::new(&self.sandbox, room, self.run_limits("running its tests", lab)?);
        let claimed = self.run(lab, &self.candidate, &tested, Tapes::Record(recorded.clone()), &mut guard)?;
        let ending = guard.ending();
        drop(guard);

        let tapes = self.folder.join("tapes");
        tapes::collect(&recorded, &tapes, &claimed, self.first_seed)?;
        let reports = self.empty_folder(RUN)?;
        let mut room = Room::new(Calls::Test);
        room.read.extend([self.judging.folder(lab.lab), tapes.clone()]);
        room.write.push(reports);
        let mut guard = Guard::new(&self.sandbox, room, self.run_limits("making its runs again", lab)?);
        let judged = self.run(lab, &self.judging, judge, Tapes::Play(tapes.clone()), &mut guard)?;
        let runs = Runs { claimed, judged, ending, ending_of_judge: guard.ending() };
        let mut grade = verdict::grade_of(lab, &self.candidate, &runs)?;
        if let Some(teller) = teller {
            teller.tell(lab.lab, judge, &runs.judged, &mut grade, &tapes, &mut guard)?;
        }
        // Where all users can read, another submission could hand these in as its own.
        self.remove(&tapes)?;
        Ok(grade)
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
        let reports = self.folder.join(RUN);
        let mut runner = Runner {
            course,
            request: &request,
            scratch: &reports,
            progress: &mut TestProgress::hidden(),
            harness_threads: Some(self.harness_threads),
            silence_max: SILENCE_MAX,
            keeper: Some(guard),
        };
        runner.run(&LabSelection::whole(lab)?, binary)
    }

    /// What the runs of a lab may take. The reference takes a few milliseconds for one, and a tenth of a megabyte.
    fn run_limits(&self, step: &'static str, lab: &GradedLab) -> Result<Limits, CommandError> {
        const FOR_ALL: Duration = Duration::from_secs(60);
        const FOR_EACH: Duration = Duration::from_millis(50);
        const DISK_FOR_ALL: u64 = 1 << 30;
        const DISK_FOR_EACH: u64 = 1 << 20;
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
            disk_bytes: DISK_FOR_ALL + DISK_FOR_EACH * runs,
            output_bytes: 256 << 20,
        })
    }
}
