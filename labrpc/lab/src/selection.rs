//! Which tests are meant by the names on the command line.

use std::collections::BTreeSet;

use crate::course::{LABS, LabCrate, lab_ids};
use crate::error::CommandError;
use crate::grade::test_binary::TestBinary;
use crate::nearest::suggestion;
use crate::points::{GradedLab, GradedTest};
use crate::request::{SeedChoice, TestRequest, WorldChoice};
use crate::test_kind::{GRADED_FOLDER, TestKind, kind_names};

/// So many names of tests are enough in a message of one line.
const NAMES_SHOWN_MAX: usize = 5;

/// What is to run of one lab.
#[derive(Debug)]
pub struct LabSelection {
    /// The lab.
    pub lab: &'static LabCrate,
    /// All its tests, in the order of its list.
    pub listed: Vec<GradedTest>,
    /// Whether there is anything to build.
    pub has_graded_tests: bool,
    /// The tests that are meant by their names or as all of the lab's.
    named: BTreeSet<String>,
    /// The kinds of which all tests are meant.
    kinds: BTreeSet<TestKind>,
}

impl LabSelection {
    /// The whole of a lab.
    ///
    /// # Errors
    ///
    /// When the lab has no list of graded tests.
    pub fn whole(lab: &GradedLab) -> Result<LabSelection, CommandError> {
        Ok(LabSelection {
            lab: lab.lab,
            listed: lab.tests()?.to_vec(),
            has_graded_tests: !lab.kinds.is_empty(),
            named: names(lab)?.map(str::to_string).collect(),
            kinds: BTreeSet::new(),
        })
    }

    /// Whether every test of the list is meant.
    pub fn is_whole(&self) -> bool {
        self.named.len() == self.listed.len()
    }

    /// Whether the tests are meant as a crowd, and not each by itself.
    pub fn is_of_many(&self) -> bool {
        self.is_whole() || !self.kinds.is_empty()
    }

    /// The tests that are meant, in the order of the list.
    pub fn tests(&self, binary: &TestBinary) -> Vec<GradedTest> {
        let is_of_kind = |name: &str| binary.find(name).is_ok_and(|found| self.kinds.contains(&found.kind));
        let is_meant = |test: &&GradedTest| self.named.contains(&test.name) || is_of_kind(&test.name);
        self.listed.iter().filter(is_meant).cloned().collect()
    }
}

/// What is to run, in course order, each test once however often it is named.
///
/// # Errors
///
/// [`CommandError::Misuse`] for a name that means nothing or too much, [`CommandError::Broken`] when a lab
/// that is meant has no list of graded tests.
pub fn choose(labs: &[GradedLab], request: &TestRequest) -> Result<Vec<LabSelection>, CommandError> {
    let mut meant = BTreeSet::new();
    if let SeedChoice::Replay(token) = &request.seeds {
        meant.insert(Selected::Test(token_test(labs, &token.test)?));
    } else if request.selectors.is_empty() {
        if request.world == WorldChoice::Simulated {
            return labs.iter().map(LabSelection::whole).collect();
        }
        meant.extend(select_kind(labs, REAL_KIND, None)?);
    }
    for selector in &request.selectors {
        let selected = select(labs, selector)?;
        meant.extend(if request.world == WorldChoice::Real {
            on_real_threads(labs, selector, selected)?
        } else {
            selected
        });
    }
    let selections = labs.iter().filter_map(|lab| {
        let listed = lab.tests.as_deref()?;
        let is_named = |test: &&GradedTest| meant.contains(&Selected::Test(&test.name));
        let named: BTreeSet<String> = listed.iter().filter(is_named).map(|test| test.name.clone()).collect();
        let is_kind = |kind: &TestKind| meant.contains(&Selected::TestKind(lab.lab.id, *kind));
        let kinds: BTreeSet<TestKind> = lab.kinds.iter().copied().filter(is_kind).collect();
        let is_meant = !named.is_empty() || !kinds.is_empty();
        let (listed, has_graded_tests) = (listed.to_vec(), !lab.kinds.is_empty());
        is_meant.then_some(LabSelection { lab: lab.lab, listed, has_graded_tests, named, kinds })
    });
    Ok(selections.collect())
}

