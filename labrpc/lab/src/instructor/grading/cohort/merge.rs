//! Putting the parts of a cohort together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

use super::conditions::{Difference, difference};
use super::shard::Shard;
use super::store::{Grading, Store};
use super::{Cohort, exit_code};
use crate::arguments::{Audience, Invocation, misuse, unknown_option, value_of};
use crate::error::CommandError;
use crate::instructor::Request;
use crate::instructor::grading::report::{self, Format};

/// The options of `cargo lab merge`.
pub const OPTIONS: &[&str] = &["--out", "--format", "--help"];

/// What is put together, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct MergeRequest {
    /// The folders with the parts.
    pub folders: Vec<PathBuf>,
    /// The folder for the whole.
    pub out: PathBuf,
    /// The formats that are written there besides; the usual ones if there is none.
    pub formats: Vec<Format>,
}

/// Parses the arguments after `cargo lab merge`.
///
/// # Errors
///
/// [`CommandError::Misuse`].
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let (mut folders, mut out, mut formats) = (Vec::new(), None, Vec::new());
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) => {
                folders.push(value.into());
                continue;
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Some("merge"))),
            "--out" => out = Some(value_of(&mut parser, &option, "a folder")?.into()),
            "--format" => formats.push(Format::read(&value_of(&mut parser, &option, &Format::names())?)?),
            _ => return Err(unknown_option("merge", &option, OPTIONS)),
        }
    }
    let missing = |what: &str| CommandError::Misuse(format!("{what}: run `cargo lab merge DIR… --out DIR`"));
    if folders.is_empty() {
        return Err(missing("the folders with the parts are missing"));
    }
    let out = out.ok_or_else(|| missing("the folder for the whole is missing"))?;
    Ok(Invocation::Instructor(Request::Merge(MergeRequest { folders, out, formats })))
}

/// Puts the results of several folders into one, and shows them.
///
/// # Errors
///
/// If they do not belong together, or a part is missing or not finished.
pub fn run(request: &MergeRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    let parts = request.folders.iter().map(|folder| Store::open(folder));
    let parts: Vec<Store> = parts.collect::<Result<_, _>>()?;
    let first = check(&parts)?;
    let mut whole = Store::open(&request.out)?;
    if whole.grading().is_some() {
        let out = request.out.display();
        return Err(CommandError::Misuse(format!("{out} has results already: name a new folder for the whole")));
    }
    let results = together(&parts)?;
    whole.begin(&first.conditions, None, results.keys().cloned())?;
    results.into_values().try_for_each(|result| whole.put(result.clone()))?;
    let cohort = Cohort::of(&whole)?;
    report::write(&request.formats, &cohort, whole.folder())?;
    print(&report::text(Format::Table, &cohort)?);
    Ok(exit_code(&cohort))
}

fn refused<T>(reason: String) -> Result<T, CommandError> {
    Err(CommandError::Misuse(reason))
}

/// Checks that all folders were graded alike, and that none is missing or unfinished.
fn check(stores: &[Store]) -> Result<&Grading, CommandError> {
    let mut seen: BTreeMap<Shard, &Store> = BTreeMap::new();
    let mut first: Option<(&Store, &Grading)> = None;
    for store in stores {
        let folder = store.folder().display();
        let Some(grading) = store.grading() else {
            return refused(format!("{folder} has no results of `cargo lab grade --out`"));
        };
        let (first_store, first_grading) = *first.get_or_insert((store, grading));
        let first_folder = first_store.folder().display();
        if let Some(Difference { what, before, now }) = difference(&first_grading.conditions, &grading.conditions) {
            return refused(format!(
                "{first_folder} and {folder} were not graded alike, {what}: {before} in {first_folder}, and {now} in {folder}"
            ));
        }
        if let Some(missing) = store.missing().first() {
            let (left, all) = (store.missing().len(), grading.submissions.len());
            return refused(format!(
                "{folder} is not finished, {left} of {all} are not graded, {missing} for one: run its command again"
            ));
        }
        let Some(shard) = grading.shard else { continue };
        if let Some(other) = seen.insert(shard, store) {
            let other = other.folder().display();
            return refused(format!("{other} and {folder} are the same part, {}/{}", shard.part, shard.parts));
        }
    }
    if let Some(Shard { parts, .. }) = seen.keys().next().copied() {
        if let Some(other) = seen.keys().find(|shard| shard.parts != parts) {
            return refused(format!("some are parts of {parts}, and others of {}", other.parts));
        }
        if let Some(part) = (1..=parts).find(|part| !seen.contains_key(&Shard { part: *part, parts })) {
            return refused(format!("part {part}/{parts} is missing: merge all parts at once"));
        }
    }
    first.map(|(_, grading)| grading).ok_or_else(|| CommandError::Misuse("there is nothing to merge".to_string()))
}

type Results<'a> = BTreeMap<String, &'a crate::instructor::grading::result::GradedSubmission>;

/// All results. A name stands for one submission.
fn together(stores: &[Store]) -> Result<Results<'_>, CommandError> {
    let mut all: BTreeMap<String, (&Store, _)> = BTreeMap::new();
    for store in stores {
        for result in store.results() {
            if let Some((other, _)) = all.insert(result.name.clone(), (store, result)) {
                let (name, other, folder) = (&result.name, other.folder().display(), store.folder().display());
                return refused(format!("{name} is in {other} and in {folder}: rename one, and grade it again"));
            }
        }
    }
    Ok(all.into_iter().map(|(name, (_, result))| (name, result)).collect())
}
