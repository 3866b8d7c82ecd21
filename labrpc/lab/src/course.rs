//! The six labs, and where their folders stand.

use std::path::{Path, PathBuf};

use crate::error::CommandError;

/// One step of the course.
#[derive(Debug, PartialEq, Eq)]
pub struct LabCrate {
    /// Its short name, in lower case: `2a`.
    pub id: &'static str,
    /// Its crate and its folder, which bear the same name: `lab2a-election`.
    pub package: &'static str,
    /// The question that it answers.
    pub question: &'static str,
}

/// All labs, in the order in which they are worked on.
pub const LABS: [LabCrate; 6] = [
    LabCrate { id: "2a", package: "lab2a-election", question: "Who leads?" },
    LabCrate { id: "2b", package: "lab2b-log", question: "What was agreed?" },
    LabCrate { id: "2c", package: "lab2c-persist", question: "What survives a crash?" },
    LabCrate { id: "2d", package: "lab2d-snapshot", question: "What may be forgotten?" },
    LabCrate { id: "3a", package: "lab3a-kv", question: "What does a client see?" },
    LabCrate { id: "3b", package: "lab3b-kvsnap", question: "How does a service stay small?" },
];

impl LabCrate {
    /// The short name as it is written in prose: `2A`.
    pub fn title(&self) -> String {
        self.id.to_uppercase()
    }

    /// Whether `name`, in lower case, means this lab: `2a`, `lab2a` or `lab2a-election`.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.id || name.strip_prefix("lab") == Some(self.id) || name == self.package
    }
}

/// All short names in a row, for messages that say what is accepted.
pub fn lab_ids() -> String {
    LABS.map(|lab| lab.id).join(", ")
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

    /// The course that `start` lies in.
    ///
    /// # Errors
    ///
    /// When neither `start` nor a folder above it is the root of a course.
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
