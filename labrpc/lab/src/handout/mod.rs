//! The workspace that a student starts from: this one without the solutions.

pub mod check;
pub mod leak;
pub mod markers;

use std::collections::BTreeMap;
use std::path::Path;

use crate::begun::{self, Size};
use crate::bugs::catalogue::CATALOGUE_FILE;
use crate::course::{Course, LABS, LabCrate};
use crate::error::CommandError;
use crate::tree::{self, PlainFile, Tree};
use markers::{Section, Stripped};

/// The README of the student's workspace, in the course.
const STUDENT_README: &str = "docs/handout-readme.md";
const README: &str = "README.md";

/// Names of files that are removed in every folder: the known bugs, with parts of the solution, and
/// what only people who change the course need.
const WITHHELD: [&str; 4] = [CATALOGUE_FILE, "planted-bugs.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// The course's own CI.
const WITHHELD_FOLDER: &str = ".github/";

/// The workspace's manifest, and its line that a student's workspace does not have: students may leave
/// their own functions undocumented.
const MANIFEST: &str = "Cargo.toml";
const DOCS_LINT: &str = "missing_docs = \"warn\"\n";

/// A student's workspace, and the solutions that were taken out.
#[derive(Debug)]
pub struct Handout {
    /// The files of the course.
    pub reference: Tree,
    /// The files of the student's workspace.
    pub tree: Tree,
    /// The solutions, by the file that they were in.
    pub sections: BTreeMap<String, Vec<Section>>,
    /// The lines that were added to the labs' `lib.rs` files, by file.
    pub added: BTreeMap<String, String>,
}

impl Handout {
    /// Makes a handout in memory, so that an error leaves nothing behind.
    ///
    /// # Errors
    ///
    /// If a marker is wrong, or if there is none: the workspace is then itself a handout.
    pub fn of(course: &Course) -> Result<Handout, CommandError> {
        let reference = tree::read(course.root())?;
        let mut tree = reference.clone();
        tree.retain(|name, _| !is_withheld(name));
        let mut sections = BTreeMap::new();
        for lab in &LABS {
            for (name, file) in tree.iter_mut().filter(|(name, _)| is_source_of(lab, name)) {
                let taken = strip_file(lab, name, file)?;
                if !taken.is_empty() {
                    sections.insert(name.clone(), taken);
                }
            }
        }
        if sections.is_empty() {
            let reason = "this is a handout already: no lab has a solution between `// BEGIN` and `// END`";
            return Err(CommandError::Misuse(reason.to_string()));
        }
        let mut added = BTreeMap::new();
        for lab in LABS.iter().filter(|lab| count(&sections, lab) > 0) {
            let line = count_line(lab, &tree);
            if let Some(file) = tree.get_mut(&lib_of(lab)) {
                file.bytes = with_line(&String::from_utf8_lossy(&file.bytes), &line).into_bytes();
                added.insert(lib_of(lab), line);
            }
        }
        if let Some(file) = tree.get_mut(MANIFEST) {
            file.bytes = String::from_utf8_lossy(&file.bytes).replacen(DOCS_LINT, "", 1).into_bytes();
        }
        if let Some(readme) = tree.remove(STUDENT_README) {
            tree.insert(README.to_string(), readme);
        }
        Ok(Handout { reference, tree, sections, added })
    }

    /// Writes the student's workspace into `folder`.
    ///
    /// # Errors
    ///
    /// If the folder is not empty, or is inside of the course.
    pub fn write(&self, course: &Course, folder: &Path) -> Result<(), CommandError> {
        tree::write(&self.tree, course.root(), folder)
    }

    /// How many solutions were taken out of a lab.
    pub fn count(&self, lab: &LabCrate) -> usize {
        count(&self.sections, lab)
    }

    /// What the handout contains, in one line.
    pub fn summary(&self, folder: &Path) -> String {
        let counts: Vec<String> = LABS.iter().map(|lab| format!("{} {}", lab.title(), self.count(lab))).collect();
        let total: usize = self.sections.values().map(Vec::len).sum();
        let (files, folder, counts) = (self.tree.len(), folder.display(), counts.join(", "));
        format!("{folder}: {files} files, {total} solutions to write ({counts})\n")
    }
}

/// Whether a course is a handout: the page that becomes a student's README is only in the course.
pub fn is_handout(course: &Course) -> bool {
    !course.root().join(STUDENT_README).is_file()
}

fn count(sections: &BTreeMap<String, Vec<Section>>, lab: &LabCrate) -> usize {
    sections.iter().filter(|(name, _)| is_source_of(lab, name)).map(|(_, sections)| sections.len()).sum()
}

/// Whether only instructors get this file.
pub fn is_withheld(name: &str) -> bool {
    let file_name = name.rsplit('/').next().unwrap_or(name);
    WITHHELD.contains(&file_name) || name.starts_with(WITHHELD_FOLDER)
}

fn strip_file(lab: &LabCrate, name: &str, file: &mut PlainFile) -> Result<Vec<Section>, CommandError> {
    let text = std::str::from_utf8(&file.bytes)
        .map_err(|_| CommandError::Broken(format!("{name} is not UTF-8: the compiler would refuse it too")))?;
    let Stripped { text, sections } =
        markers::strip(text, lab, name).map_err(|error| CommandError::Broken(error.to_string()))?;
    file.bytes = text.into_bytes();
    Ok(sections)
}

fn is_source_of(lab: &LabCrate, name: &str) -> bool {
    name.ends_with(".rs") && name.starts_with(&format!("{}/src/", lab.package))
}

fn lib_of(lab: &LabCrate) -> String {
    format!("{}/src/lib.rs", lab.package)
}

/// The line for a lab's lib.rs that says how large the lab is, with this line.
fn count_line(lab: &LabCrate, tree: &Tree) -> String {
    let sources = tree.iter().filter(|(name, _)| is_source_of(lab, name));
    let texts: Vec<String> = sources.map(|(_, file)| String::from_utf8_lossy(&file.bytes).into_owned()).collect();
    let size = begun::size_of(lab, texts.iter().map(String::as_str));
    begun::count_line(Size { lines: size.lines + 1, ..size })
}

/// Inserts a line after the inner doc comment at the beginning of a lab's lib.rs.
fn with_line(text: &str, line: &str) -> String {
    let doc_bytes: usize = text.split_inclusive('\n').take_while(|line| line.starts_with("//!")).map(str::len).sum();
    let (doc, rest) = text.split_at(doc_bytes);
    // If the file has only its doc comment, its last line may have no line end.
    let line_end = if doc.is_empty() || doc.ends_with('\n') { "" } else { "\n" };
    format!("{doc}{line_end}{line}\n{rest}")
}
