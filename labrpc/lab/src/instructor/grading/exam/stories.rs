//! Pages about failed runs. The judge makes such a run once more from its tape, and tells its story.
//!
//! No grade depends on this: where no story can be told, there is no page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::grade::test_binary::TestBinary;
use crate::grade::verdict::LabResult;
use crate::instructor::grading::cohort::names::file_name;
use crate::instructor::grading::result::LabGrade;
use crate::instructor::grading::sandbox::guard::Guard;
use crate::process::Supervised;
use crate::request::ReplayToken;
use crate::student::story::{self, Asked, StoryView};

/// The folder of the pages, in the folder of the results.
pub const FOLDER: &str = "stories";

/// The most pages of one lab: one for each rule that was broken, in the order of the tests.
const PAGES_MAX: usize = 3;

/// A longer story is not shown. The run may be as a hostile student wants it.
const STORY_BYTES_MAX: u64 = 64 << 20;

/// Who tells stories.
pub struct Teller<'a> {
    /// The instructor's course, which has the program that makes pages.
    pub course: &'a Course,
    /// The judge's workspace.
    pub judging: &'a Course,
    /// Where the judge may write.
    pub scratch: &'a Path,
    /// The folder of the results.
    pub out: &'a Path,
    /// What the submission is called.
    pub submission: &'a str,
}

impl Teller<'_> {
    /// Writes pages about runs of a lab that failed, and names them in its grade. `judged` is what the judge has seen, and
    /// `guard` keeps it in.
    ///
    /// # Errors
    ///
    /// On Ctrl-C.
    pub fn tell(
        &self,
        lab: &LabCrate,
        judge: &TestBinary,
        judged: &LabResult,
        grade: &mut LabGrade,
        tapes: &Path,
        guard: &mut Guard<'_>,
    ) -> Result<(), CommandError> {
        let mut told = BTreeSet::new();
        for verdict in judged.verdicts.iter().filter(|verdict| !verdict.is_passed()) {
            let name = &verdict.test.name;
            let Some((seed, _)) = verdict.runs.iter().find(|(_, run)| run.failure.is_some()) else { continue };
            if told.len() == PAGES_MAX || !told.insert(verdict.rule()) {
                continue;
            }
            let story = self.scratch.join(format!("{name}.json"));
            let token = ReplayToken::of(name, *seed);
            let Ok(mut command) = story::command(self.judging, lab, judge, &token, Asked::default(), &story) else {
                continue;
            };
            command.env("LAB_TAPES", format!("play:{}", tapes.display()));
            match guard.run(command) {
                Err(CommandError::Interrupted) => return Err(CommandError::Interrupted),
                Ok(Ok(_)) if is_short(&story) => {}
                _ => continue,
            }
            let page = PathBuf::from(FOLDER).join(format!("{}.{name}.html", file_name(self.submission)));
            if self.write(&story, &page)? {
                let failure =
                    grade.tests.iter_mut().find(|test| test.test == *name).and_then(|test| test.failure.as_mut());
                failure.into_iter().for_each(|failure| failure.story = Some(page.display().to_string()));
            }
        }
        Ok(())
    }

    /// Makes the page of a story. Returns whether there is one.
    fn write(&self, story: &Path, page: &Path) -> Result<bool, CommandError> {
        let page = self.out.join(page);
        let made = page.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok());
        let view = StoryView { page: Some(page), ..StoryView::default() };
        let mut command = story::show(self.course, story, &view);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        Ok(made && Supervised::start(&mut command)?.wait()?.success())
    }
}

fn is_short(story: &Path) -> bool {
    fs::symlink_metadata(story).is_ok_and(|found| found.is_file() && found.len() <= STORY_BYTES_MAX)
}
