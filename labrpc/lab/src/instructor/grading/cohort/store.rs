//! The folder with the results of a grading. Each result is in it as soon as it is known.
//!
//! | file | what |
//! |---|---|
//! | `grading.json` | how is graded, which part of the cohort, and which submissions |
//! | `submissions/NAME.json` | a result: see `result.rs` |

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::names::file_name;
use super::shard::Shard;
use crate::error::CommandError;
use crate::instructor::grading::result::{Conditions, GradedSubmission};

/// The file that makes a folder one of results.
const GRADING: &str = "grading.json";

/// Where the results are.
const SUBMISSIONS: &str = "submissions";

/// The version of both kinds of files.
const VERSION: u64 = 1;

/// How a folder's submissions are graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grading {
    version: u64,
    /// What is equal for all of them.
    pub conditions: Conditions,
    /// Which part of the cohort they are; `None` if the cohort is not graded in parts.
    pub shard: Option<Shard>,
    /// The names of all submissions, graded or not.
    pub submissions: Vec<String>,
}

/// A result, as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u64,
    #[serde(flatten)]
    result: GradedSubmission,
}

/// A folder of results, and what is in it.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    grading: Option<Grading>,
    results: BTreeMap<String, GradedSubmission>,
}

impl Store {
    /// Opens a folder, which need not be there yet.
    ///
    /// # Errors
    ///
    /// If it has something else in it than results, or these cannot be read.
    pub fn open(folder: &Path) -> Result<Store, CommandError> {
        let mut store = Store { folder: folder.to_path_buf(), grading: None, results: BTreeMap::new() };
        let shown = folder.display();
        if !folder.exists() {
            return Ok(store);
        }
        if !folder.is_dir() {
            return Err(CommandError::Misuse(format!("{shown} is no folder: name one for the results")));
        }
        if !folder.join(GRADING).exists() {
            let mut entries =
                fs::read_dir(folder).map_err(CommandError::of_system(format!("{shown} could not be read")))?;
            return match entries.next() {
                None => Ok(store),
                Some(_) => Err(CommandError::Misuse(format!(
                    "{shown} has files, and none is the {GRADING} of a grading: name a new folder for the results"
                ))),
            };
        }
        let grading: Grading = read(&folder.join(GRADING))?;
        for name in &grading.submissions {
            let path = store.path_of(name);
            if path.exists() {
                let written: Written = read(&path)?;
                store.results.insert(written.result.name.clone(), written.result);
            }
        }
        store.grading = Some(grading);
        Ok(store)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How its submissions are graded; `None` if nothing has begun.
    pub fn grading(&self) -> Option<&Grading> {
        self.grading.as_ref()
    }

    /// The result of this name.
    pub fn result(&self, name: &str) -> Option<&GradedSubmission> {
        self.results.get(name)
    }

    /// All results, by name.
    pub fn results(&self) -> impl Iterator<Item = &GradedSubmission> {
        self.results.values()
    }

    /// The names of the submissions without a result.
    pub fn missing(&self) -> Vec<&str> {
        let names = self.grading.iter().flat_map(|grading| &grading.submissions).map(String::as_str);
        names.filter(|name| !self.results.contains_key(*name)).collect()
    }

    /// Says how these submissions are graded, beside those that are there already.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn begin(
        &mut self,
        conditions: &Conditions,
        shard: Option<Shard>,
        names: impl IntoIterator<Item = String>,
    ) -> Result<(), CommandError> {
        let known = self.grading.iter().flat_map(|grading| grading.submissions.iter().cloned());
        let mut submissions: Vec<String> = known.chain(names).collect();
        submissions.sort();
        submissions.dedup();
        let grading = Grading { version: VERSION, conditions: conditions.clone(), shard, submissions };
        if self.grading.as_ref() != Some(&grading) {
            self.write(&self.folder.join(GRADING), &grading)?;
            self.grading = Some(grading);
        }
        Ok(())
    }

    /// Keeps a result. It is there as a whole or not at all, whatever happens.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn put(&mut self, result: GradedSubmission) -> Result<(), CommandError> {
        let path = self.path_of(&result.name);
        let written = Written { version: VERSION, result };
        self.write(&path, &written)?;
        self.results.insert(written.result.name.clone(), written.result);
        Ok(())
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.folder.join(SUBMISSIONS).join(format!("{}.json", file_name(name)))
    }

    fn write(&self, path: &Path, document: &impl Serialize) -> Result<(), CommandError> {
        let mut text = serde_json::to_string_pretty(document).expect("the model has text for keys");
        text.push('\n');
        write_file(path, text.as_bytes())
    }
}

/// Writes a file beside its place first, so that it appears as a whole, and an earlier one is there until then.
///
/// # Errors
///
/// If it cannot be written. What is there stays.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&new);
        CommandError::Broken(format!("{} could not be written: {error}", path.display()))
    })
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, CommandError> {
    let bytes = fs::read(path).map_err(CommandError::of_system(format!("{} could not be read", path.display())))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        CommandError::Broken(format!(
            "{} is not what `cargo lab grade` has written: {error}; remove it",
            path.display()
        ))
    })
}
