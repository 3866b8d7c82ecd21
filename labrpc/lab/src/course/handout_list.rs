//! The list of files that a handout carries: what each was when it was handed out.
//!
//! It is in the form of `sha256sum`, so `sha256sum -c labrpc/handout.sha256` checks it as well. Its first lines say which
//! handout it is:
//!
//! ```text
//! # Raft Labs 0.1.0
//! # track: guided
//! # solved: 2a, 2b
//! ba7816bf…  lab2a-election/src/lib.rs
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;

use super::track::Track;
use super::{Course, LABS, LabCrate};
use crate::error::CommandError;
use crate::fingerprint::sha256;

/// Where the list is, from the root.
pub const HANDOUT_LIST: &str = "labrpc/handout.sha256";

const TITLE: &str = "# Raft Labs ";
const TRACK: &str = "# track: ";
const SOLVED: &str = "# solved: ";

/// What was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoutList {
    /// The version of the course.
    pub version: String,
    /// Whose design the labs are for.
    pub track: Track,
    /// The short names of the labs that were handed out with their solutions.
    pub solved: Vec<&'static str>,
    /// The SHA-256 of each file, by its path from the root.
    pub files: BTreeMap<String, String>,
}

impl HandoutList {
    /// The list of a handout; `None` in the course itself, which has none.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is none.
    pub fn read(course: &Course) -> Result<Option<HandoutList>, CommandError> {
        let path = course.root().join(HANDOUT_LIST);
        match fs::read_to_string(&path) {
            Ok(text) => HandoutList::parse(&text).map(Some).ok_or_else(|| {
                CommandError::Broken(format!("{HANDOUT_LIST} is damaged: take it from your first commit"))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CommandError::of_system(format!("{} could not be read", path.display()))(error)),
        }
    }

    /// What identifies the handout: equal for equal files, tracks and labs.
    pub fn hash(&self) -> String {
        sha256(self.text().as_bytes())
    }

    /// Whether a lab was handed out with its solution.
    pub fn is_solved(&self, lab: &LabCrate) -> bool {
        self.solved.contains(&lab.id)
    }

    /// The list as it is written.
    pub fn text(&self) -> String {
        let mut text = format!("{TITLE}{}\n{TRACK}{}\n", self.version, self.track.name());
        if !self.solved.is_empty() {
            text += &format!("{SOLVED}{}\n", self.solved.join(", "));
        }
        for (name, hash) in &self.files {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{hash}  {name}");
        }
        text
    }

    fn parse(text: &str) -> Option<HandoutList> {
        let after = |mark: &str| text.lines().find_map(|line| line.strip_prefix(mark));
        let track = [Track::Guided, Track::Open].into_iter().find(|track| after(TRACK) == Some(track.name()))?;
        let solved = after(SOLVED).unwrap_or_default().split(", ");
        let files = text.lines().filter(|line| !line.starts_with('#'));
        Some(HandoutList {
            version: after(TITLE)?.to_string(),
            track,
            solved: solved.filter_map(|id| LABS.iter().find(|lab| lab.id == id)).map(|lab| lab.id).collect(),
            files: files
                .map(|line| line.split_once("  ").map(|(hash, name)| (name.to_string(), hash.to_string())))
                .collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list is read back as it was written.
    #[test]
    fn a_list_is_read_back() {
        let files = [("a/b c.rs", "00ff"), ("d", "11")].map(|(name, hash)| (name.to_string(), hash.to_string()));
        let list = HandoutList {
            version: "0.1.0".to_string(),
            track: Track::Open,
            solved: vec!["2a", "2b"],
            files: BTreeMap::from(files),
        };
        let text = "# Raft Labs 0.1.0\n# track: open\n# solved: 2a, 2b\n00ff  a/b c.rs\n11  d\n";
        assert_eq!((list.text().as_str(), HandoutList::parse(text)), (text, Some(list)));
        assert_eq!(HandoutList::parse("x"), None);
    }
}
