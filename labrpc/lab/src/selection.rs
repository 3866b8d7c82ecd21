//! Which tests are meant by the names on the command line.

use std::collections::BTreeSet;

use crate::course::{LABS, Lab, lab_ids};
use crate::failure::Failure;
use crate::nearest::suggestion;
use crate::points::{GradedLab, GradedTest};
use crate::request::{SeedChoice, TestRequest};

/// So many names of tests are enough in a message of one line.
const NAMES_SHOWN_MAX: usize = 5;

/// What is to run of one lab.
#[derive(Debug)]
pub struct Assignment {
    /// The lab.
    pub lab: &'static Lab,
    /// Its tests that are meant, in the order of its list.
    pub tests: Vec<GradedTest>,
    /// Whether these are all that the list holds.
    pub is_whole: bool,
}

/// What is to run, in course order, each test once however often it is named.
///
/// # Errors
///
/// [`Failure::Misuse`] for a name that means nothing or too much, [`Failure::Broken`] when a lab
/// that is meant has no list of graded tests.
pub fn choose(labs: &[GradedLab], request: &TestRequest) -> Result<Vec<Assignment>, Failure> {
    let mut chosen = BTreeSet::new();
    if let SeedChoice::Replay(token) = &request.seeds {
        chosen.insert(token_test(labs, &token.test)?);
    } else if request.selectors.is_empty() {
        for lab in labs {
            chosen.extend(names(lab)?);
        }
    }
    for selector in &request.selectors {
        chosen.extend(select(labs, selector)?);
    }
    let assignments = labs.iter().filter_map(|lab| {
        let listed = lab.tests.as_deref()?;
        let tests: Vec<GradedTest> =
            listed.iter().filter(|test| chosen.contains(test.name.as_str())).cloned().collect();
        let is_whole = tests.len() == listed.len();
        (!tests.is_empty()).then_some(Assignment { lab: lab.lab, tests, is_whole })
    });
    Ok(assignments.collect())
}

fn names(lab: &GradedLab) -> Result<impl Iterator<Item = &str>, Failure> {
    Ok(lab.tests()?.iter().map(|test| test.name.as_str()))
}

fn all_names(labs: &[GradedLab]) -> Vec<&str> {
    labs.iter().filter_map(|lab| lab.tests.as_deref()).flatten().map(|test| test.name.as_str()).collect()
}

fn select<'a>(labs: &'a [GradedLab], selector: &str) -> Result<Vec<&'a str>, Failure> {
    let name = selector.to_lowercase();
    if let Some(lab) = labs.iter().find(|lab| lab.lab.is_called(&name)) {
        return Ok(names(lab)?.collect());
    }
    let names = all_names(labs);
    if let Some(exact) = names.iter().find(|test| **test == name) {
        return Ok(vec![*exact]);
    }
    let beginning: Vec<&str> =
        names.iter().copied().filter(|test| !name.is_empty() && test.starts_with(&name)).collect();
    match beginning[..] {
        [] => Err(unknown(selector, &names)),
        [only] => Ok(vec![only]),
        _ => Err(Failure::Misuse(format!(
            "`{selector}` begins the names of {} tests: say which of {}",
            beginning.len(),
            enumerate(&beginning)
        ))),
    }
}

fn unknown(selector: &str, tests: &[&str]) -> Failure {
    let labs = LABS.iter().flat_map(|lab| [lab.id, lab.package]);
    let suggestion = suggestion(selector, labs.chain(tests.iter().copied()));
    let ids = lab_ids();
    Failure::Misuse(format!(
        "there is no lab or test `{selector}`{suggestion} (labs: {ids}; tests: see a lab's tests/points.txt)"
    ))
}

fn token_test<'a>(labs: &'a [GradedLab], test: &str) -> Result<&'a str, Failure> {
    let names = all_names(labs);
    names.iter().copied().find(|name| *name == test).ok_or_else(|| {
        let suggestion = suggestion(test, names.iter().copied());
        Failure::Misuse(format!("the token names a test `{test}` that no lab's tests/points.txt lists{suggestion}"))
    })
}

