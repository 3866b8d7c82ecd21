//! The two tracks of the course, and what tells their workspaces apart.

use super::{Course, LabCrate};

/// The page that becomes a student's README. Only the course itself has it.
pub const STUDENT_README: &str = "docs/handout-readme.md";

/// What tells the labs of the open track apart, in a lab's folder: how its tests boot its servers.
pub const TESTS_BOOT: &str = "tests/graded/lab.rs";
const OPEN_CONTRACT: &str = ".open(";

/// Whose design a student's servers follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Track {
    /// The course's. The student writes the rules into it.
    #[default]
    Guided,
    /// The student's own. What is given is what the tests need.
    Open,
}

impl Track {
    /// Its name, for people and for programs.
    pub fn name(self) -> &'static str {
        match self {
            Track::Guided => "guided",
            Track::Open => "open",
        }
    }
}

/// Whether a course is a handout.
pub fn is_handout(course: &Course) -> bool {
    !course.root().join(STUDENT_README).is_file()
}

/// Whether a lab's servers are of a student's own design.
pub fn is_open(course: &Course, lab: &LabCrate) -> bool {
    let tests = std::fs::read_to_string(course.folder(lab).join(TESTS_BOOT)).unwrap_or_default();
    tests.contains(OPEN_CONTRACT)
}

/// Whether a line declares a module in a file of its own.
pub fn is_module(line: &str) -> bool {
    let declared = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ");
    declared.is_some_and(|name| name.ends_with(';'))
}

/// Inserts a text after the inner doc comment at the beginning of a file.
pub fn after_docs(text: &str, inserted: &str) -> String {
    let docs_bytes: usize = text.split_inclusive('\n').take_while(|line| line.starts_with("//!")).map(str::len).sum();
    let (docs, rest) = text.split_at(docs_bytes);
    // If the file has only its doc comment, its last line may have no line end.
    let line_end = if docs.is_empty() || docs.ends_with('\n') { "" } else { "\n" };
    format!("{docs}{line_end}{inserted}{rest}")
}