/// Scripts, storms and counts are exact to the millisecond, which only virtual time is.
const REAL_KIND: TestKind = TestKind::Cluster;

/// What is meant of a selection on real threads: of a lab, its tests of the one kind that can run there.
fn on_real_threads<'a>(
    labs: &[GradedLab],
    selector: &str,
    selected: Vec<Selected<'a>>,
) -> Result<Vec<Selected<'a>>, CommandError> {
    if let Some(lab) = labs.iter().find(|lab| lab.lab.is_called(&selector.to_lowercase())) {
        return select_kind(labs, REAL_KIND, Some(lab));
    }
    let is_other_kind = |meant: &Selected<'_>| matches!(meant, Selected::TestKind(_, kind) if *kind != REAL_KIND);
    if selected.iter().any(is_other_kind) {
        let kind = REAL_KIND.name();
        return Err(CommandError::Misuse(format!(
            "`{selector}` needs virtual time: on real threads, only `{kind}` tests run"
        )));
    }
    Ok(selected)
}

/// What a name on the command line means, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Selected<'a> {
    Test(&'a str),
    /// All tests of a kind in the lab of this short name.
    TestKind(&'static str, TestKind),
}

fn names(lab: &GradedLab) -> Result<impl Iterator<Item = &str>, CommandError> {
    Ok(lab.tests()?.iter().map(|test| test.name.as_str()))
}

fn all_names(labs: &[GradedLab]) -> Vec<&str> {
    labs.iter().filter_map(|lab| lab.tests.as_deref()).flatten().map(|test| test.name.as_str()).collect()
}

fn select<'a>(labs: &'a [GradedLab], selector: &str) -> Result<Vec<Selected<'a>>, CommandError> {
    let name = selector.to_lowercase();
    if let Some(lab) = labs.iter().find(|lab| lab.lab.is_called(&name)) {
        return Ok(names(lab)?.map(Selected::Test).collect());
    }
    if let Some(kind) = TestKind::named(&name) {
        return select_kind(labs, kind, None);
    }
    if let Some((lab, kind)) = name.split_once(':') {
        let kind = TestKind::named(kind).ok_or_else(|| no_kind(selector, kind))?;
        let lab = labs.iter().find(|known| known.lab.is_called(lab)).ok_or_else(|| no_lab(selector, lab))?;
        return select_kind(labs, kind, Some(lab));
    }
    let names = all_names(labs);
    if let Some(exact) = names.iter().find(|test| **test == name) {
        return Ok(vec![Selected::Test(exact)]);
    }
    let beginning: Vec<&str> =
        names.iter().copied().filter(|test| !name.is_empty() && test.starts_with(&name)).collect();
    match beginning[..] {
        [] => Err(unknown(selector, &names)),
        [only] => Ok(vec![Selected::Test(only)]),
        _ => Err(CommandError::Misuse(format!(
            "{} tests begin with `{selector}`: name one of {}",
            beginning.len(),
            enumerate(&beginning)
        ))),
    }
}

/// All tests of a kind, of one lab or of every lab that has some.
fn select_kind<'a>(
    labs: &[GradedLab],
    kind: TestKind,
    only: Option<&GradedLab>,
) -> Result<Vec<Selected<'a>>, CommandError> {
    let is_meant = |lab: &&GradedLab| only.is_none_or(|only| only.lab == lab.lab) && lab.kinds.contains(&kind);
    let mut meant = Vec::new();
    for lab in labs.iter().filter(is_meant) {
        lab.tests()?;
        meant.push(Selected::TestKind(lab.lab.id, kind));
    }
    if meant.is_empty() {
        let which = only.map_or("no lab has".to_string(), |only| format!("lab {} has no", only.lab.id));
        let (name, folder) = (kind.name(), GRADED_FOLDER);
        return Err(CommandError::Misuse(format!("{which} {folder}/{name}: there is nothing of this kind to run")));
    }
    Ok(meant)
}