fn enumerate(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMES_SHOWN_MAX)].join(", ");
    if names.len() <= NAMES_SHOWN_MAX { shown } else { format!("{shown}, … ({} in all)", names.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Token;

    fn labs() -> Vec<GradedLab> {
        let listed = [&["initial_election_2a", "many_elections_2a"][..], &["basic_agree_2b", "basic_agree_again_2b"]];
        let graded = |names: &&[&str]| {
            names.iter().map(|name| GradedTest { name: name.to_string(), points: 10, seeds: 5 }).collect()
        };
        LABS.iter().enumerate().map(|(at, lab)| GradedLab { lab, tests: listed.get(at).map(graded) }).collect()
    }

    fn chosen(selectors: &[&str]) -> Result<Vec<String>, Failure> {
        let selectors = selectors.iter().map(|selector| selector.to_string()).collect();
        let assignments = choose(&labs(), &TestRequest { selectors, ..TestRequest::default() })?;
        Ok(assignments
            .into_iter()
            .flat_map(|assignment| {
                let whole = if assignment.is_whole { "*" } else { "" };
                assignment.tests.into_iter().map(move |test| format!("{}{whole}", test.name))
            })
            .collect())
    }

    fn error(selectors: &[&str]) -> String {
        chosen(selectors).unwrap_err().to_string()
    }

    /// Labs and tests are found by each of their names, in course order and without repetition.
    #[test]
    fn names_are_found() {
        for name in ["2a", "2A", "lab2a", "LAB2A", "lab2a-election"] {
            assert_eq!(chosen(&[name]).unwrap(), ["initial_election_2a*", "many_elections_2a*"], "{name}");
        }
        assert_eq!(chosen(&["basic_agree_2b"]).unwrap(), ["basic_agree_2b"]);
        assert_eq!(chosen(&["Many"]).unwrap(), ["many_elections_2a"]);
        let expected = ["initial_election_2a", "basic_agree_2b*", "basic_agree_again_2b*"];
        assert_eq!(chosen(&["2b", "init", "basic_agree_2b", "2B"]).unwrap(), expected);
    }

    /// A beginning that several tests share is refused, and they are named, but not endlessly.
    #[test]
    fn a_beginning_must_fit_one_test() {
        assert_eq!(
            error(&["basic"]),
            "`basic` begins the names of 2 tests: say which of basic_agree_2b, basic_agree_again_2b"
        );
        assert_eq!(enumerate(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d, e, … (6 in all)");
    }

    /// A name that means nothing is answered with what is close to it and what is accepted.
    #[test]
    fn unknown_names_are_refused() {
        let accepted = "(labs: 2a, 2b, 2c, 2d, 3a, 3b; tests: see a lab's tests/points.txt)";
        assert_eq!(error(&["2e"]), format!("there is no lab or test `2e`: did you mean `2a`? {accepted}"));
        assert_eq!(
            error(&["many_election_2a"]),
            format!("there is no lab or test `many_election_2a`: did you mean `many_elections_2a`? {accepted}")
        );
        // `agree` stands in the midst of names, and at the beginning of none.
        for name in ["frobnicate", "agree", ""] {
            assert_eq!(error(&[name]), format!("there is no lab or test `{name}` {accepted}"));
        }
    }

    /// A lab without a list is a fault of the course, but only for those who need the lab.
    #[test]
    fn a_lab_without_a_list_cannot_be_chosen() {
        let missing = "lab2c-persist/tests/points.txt is missing: it lists the graded tests of lab 2c";
        assert_eq!(error(&["2c"]), missing);
        assert_eq!(error(&[]), missing);
    }

    /// A token must name a test of the course.
    #[test]
    fn a_token_names_its_test() {
        let replay = |test: &str| {
            let seeds = SeedChoice::Replay(Token::of(test, 3));
            choose(&labs(), &TestRequest { seeds, ..TestRequest::default() })
        };
        assert_eq!(replay("basic_agree_2b").unwrap()[0].tests[0].name, "basic_agree_2b");
        assert_eq!(
            replay("basic_agre_2b").unwrap_err().to_string(),
            "the token names a test `basic_agre_2b` that no lab's tests/points.txt lists: did you mean `basic_agree_2b`?"
        );
    }
}
