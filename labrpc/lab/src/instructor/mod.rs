//! What only instructors need: handing the course out, grading it, and knowing that its tests find mistakes.
//!
//! A handout is built without the feature `instructor`, and does not have this folder.

pub mod bugs;
pub mod grading;
pub mod handout;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::arguments::{Command, Values};
use crate::course::Course;
use crate::error::CommandError;
use bugs::request::BugsRequest;
use grading::GradingRequest;
use grading::autograder::{self, AutograderRequest};
use grading::cohort::merge::{self, MergeRequest};
use handout::{Handout, HandoutPlan};

/// The commands of this module.
pub const COMMANDS: [Command; 5] = [
    Command {
        name: "bugs",
        what: "Plant known bugs and show which graded tests catch them",
        options: bugs::arguments::OPTIONS,
        values: Values::Labs,
        help: include_str!("bugs/help.txt"),
        parse: bugs::arguments::parse,
    },
    Command {
        name: "handout",
        what: "Make the workspace that a student starts from",
        options: handout::arguments::OPTIONS,
        values: Values::Paths,
        help: include_str!("handout/help.txt"),
        parse: handout::arguments::parse,
    },
    Command {
        name: "grade",
        what: "Grade what students have handed in",
        options: grading::arguments::OPTIONS,
        values: Values::Paths,
        help: include_str!("grading/help.txt"),
        parse: grading::arguments::parse,
    },
    Command {
        name: "merge",
        what: "Put the parts of a graded cohort together",
        options: merge::OPTIONS,
        values: Values::Paths,
        help: include_str!("grading/cohort/merge.txt"),
        parse: merge::parse,
    },
    Command {
        name: "gradescope",
        what: "Make an autograder for Gradescope",
        options: autograder::OPTIONS,
        values: Values::Paths,
        help: include_str!("grading/autograder/help.txt"),
        parse: autograder::parse,
    },
];

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Plant known bugs.
    Bugs(BugsRequest),
    /// Grade submissions.
    Grade(GradingRequest),
    /// Put parts of a graded cohort together.
    Merge(MergeRequest),
    /// Make an autograder for Gradescope.
    Autograder(AutograderRequest),
    /// Make a student's workspace in this folder.
    Handout(PathBuf, HandoutPlan),
    /// Make a student's workspace in a temporary folder and check it.
    HandoutCheck(HandoutPlan),
}

/// Does what is asked for.
///
/// # Errors
///
/// If it cannot be done. The text says why.
pub fn run(course: &Course, request: &Request, print: fn(&str)) -> Result<ExitCode, CommandError> {
    match request {
        Request::Bugs(request) => bugs::run(course, request, print),
        Request::Grade(request) => grading::run(course, request, print),
        Request::Merge(request) => merge::run(request, print),
        Request::Autograder(request) => autograder::run(course, request, print),
        Request::Handout(folder, plan) => {
            let handout = Handout::of(course, plan)?;
            handout.write(course, folder)?;
            print(&handout.summary(folder));
            Ok(ExitCode::SUCCESS)
        }
        Request::HandoutCheck(plan) => {
            handout::check::check(course, plan, &mut |line| print(line))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::num::NonZeroUsize;

    use super::bugs::request::BugsOutput;
    use super::*;
    use crate::arguments::{Audience, Invocation, parse};
    use crate::course::test_kind::TestKind;
    use crate::course::track::Track;
    use crate::request::Profile;

    fn read(line: &str) -> Request {
        match parse(line.split_whitespace().map(OsString::from), Audience::Instructor) {
            Ok(Invocation::Instructor(request)) => request,
            other => panic!("`{line}` is read as {other:?}"),
        }
    }

    /// Each option of `cargo lab bugs` reaches the request.
    #[test]
    fn options_reach_the_request_for_bugs() {
        let number = |number| NonZeroUsize::new(number);
        assert_eq!(read("bugs"), Request::Bugs(BugsRequest::default()));
        let expected = BugsRequest {
            track: Track::Open,
            selectors: vec!["2a".to_string(), "A03".to_string()],
            is_lawful_only: true,
            spread: number(30),
            is_all_labs: true,
            kind: Some(TestKind::Chaos),
            seeds: Some(5),
            jobs: number(2),
            profile: Profile::Release,
            output: BugsOutput::Json,
            stories: Some(PathBuf::from("stories")),
            markdown: Some(PathBuf::from("docs/planted-bugs.md")),
            is_known_mistakes: false,
            is_hints: false,
        };
        let line = "bugs 2a --open --lawful --spread 30 --all-labs --kind chaos --seeds 5 A03 -j 2 --release --json --stories stories --markdown docs/planted-bugs.md";
        assert_eq!(read(line), Request::Bugs(expected));
        let listed = BugsRequest { output: BugsOutput::List, jobs: number(1), ..BugsRequest::default() };
        assert_eq!(read("bugs --list --jobs=1"), Request::Bugs(listed));
    }

    /// A handout is either made or checked.
    #[test]
    fn a_handout_is_made_or_checked() {
        assert_eq!(read("handout ../student"), Request::Handout(PathBuf::from("../student"), HandoutPlan::default()));
        assert_eq!(read("handout --check"), Request::HandoutCheck(HandoutPlan::default()));
    }
}