fn no_kind(selector: &str, kind: &str) -> CommandError {
    let suggestion = suggestion(kind, TestKind::ALL.map(TestKind::name));
    CommandError::Misuse(format!(
        "in `{selector}`, there is no kind of tests `{kind}`{suggestion} (kinds: {})",
        kind_names()
    ))
}

fn no_lab(selector: &str, lab: &str) -> CommandError {
    let suggestion = suggestion(lab, LABS.iter().flat_map(|lab| [lab.id, lab.package]));
    CommandError::Misuse(format!("in `{selector}`, there is no lab `{lab}`{suggestion} (labs: {})", lab_ids()))
}

fn unknown(selector: &str, tests: &[&str]) -> CommandError {
    let labs = LABS.iter().flat_map(|lab| [lab.id, lab.package]);
    let known = labs.chain(TestKind::ALL.map(TestKind::name)).chain(tests.iter().copied());
    let suggestion = suggestion(selector, known);
    let (ids, kinds) = (lab_ids(), kind_names());
    CommandError::Misuse(format!(
        "there is no lab, kind or test `{selector}`{suggestion} (labs: {ids}; kinds: {kinds}; tests: see a lab's \
         tests/points.txt)"
    ))
}

fn token_test<'a>(labs: &'a [GradedLab], test: &str) -> Result<&'a str, CommandError> {
    let names = all_names(labs);
    names.iter().copied().find(|name| *name == test).ok_or_else(|| {
        let suggestion = suggestion(test, names.iter().copied());
        CommandError::Misuse(format!(
            "the token names a test `{test}` that no lab's tests/points.txt lists{suggestion}"
        ))
    })
}

