//! What submissions are called, in tables and as files.
//!
//! A submission is called like its file without the ending that says how it is packed: `alice.tar.gz` is `alice`. Where that
//! is no name for one alone, the ending stays, and then the folders before it, as many as it takes: `alice.zip` and
//! `alice.tar.gz`, or `group1/alice` and `group2/alice`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::CommandError;
use crate::fingerprint::sha256;

/// A submission on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it is called: no other submission of this grading is called so.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The endings that a name loses.
const ENDINGS: [&str; 5] = [".tar.gz", ".tgz", ".tar", ".zip", ".bundle"];

/// How many of the folders before a name may become a part of it.
const FOLDERS_MAX: usize = 64;

/// Names all submissions.
///
/// # Errors
///
/// If one is not there, or is named twice.
pub fn named(paths: &[PathBuf]) -> Result<Vec<Named>, CommandError> {
    let places = paths.iter().map(|path| {
        fs::canonicalize(path)
            .map_err(|error| CommandError::Misuse(format!("{} cannot be read: {error}", path.display())))
    });
    let places: Vec<PathBuf> = places.collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    if let Some(at) = (0..places.len()).find(|at| !seen.insert(&places[*at])) {
        let path = paths[at].display();
        return Err(CommandError::Misuse(format!("{path} is named twice: each submission is graded once")));
    }
    let names = told_apart(&places);
    Ok(names.into_iter().zip(paths).map(|(name, path)| Named { name, path: path.clone() }).collect())
}

/// A name for each path, and each another.
fn told_apart(places: &[PathBuf]) -> Vec<String> {
    let mut lengths = vec![0; places.len()];
    loop {
        let names: Vec<String> = places.iter().zip(&lengths).map(|(place, length)| name_of(place, *length)).collect();
        let mut alike: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        names.iter().enumerate().for_each(|(at, name)| alike.entry(name).or_default().push(at));
        let unclear: Vec<usize> = alike.into_values().filter(|alike| alike.len() > 1).flatten().collect();
        if unclear.is_empty() || lengths.iter().any(|length| *length > FOLDERS_MAX) {
            return names;
        }
        unclear.into_iter().for_each(|at| lengths[at] += 1);
    }
}

/// The name of this length: without the ending, with it, or with folders.
fn name_of(place: &Path, length: usize) -> String {
    let parts: Vec<String> =
        place.components().rev().map(|part| printable(part.as_os_str().as_encoded_bytes())).collect();
    let last = parts.first().cloned().unwrap_or_default();
    if length == 0 {
        let stem = ENDINGS.iter().find_map(|ending| last.strip_suffix(ending)).filter(|stem| !stem.is_empty());
        return stem.unwrap_or(&last).to_string();
    }
    parts.into_iter().take(length).rev().collect::<Vec<String>>().join("/")
}

/// A name that can be printed: control characters and what is not UTF-8 become `%` and their numbers.
fn printable(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter.is_control() {
                true => text += &format!("%{:02X}", u32::from(letter)),
                false => text.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("%{byte:02X}"));
    }
    text
}

/// The name of the file for a submission's result, without its ending. Names that a file system may take for one another get
/// a part of their hash.
pub fn file_name(name: &str) -> String {
    let is_plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '_' | '.');
    let plain: String =
        name.chars().map(|letter| if is_plain(letter) || letter.is_ascii_uppercase() { letter } else { '-' }).collect();
    let plain: String = plain.chars().take(100).collect();
    match name.chars().all(is_plain) && name == plain && !name.starts_with('.') {
        true => plain,
        false => format!("{}-{}", plain.trim_start_matches('.'), &sha256(name.as_bytes())[..8]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        told_apart(&paths.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    /// Names are as short as they can be and still tell submissions apart.
    #[test]
    fn names_tell_submissions_apart() {
        assert_eq!(names(&["/in/alice.tar.gz", "/in/bob.zip", "/in/carol"]), ["alice", "bob", "carol"]);
        assert_eq!(names(&["/in/alice.tar.gz", "/in/alice.zip"]), ["alice.tar.gz", "alice.zip"]);
        assert_eq!(names(&["/in/1/a.zip", "/in/2/a.zip", "/in/b.zip"]), ["1/a.zip", "2/a.zip", "b"]);
        assert_eq!(names(&["/1/x/a", "/2/x/a", "/2/y/a"]), ["1/x/a", "2/x/a", "y/a"]);
        assert_eq!(names(&["/in/.zip"]), [".zip"]);
    }

    /// What cannot be printed is a number in the name.
    #[test]
    fn names_can_be_printed() {
        assert_eq!(printable(b"a\nb\xff \xc3\xa9"), "a%0Ab%FF \u{e9}");
    }

    /// A path that leads to the same file again is found.
    #[test]
    fn a_submission_is_named_once() {
        let folder = std::env::temp_dir();
        let again = folder.join(".").join("..").join(folder.file_name().unwrap());
        let error = named(&[folder.clone(), again]).unwrap_err();
        assert!(error.to_string().ends_with("is named twice: each submission is graded once"), "{error}");
        assert!(named(&[folder.join("there is no such file")]).is_err());
    }

    /// File names differ even where a file system does not tell letters apart, and none leads elsewhere.
    #[test]
    fn file_names_are_safe() {
        assert_eq!(file_name("alice_2"), "alice_2");
        let strange = ["Alice", "alice ", "../x", "a/b", "a-b", "..", "%2F", "\u{e9}"];
        let files: BTreeSet<String> = strange.iter().map(|name| file_name(name).to_lowercase()).collect();
        assert_eq!(files.len(), strange.len(), "{files:?}");
        assert!(files.iter().all(|file| !file.contains('/') && !file.starts_with('.')), "{files:?}");
        assert!(file_name(&"x".repeat(1_000)).len() < 120);
    }
}
