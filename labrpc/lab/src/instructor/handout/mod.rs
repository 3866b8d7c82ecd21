//! The workspace that a student starts from: this one without the solutions.

pub mod arguments;
pub mod check;
pub mod leak;
mod links;
mod manifests;
pub mod markers;
pub mod open;
mod order;
mod repository;
mod through;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::course::begun::{self, Size};
use crate::course::handout_list::{HANDOUT_LIST, HandoutList};
use crate::course::track::{STUDENT_README, Track, after_docs};
use crate::course::{Course, LABS, LabCrate};
use crate::error::CommandError;
use crate::fingerprint::sha256;
use crate::instructor::bugs::catalogue::CATALOGUE_FILE;
use crate::student::hint::place::{self, HINTS_FILE, PlaceToWrite};
use crate::tree::{self, PlainFile, Tree};
use markers::{Section, Stripped};

const README: &str = "README.md";

/// Names of files that are removed in every folder: the known bugs, with parts of the solution, and
/// what only people who change the course need.
const WITHHELD: [&str; 6] =
    [CATALOGUE_FILE, "planted-bugs.md", "planted-bugs-open.md", "CONTRIBUTING.md", "CHANGELOG.md", "instructors.md"];

/// The course's own workflows and forms.
const GITHUB: &str = ".github/";

/// Where GitHub finds the workflow that tests a student's labs, and where the course has it.
const WORKFLOW: &str = ".github/workflows/labs.yml";
const WORKFLOW_IN_COURSE: &str = "labrpc/lab/src/instructor/handout/labs.yml";

/// The stories of known bugs.
const STORIES: &str = "docs/stories/";

/// The command `cargo lab`.
const COMMAND: &str = "labrpc/lab/";

/// The course's own CI, the stories, and the instructor's part of the command with the tests that need it.
const WITHHELD_FOLDERS: [&str; 4] = [GITHUB, STORIES, "labrpc/lab/src/instructor/", "labrpc/lab/tests/"];

/// Which workspace to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandoutPlan {
    /// Whose design it is for.
    pub track: Track,
    /// The labs that it has with their solutions, those of the guided track.
    pub solved: Vec<&'static LabCrate>,
    /// The last lab that it has; `None` for all of them.
    pub through: Option<&'static LabCrate>,
}

impl HandoutPlan {
    /// Whether the workspace has this lab.
    pub fn has(&self, lab: &LabCrate) -> bool {
        self.through.is_none_or(|last| lab.id <= last.id)
    }

    /// The labs that the workspace has.
    pub fn labs(&self) -> impl Iterator<Item = &'static LabCrate> {
        LABS.iter().filter(|lab| self.has(lab))
    }
}

/// A student's workspace, and the solutions that were taken out.
#[derive(Debug)]
pub struct Handout {
    /// What was asked for.
    pub plan: HandoutPlan,
    /// The files of the course.
    pub reference: Tree,
    /// The files of the student's workspace.
    pub tree: Tree,
    /// The solutions, by the file that they were in.
    pub sections: BTreeMap<String, Vec<Section>>,
    /// The lines that were added to the labs' `lib.rs` files, by file.
    pub added: BTreeMap<String, String>,
    /// The list of its files.
    pub list: HandoutList,
    /// The files of the course that are in the workspace, perhaps under another name or changed.
    pub given: BTreeSet<String>,
}

impl Handout {
    /// Makes a handout in memory, so that an error leaves nothing behind.
    ///
    /// # Errors
    ///
    /// If a marker is wrong, or if there is none: the workspace is then itself a handout.
    pub fn of(course: &Course, plan: &HandoutPlan) -> Result<Handout, CommandError> {
        let reference = tree::read(course.root())?;
        if !has_solutions(&reference) {
            let reason = "this is a handout already: no lab has a solution between `// BEGIN` and `// END`";
            return Err(CommandError::Misuse(reason.to_string()));
        }
        let mut tree = reference.clone();
        tree.retain(|name, _| !is_withheld(name));
        manifests::remove_crate(&mut tree, "open");
        manifests::remove_docs_lint(&mut tree);
        let mut moved = Vec::new();
        manifests::remove_instructor(&mut tree);
        let to_write = || plan.labs().filter(|lab| !plan.solved.contains(lab));
        let readme = match plan.track {
            Track::Guided => {
                tree.remove(open::PAGE);
                STUDENT_README
            }
            Track::Open => {
                tree.retain(|name, _| !open::is_of_guided_track(name));
                manifests::remove_crate(&mut tree, "solved");
                manifests::remove_tests_of_solved(&mut tree);
                for lab in to_write() {
                    open::open_lab(lab, &reference, &mut tree, &mut moved)?;
                    manifests::add_dependencies(&mut tree, lab.package);
                }
                open::README
            }
        };
        [STUDENT_README, open::README].into_iter().for_each(|name| drop(tree.remove(name)));
        if let Some(file) = reference.get(readme) {
            tree.insert(README.to_string(), file.clone());
            moved.push((README.to_string(), readme.to_string()));
        }
        if let Some(file) = reference.get(WORKFLOW_IN_COURSE) {
            tree.insert(WORKFLOW.to_string(), file.clone());
            moved.push((WORKFLOW.to_string(), WORKFLOW_IN_COURSE.to_string()));
        }
        through::leave_out_later_labs(&mut tree, plan);
        let mut handout = Handout {
            plan: plan.clone(),
            given: given(&tree, &moved),
            reference,
            tree,
            list: empty_list(plan),
            sections: BTreeMap::new(),
            added: BTreeMap::new(),
        };
        handout.strip()?;
        handout.add_hints();
        to_write().for_each(|lab| handout.add_size(lab));
        handout.add_list();
        Ok(handout)
    }

