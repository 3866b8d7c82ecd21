//! What several names on the command line choose together.

use super::names::{Meaning, Selected, lab_named, meaning, names, select_kind};
use crate::course::points::GradedLab;
use crate::course::test_kind::TestKind;
use crate::error::CommandError;

/// What the names choose, each with the name that chooses it. Labs and kinds of labs add up. A lab that is
/// named with tests of its own narrows: only these tests run.
///
/// # Errors
///
/// [`CommandError::Misuse`] if a name is unknown or ambiguous, or if the names together would choose more
/// than one expects.
pub fn select_all<'a, 'b>(
    labs: &'a [GradedLab],
    selectors: &'b [String],
) -> Result<Vec<(&'b str, Vec<Selected<'a>>)>, CommandError> {
    let within: Vec<&GradedLab> = selectors.iter().filter_map(|selector| lab_named(labs, selector)).collect();
    let mut meant = Vec::new();
    for selector in selectors {
        meant.push((selector.as_str(), meaning(labs, &within, selector)?));
    }
    refuse_surprises(&meant)?;
    let is_narrowed = meant.iter().any(|(_, meaning)| matches!(meaning, Meaning::Tests(_)));
    let mut selected = Vec::new();
    for (selector, meaning) in meant {
        let chosen = match meaning {
            Meaning::Lab(_) if is_narrowed => continue,
            Meaning::Lab(lab) => names(lab)?.map(Selected::Test).collect(),
            Meaning::Kind(kind) => select_kind(labs, kind, None)?,
            Meaning::KindOfLab(lab, kind) => select_kind(labs, kind, Some(lab))?,
            Meaning::Tests(tests) => tests.into_iter().map(|(_, test)| Selected::Test(test)).collect(),
        };
        selected.push((selector, chosen));
    }
    Ok(selected)
}

/// A sentence for each name that means several tests, which says how many.
///
/// # Errors
///
/// As [`select_all`].
pub fn several(labs: &[GradedLab], selectors: &[String]) -> Result<Vec<String>, CommandError> {
    let within: Vec<&GradedLab> = selectors.iter().filter_map(|selector| lab_named(labs, selector)).collect();
    let mut told = Vec::new();
    for selector in selectors {
        if let Meaning::Tests(tests) = meaning(labs, &within, selector)?
            && tests.len() > 1
        {
            told.push(format!("{} tests have `{selector}` in their names", tests.len()));
        }
    }
    Ok(told)
}

/// Refuses names that would together choose far more than the last one suggests.
fn refuse_surprises(meant: &[(&str, Meaning<'_>)]) -> Result<(), CommandError> {
    let lab = meant.iter().find_map(|(name, meaning)| match meaning {
        Meaning::Lab(lab) => Some((*name, *lab)),
        _ => None,
    });
    let tests: Vec<(&str, &GradedLab)> = meant
        .iter()
        .flat_map(|(name, meaning)| match meaning {
            Meaning::Tests(tests) => tests.iter().map(|(lab, _)| (*name, *lab)).collect(),
            _ => Vec::new(),
        })
        .collect();
    for (name, meaning) in meant {
        let complaint = match meaning {
            Meaning::Kind(kind) => with_kind(name, *kind, lab, &tests),
            Meaning::KindOfLab(part, _) => lab
                .filter(|(_, whole)| whole.lab == part.lab)
                .map(|(whole, _)| format!("`{name}` is a part of `{whole}`: leave out one of them")),
            Meaning::Lab(lab) if !tests.is_empty() && !tests.iter().any(|(_, of)| of.lab == lab.lab) => Some(format!(
                "`{name}` has no part in `{}`: name a test of lab {} as well, or leave it out",
                tests[0].0, lab.lab.id
            )),
            _ => None,
        };
        if let Some(complaint) = complaint {
            return Err(CommandError::Misuse(complaint));
        }
    }
    Ok(())
}

/// The complaint about a kind that is named beside a lab or a test.
fn with_kind(
    name: &str,
    kind: TestKind,
    lab: Option<(&str, &GradedLab)>,
    tests: &[(&str, &GradedLab)],
) -> Option<String> {
    let every = format!("`{name}` alone means the {} tests of every lab", kind.name());
    match (lab, tests) {
        (_, [(test, _), ..]) => Some(format!("{every}: leave it out to run `{test}`")),
        (Some((_, lab)), []) => Some(format!("{every}: did you mean `{}:{}`?", lab.lab.id, kind.name())),
        (None, []) => None,
    }
}
