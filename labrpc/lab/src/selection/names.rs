//! What a name on the command line chooses, and the messages for names that choose nothing.

use crate::course::points::GradedLab;
use crate::course::test_kind::{GRADED_FOLDER, TestKind, kind_names};
use crate::course::{lab_ids, labs_here};
use crate::error::CommandError;
use crate::nearest::suggestion;

/// What a name on the command line chooses. One name may choose several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selected<'a> {
    /// The test with this name.
    Test(&'a str),
    /// All tests of a kind in the lab with this short name.
    Kind(&'static str, TestKind),
}

/// What a name on the command line means.
#[derive(Clone)]
pub enum Meaning<'a> {
    /// A lab.
    Lab(&'a GradedLab),
    /// A kind of tests, in every lab.
    Kind(TestKind),
    /// A kind of one lab's tests.
    KindOfLab(&'a GradedLab, TestKind),
    /// One test or more, each with its lab.
    Tests(Vec<(&'a GradedLab, &'a str)>),
}

/// What a name means: a lab, a kind, a kind of a lab (`2b:rules`), a test, or all tests whose names contain it.
/// If `within` names labs, they are tests of these.
///
/// # Errors
///
/// [`CommandError::Misuse`] if it is unknown.
pub fn meaning<'a>(
    labs: &'a [GradedLab],
    within: &[&'a GradedLab],
    selector: &str,
) -> Result<Meaning<'a>, CommandError> {
    let name = selector.to_lowercase();
    if let Some(lab) = lab_named(labs, selector) {
        return Ok(Meaning::Lab(lab));
    }
    if let Some(kind) = TestKind::named(&name) {
        return Ok(Meaning::Kind(kind));
    }
    if let Some((lab, kind)) = name.split_once(':') {
        let kind = TestKind::named(kind).ok_or_else(|| no_kind(selector, kind))?;
        let lab = lab_named(labs, lab).ok_or_else(|| no_lab(selector, lab))?;
        return Ok(Meaning::KindOfLab(lab, kind));
    }
    if within.is_empty() {
        return tests_named(labs.iter(), selector).ok_or_else(|| unknown(selector, &all_names(labs)));
    }
    if let Some(found) = tests_named(within.iter().copied(), selector) {
        return Ok(found);
    }
    // Of no lab that is named, but perhaps of another one.
    let found = tests_named(labs.iter(), selector).ok_or_else(|| unknown(selector, &all_names(labs)))?;
    let ids: Vec<&str> = within.iter().map(|lab| lab.lab.id).collect();
    let ids = ids.join(" ");
    Err(CommandError::Misuse(match &found {
        Meaning::Tests(tests) if tests.len() == 1 => {
            let (lab, test) = tests[0];
            format!("{test} is a test of lab {}: leave out `{ids}` to run it alone", lab.lab.id)
        }
        Meaning::Tests(tests) => format!(
            "no test of {ids} has `{selector}` in its name, but {} tests of other labs have: leave out `{ids}` to run these",
            tests.len()
        ),
        _ => format!("`{selector}` is not a test of {ids}"),
    }))
}

/// The lab with this name.
pub fn lab_named<'a>(labs: &'a [GradedLab], name: &str) -> Option<&'a GradedLab> {
    labs.iter().find(|lab| lab.lab.is_called(&name.to_lowercase()))
}

/// The test of these labs with this name, or else all tests whose names contain it. `None` if there is none.
fn tests_named<'a>(labs: impl Iterator<Item = &'a GradedLab>, selector: &str) -> Option<Meaning<'a>> {
    let name = selector.to_lowercase();
    let mut tests: Vec<(&GradedLab, &str)> = labs
        .flat_map(|lab| lab.tests.as_deref().unwrap_or_default().iter().map(move |test| (lab, test.name.as_str())))
        .filter(|(_, test)| !name.is_empty() && test.contains(&name))
        .collect();
    if let Some(exact) = tests.iter().position(|(_, test)| **test == *name) {
        tests = vec![tests[exact]];
    }
    (!tests.is_empty()).then_some(Meaning::Tests(tests))
}

/// All tests of a kind: of one lab, or of every lab that has this kind.
pub fn select_kind<'a>(
    labs: &[GradedLab],
    kind: TestKind,
    only: Option<&GradedLab>,
) -> Result<Vec<Selected<'a>>, CommandError> {
    let is_chosen = |lab: &&GradedLab| only.is_none_or(|only| only.lab == lab.lab) && lab.kinds.contains(&kind);
    let mut chosen = Vec::new();
    for lab in labs.iter().filter(is_chosen) {
        lab.tests()?;
        chosen.push(Selected::Kind(lab.lab.id, kind));
    }
    if chosen.is_empty() {
        let which = only.map_or("no lab has".to_string(), |only| format!("lab {} has no", only.lab.id));
        let (name, folder) = (kind.name(), GRADED_FOLDER);
        return Err(CommandError::Misuse(format!("{which} {folder}/{name}: there is nothing of this kind to run")));
    }
    Ok(chosen)
}

/// The listed test that a replay token names.
pub fn token_test<'a>(labs: &'a [GradedLab], test: &str) -> Result<&'a str, CommandError> {
    let names = all_names(labs);
    names.iter().copied().find(|name| *name == test).ok_or_else(|| {
        let suggestion = suggestion(test, names.iter().copied());
        CommandError::Misuse(format!(
            "the token names a test `{test}` that no lab's tests/points.txt lists{suggestion}"
        ))
    })
}

/// The names of a lab's tests.
pub fn names(lab: &GradedLab) -> Result<impl Iterator<Item = &str>, CommandError> {
    Ok(lab.tests()?.iter().map(|test| test.name.as_str()))
}

fn all_names(labs: &[GradedLab]) -> Vec<&str> {
    labs.iter().filter_map(|lab| lab.tests.as_deref()).flatten().map(|test| test.name.as_str()).collect()
}

fn no_kind(selector: &str, kind: &str) -> CommandError {
    let suggestion = suggestion(kind, TestKind::ALL.map(TestKind::name));
    CommandError::Misuse(format!(
        "in `{selector}`, there is no kind of tests `{kind}`{suggestion} (kinds: {})",
        kind_names()
    ))
}

fn no_lab(selector: &str, lab: &str) -> CommandError {
    let suggestion = suggestion(lab, labs_here().into_iter().flat_map(|lab| [lab.id, lab.package]));
    CommandError::Misuse(format!("in `{selector}`, there is no lab `{lab}`{suggestion} (labs: {})", lab_ids()))
}

fn unknown(selector: &str, tests: &[&str]) -> CommandError {
    let labs = labs_here().into_iter().flat_map(|lab| [lab.id, lab.package]);
    let known = labs.chain(TestKind::ALL.map(TestKind::name)).chain(tests.iter().copied());
    let suggestion = suggestion(selector, known);
    let (ids, kinds) = (lab_ids(), kind_names());
    CommandError::Misuse(format!(
        "there is no lab, kind or test `{selector}`{suggestion} (labs: {ids}; kinds: {kinds}; tests: see a lab's \
         tests/points.txt)"
    ))
}