    /// Adds all places to write in the order of the pages, with the hints that `cargo lab hint` shows one at a time.
    fn add_hints(&mut self) {
        let mut places: Vec<&PlaceToWrite> = self.sections.values().flatten().map(|section| &section.place).collect();
        places.sort_by_key(|place| order::position(place));
        let text = place::text(places);
        self.add_file(HINTS_FILE, text);
    }

    /// Adds the list of all files, with which a student's workspace can be compared.
    fn add_list(&mut self) {
        let hashes = self.tree.iter().map(|(name, file)| (name.clone(), sha256(&file.bytes)));
        self.list.files = hashes.collect();
        self.add_file(HANDOUT_LIST, self.list.text());
    }

    fn add_file(&mut self, name: &str, text: String) {
        let Some(permissions) = self.tree.values().next().map(|file| file.permissions.clone()) else { return };
        self.tree.insert(name.to_string(), PlainFile { bytes: text.into_bytes(), permissions });
    }

    /// Takes out the solutions of the labs that a student writes, and the markers of the others.
    fn strip(&mut self) -> Result<(), CommandError> {
        for lab in &LABS {
            let is_solved = self.plan.solved.contains(&lab);
            for (name, file) in self.tree.iter_mut().filter(|(name, _)| is_source_of(lab, name)) {
                let stripped = strip_file(lab, name, file)?;
                if is_solved {
                    file.bytes = markers::unmarked(&String::from_utf8_lossy(&file.bytes)).into_bytes();
                    continue;
                }
                file.bytes = stripped.text.into_bytes();
                if !stripped.sections.is_empty() {
                    self.sections.insert(name.clone(), stripped.sections);
                }
            }
        }
        Ok(())
    }

    /// Adds the line to a lab's `lib.rs` that tells how large the lab is.
    fn add_size(&mut self, lab: &LabCrate) {
        if self.count(lab) == 0 {
            return;
        }
        let line = count_line(lab, &self.tree);
        if let Some(file) = self.tree.get_mut(&lib_of(lab)) {
            let text = String::from_utf8_lossy(&file.bytes);
            file.bytes = after_docs(&text, &format!("{line}\n")).into_bytes();
            self.added.insert(lib_of(lab), line);
        }
    }

    /// Writes the student's workspace into `folder`.
    ///
    /// # Errors
    ///
    /// If the folder is not empty, or is inside of the course.
    pub fn write(&self, course: &Course, folder: &Path) -> Result<(), CommandError> {
        tree::write(&self.tree, course.root(), folder, |folder| repository::commit(self, folder))
    }

    /// How many solutions were taken out of a lab.
    pub fn count(&self, lab: &LabCrate) -> usize {
        count(&self.sections, lab)
    }

    /// What the handout contains, in one line.
    pub fn summary(&self, folder: &Path) -> String {
        let counts: Vec<String> = self.plan.labs().map(|lab| format!("{} {}", lab.title(), self.count(lab))).collect();
        let total: usize = self.sections.values().map(Vec::len).sum();
        let (files, folder, counts) = (self.tree.len(), folder.display(), counts.join(", "));
        let track = if self.plan.track == Track::Open { " of the open track" } else { "" };
        format!("{folder}: {files} files{track}, {total} solutions to write ({counts})\n")
    }
}

/// What the list of a handout says besides its files.
fn empty_list(plan: &HandoutPlan) -> HandoutList {
    HandoutList {
        version: env!("CARGO_PKG_VERSION").to_string(),
        track: plan.track,
        solved: plan.solved.iter().map(|lab| lab.id).collect(),
        files: BTreeMap::new(),
    }
}

/// Whether a course has solutions, and is not a handout.
fn has_solutions(reference: &Tree) -> bool {
    let is_source = |name: &str| LABS.iter().any(|lab| is_source_of(lab, name));
    let sources = reference.iter().filter(|(name, _)| is_source(name));
    sources.into_iter().any(|(_, file)| String::from_utf8_lossy(&file.bytes).contains("// BEGIN "))
}

fn count(sections: &BTreeMap<String, Vec<Section>>, lab: &LabCrate) -> usize {
    sections.iter().filter(|(name, _)| is_source_of(lab, name)).map(|(_, sections)| sections.len()).sum()
}

/// Whether only instructors get this file, whatever the track.
pub fn is_withheld(name: &str) -> bool {
    let file_name = name.rsplit('/').next().unwrap_or(name);
    WITHHELD.contains(&file_name)
        || WITHHELD_FOLDERS.iter().any(|folder| name.starts_with(folder))
        || name.starts_with(open::FOLDER)
}

/// The files of the course that a workspace has, if it has `moved` files under other names.
fn given(tree: &Tree, moved: &[(String, String)]) -> BTreeSet<String> {
    let origin = |name: &String| {
        let moved = moved.iter().find(|(new, _)| new == name);
        moved.map_or(name, |(_, origin)| origin).clone()
    };
    tree.keys().map(origin).collect()
}

fn strip_file(lab: &LabCrate, name: &str, file: &PlainFile) -> Result<Stripped, CommandError> {
    let text = std::str::from_utf8(&file.bytes)
        .map_err(|_| CommandError::Broken(format!("{name} is not UTF-8: the compiler would refuse it too")))?;
    markers::strip(text, lab, name).map_err(|error| CommandError::Broken(error.to_string()))
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
