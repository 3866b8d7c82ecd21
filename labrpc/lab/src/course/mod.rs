//! The six labs, where their folders are, and what is in them.

pub mod begun;
pub mod handout_list;
pub mod points;
pub mod test_kind;
pub mod track;

use std::env;
use std::path::{Path, PathBuf};

use crate::error::CommandError;

/// The crate of one lab.
#[derive(Debug, PartialEq, Eq)]
pub struct LabCrate {
    /// The short name, in lower case: `2a`.
    pub id: &'static str,
    /// The name of the crate and of its folder: `lab2a-election`.
    pub package: &'static str,
    /// The question that the lab answers.
    pub question: &'static str,
    /// About how long it takes in the guided track.
    pub time_needed: &'static str,
    /// The file in which the guided track begins, from the lab's folder.
    pub begins_in: &'static str,
}

/// All labs, in the order of the course.
pub const LABS: [LabCrate; 6] = [
    LabCrate {
        id: "2a",
        package: "lab2a-election",
        question: "Who leads?",
        time_needed: "an evening",
        begins_in: "src/election.rs",
    },
    LabCrate {
        id: "2b",
        package: "lab2b-log",
        question: "What was agreed?",
        time_needed: "a weekend",
        begins_in: "src/log.rs",
    },
    LabCrate {
        id: "2c",
        package: "lab2c-persist",
        question: "What survives a crash?",
        time_needed: "an evening",
        begins_in: "src/disk.rs",
    },
    LabCrate {
        id: "2d",
        package: "lab2d-snapshot",
        question: "What may be forgotten?",
        time_needed: "a weekend",
        begins_in: "src/compact_log.rs",
    },
    LabCrate {
        id: "3a",
        package: "lab3a-kv",
        question: "What does a client see?",
        time_needed: "a weekend",
        begins_in: "src/store.rs",
    },
    LabCrate {
        id: "3b",
        package: "lab3b-kvsnap",
        question: "How does a service stay small?",
        time_needed: "an evening",
        begins_in: "src/snapshot.rs",
    },
];

impl LabCrate {
    /// The short name in upper case, for people: `2A`.
    pub fn title(&self) -> String {
        self.id.to_uppercase()
    }

    /// Whether `name`, in lower case, means this lab: `2a`, `lab2a` or `lab2a-election`.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.id || name.strip_prefix("lab") == Some(self.id) || name == self.package
    }
}

/// The labs of the course around the current folder, or all of them. A workspace may end with an earlier lab.
pub fn labs_here() -> Vec<&'static LabCrate> {
    let course = env::current_dir().ok().and_then(|folder| Course::around(&folder).ok());
    course.map_or_else(|| LABS.iter().collect(), |course| course.labs().collect())
}

/// Their short names, for messages that say what is accepted.
pub fn lab_ids() -> String {
    labs_here().iter().map(|lab| lab.id).collect::<Vec<&str>>().join(", ")
}

/// A checkout of the course.
#[derive(Clone, Debug)]
pub struct Course {
    root: PathBuf,
}

impl Course {
    /// The course in the given folder.
    pub fn at(root: &Path) -> Course {
        Course { root: root.to_path_buf() }
    }

    /// The course that contains the folder `start`.
    ///
    /// # Errors
    ///
    /// If the root of a course is not `start` or a folder above it.
    pub fn around(start: &Path) -> Result<Course, CommandError> {
        let is_root = |folder: &&Path| folder.join("labrpc/lab/Cargo.toml").is_file();
        start.ancestors().find(is_root).map(Course::at).ok_or_else(|| {
            CommandError::Misuse(format!(
                "{} is not inside the course: run `cargo lab` in the folder that holds {} and the other labs",
                start.display(),
                LABS[0].package
            ))
        })
    }

    /// The folder of the whole workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The labs that the workspace has, in course order.
    pub fn labs(&self) -> impl DoubleEndedIterator<Item = &'static LabCrate> {
        LABS.iter().filter(|lab| self.folder(lab).is_dir())
    }

    /// Where cargo puts what it builds. The command keeps its own memory there, too.
    pub fn target(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(&folder).unwrap_or_else(|_| folder.into()),
            None => self.root.join("target"),
        }
    }

    /// The folder of one lab's crate.
    pub fn folder(&self, lab: &LabCrate) -> PathBuf {
        self.root.join(lab.package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of the three names of a lab means that lab and no other.
    #[test]
    fn a_lab_has_three_names() {
        for lab in &LABS {
            for name in [lab.id.to_string(), format!("lab{}", lab.id), lab.package.to_string()] {
                let called: Vec<&str> = LABS.iter().filter(|lab| lab.is_called(&name)).map(|lab| lab.id).collect();
                assert_eq!(called, [lab.id], "{name}");
            }
        }
        assert!(!LABS.iter().any(|lab| lab.is_called("lab")));
    }
}