fn enumerate(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMES_SHOWN_MAX)].join(", ");
    if names.len() <= NAMES_SHOWN_MAX { shown } else { format!("{shown}, … ({} in all)", names.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::ReplayToken;

    fn labs() -> Vec<GradedLab> {
        let listed = [&["initial_election_2a", "many_elections_2a"][..], &["basic_agree_2b", "basic_agree_again_2b"]];
        let graded = |names: &&[&str]| {
            names.iter().map(|name| GradedTest { name: name.to_string(), points: 10, seeds: 5 }).collect()
        };
        let kinds = [vec![TestKind::Rules, TestKind::Cluster], vec![TestKind::Cluster]];
        let lab = |(at, lab)| {
            let (kinds, tests) = (kinds.get(at).cloned().unwrap_or_default(), listed.get(at).map(graded));
            GradedLab { lab, kinds, tests }
        };
        LABS.iter().enumerate().map(lab).collect()
    }

    fn chosen(selectors: &[&str]) -> Result<Vec<String>, CommandError> {
        let selectors = selectors.iter().map(|selector| selector.to_string()).collect();
        let selections = choose(&labs(), &TestRequest { selectors, ..TestRequest::default() })?;
        Ok(selections
            .into_iter()
            .flat_map(|selection| {
                let whole = if selection.is_whole() { "*" } else { "" };
                let tests = selection.tests(&TestBinary::default());
                tests.into_iter().map(move |test| format!("{}{whole}", test.name))
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

    /// On real threads a lab means its cluster tests, and whoever asks for another kind hears why not.
    #[test]
    fn real_threads_run_cluster_tests() {
        let choose_real = |selectors: &[&str]| {
            let selectors = selectors.iter().map(|selector| selector.to_string()).collect();
            let chosen =
                choose(&labs(), &TestRequest { selectors, world: WorldChoice::Real, ..TestRequest::default() })?;
            Ok(chosen.iter().map(|selection| (selection.lab.id, selection.kinds.clone())).collect())
        };
        let cluster = |lab| (lab, BTreeSet::from([TestKind::Cluster]));
        let chosen: Result<Vec<_>, CommandError> = choose_real(&[]);
        assert_eq!(chosen.unwrap(), [cluster("2a"), cluster("2b")]);
        assert_eq!(choose_real(&["2A"]).unwrap(), [cluster("2a")]);
        let refused = choose_real(&["2a:rules"]).unwrap_err().to_string();
        assert_eq!(refused, "`2a:rules` needs virtual time: on real threads, only `cluster` tests run");
    }

    /// A kind means that of one lab, or of every lab that has it.
    #[test]
    fn kinds_are_found() {
        let kinds = |selectors: &[&str]| -> Vec<(&str, Vec<TestKind>, usize)> {
            let selectors = selectors.iter().map(|selector| selector.to_string()).collect();
            let chosen = choose(&labs(), &TestRequest { selectors, ..TestRequest::default() }).unwrap();
            let kinds = |selection: &LabSelection| selection.kinds.iter().copied().collect();
            chosen.iter().map(|chosen| (chosen.lab.id, kinds(chosen), chosen.named.len())).collect()
        };
        let (rules, cluster) = (TestKind::Rules, TestKind::Cluster);
        assert_eq!(kinds(&["rules"]), [("2a", vec![rules], 0)]);
        assert_eq!(kinds(&["Cluster"]), [("2a", vec![cluster], 0), ("2b", vec![cluster], 0)]);
        assert_eq!(kinds(&["2A:cluster"]), [("2a", vec![cluster], 0)]);
        assert_eq!(kinds(&["2a:rules", "many"]), [("2a", vec![rules], 1)]);
        assert_eq!(error(&["cost"]), "no lab has tests/graded/cost: there is nothing of this kind to run");
        assert_eq!(error(&["2b:rules"]), "lab 2b has no tests/graded/rules: there is nothing of this kind to run");
        let kinds = "(kinds: rules, cluster, chaos, cost)";
        assert_eq!(
            error(&["2b:rule"]),
            format!("in `2b:rule`, there is no kind of tests `rule`: did you mean `rules`? {kinds}")
        );
        let labs = "(labs: 2a, 2b, 2c, 2d, 3a, 3b)";
        assert_eq!(error(&["2z:rules"]), format!("in `2z:rules`, there is no lab `2z`: did you mean `2a`? {labs}"));
    }

    /// A beginning that several tests share is refused, and they are named, but not endlessly.
    #[test]
    fn a_beginning_must_fit_one_test() {
        assert_eq!(error(&["basic"]), "2 tests begin with `basic`: name one of basic_agree_2b, basic_agree_again_2b");
        assert_eq!(enumerate(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d, e, … (6 in all)");
    }

    /// A name that means nothing is answered with what is close to it and what is accepted.
    #[test]
    fn unknown_names_are_refused() {
        let kinds = "rules, cluster, chaos, cost";
        let accepted = format!("(labs: 2a, 2b, 2c, 2d, 3a, 3b; kinds: {kinds}; tests: see a lab's tests/points.txt)");
        assert_eq!(error(&["2e"]), format!("there is no lab, kind or test `2e`: did you mean `2a`? {accepted}"));
        assert_eq!(
            error(&["many_election_2a"]),
            format!("there is no lab, kind or test `many_election_2a`: did you mean `many_elections_2a`? {accepted}")
        );
        // `agree` stands in the midst of names, and at the beginning of none.
        for name in ["frobnicate", "agree", ""] {
            assert_eq!(error(&[name]), format!("there is no lab, kind or test `{name}` {accepted}"));
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
            let seeds = SeedChoice::Replay(ReplayToken::of(test, 3));
            choose(&labs(), &TestRequest { seeds, ..TestRequest::default() })
        };
        assert_eq!(replay("basic_agree_2b").unwrap()[0].named, BTreeSet::from(["basic_agree_2b".to_string()]));
        assert_eq!(
            replay("basic_agre_2b").unwrap_err().to_string(),
            "the token names a test `basic_agre_2b` that no lab's tests/points.txt lists: did you mean `basic_agree_2b`?"
        );
    }
}
