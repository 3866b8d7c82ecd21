//! Which tests the names on the command line choose.

mod names;
mod real;
mod together;

use std::collections::BTreeSet;

use crate::course::LabCrate;
use crate::course::points::{GradedLab, GradedTest};
use crate::course::test_kind::TestKind;
use crate::error::CommandError;
use crate::grade::test_binary::TestBinary;
use crate::request::{SeedChoice, TestRequest, WorldChoice};
use names::{Selected, names, select_kind, token_test};
use real::{REAL_KIND, on_real_threads};
use together::select_all;
pub use together::several;

/// The tests of one lab that are chosen.
#[derive(Debug)]
pub struct LabSelection {
    /// The lab.
    pub lab: &'static LabCrate,
    /// All tests of the lab, in the order of its list.
    pub listed: Vec<GradedTest>,
    /// Whether the lab has a test binary to build.
    pub has_graded_tests: bool,
    /// Whether the lab is built and run. Nobody needs to wait for a lab that is not begun.
    pub is_begun: bool,
    /// The tests that are chosen by their names, or because the whole lab is.
    named: BTreeSet<String>,
    /// The kinds of which all tests are chosen.
    kinds: BTreeSet<TestKind>,
}

impl LabSelection {
    /// All tests of a lab.
    ///
    /// # Errors
    ///
    /// If the lab has no list of graded tests.
    pub fn whole(lab: &GradedLab) -> Result<LabSelection, CommandError> {
        Ok(LabSelection {
            lab: lab.lab,
            listed: lab.tests()?.to_vec(),
            has_graded_tests: !lab.kinds.is_empty(),
            is_begun: true,
            named: names(lab)?.map(str::to_string).collect(),
            kinds: BTreeSet::new(),
        })
    }

    /// Some tests of a lab, by their names.
    ///
    /// # Errors
    ///
    /// If the lab has no list of graded tests.
    pub fn of_tests(lab: &GradedLab, names: BTreeSet<String>) -> Result<LabSelection, CommandError> {
        Ok(LabSelection { named: names, ..LabSelection::whole(lab)? })
    }

    /// The tests that are chosen by their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }

    /// Whether every test of the list is chosen.
    pub fn is_whole(&self) -> bool {
        self.named.len() == self.listed.len()
    }

    /// Whether the tests are chosen as a group: a whole lab or a kind. Progress is then shown by
    /// kind.
    pub fn is_of_many(&self) -> bool {
        self.is_whole() || !self.kinds.is_empty()
    }

    /// The tests that are chosen, in the order of the list.
    pub fn tests(&self, binary: &TestBinary) -> Vec<GradedTest> {
        let is_of_kind = |name: &str| binary.find(name).is_ok_and(|found| self.kinds.contains(&found.kind));
        let is_chosen = |test: &&GradedTest| self.named.contains(&test.name) || is_of_kind(&test.name);
        self.listed.iter().filter(is_chosen).cloned().collect()
    }
}

/// The chosen tests, in course order. A test that is named twice runs once.
///
/// # Errors
///
/// [`CommandError::Misuse`] for a name that is unknown or ambiguous, [`CommandError::Broken`] if a
/// chosen lab has no list of graded tests.
pub fn choose(labs: &[GradedLab], request: &TestRequest) -> Result<Vec<LabSelection>, CommandError> {
    let mut chosen = BTreeSet::new();
    if let SeedChoice::Replay(token) = &request.seeds {
        chosen.insert(Selected::Test(token_test(labs, &token.test)?));
    } else if request.selectors.is_empty() {
        if request.world == WorldChoice::Simulated {
            return labs.iter().map(LabSelection::whole).collect();
        }
        chosen.extend(select_kind(labs, REAL_KIND, None)?);
    }
    for (selector, selected) in select_all(labs, &request.selectors)? {
        chosen.extend(if request.world == WorldChoice::Real {
            on_real_threads(labs, selector, selected)?
        } else {
            selected
        });
    }
    let selections = labs.iter().filter_map(|lab| {
        let listed = lab.tests.as_deref()?;
        let is_named = |test: &&GradedTest| chosen.contains(&Selected::Test(&test.name));
        let named: BTreeSet<String> = listed.iter().filter(is_named).map(|test| test.name.clone()).collect();
        let is_kind = |kind: &TestKind| chosen.contains(&Selected::Kind(lab.lab.id, *kind));
        let kinds: BTreeSet<TestKind> = lab.kinds.iter().copied().filter(is_kind).collect();
        let is_chosen = !named.is_empty() || !kinds.is_empty();
        let (listed, has_graded_tests) = (listed.to_vec(), !lab.kinds.is_empty());
        is_chosen.then_some(LabSelection { lab: lab.lab, listed, has_graded_tests, is_begun: true, named, kinds })
    });
    Ok(selections.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::LABS;
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

    /// Labs and tests are found by each of their names, in course order and without duplicates.
    #[test]
    fn names_are_found() {
        for name in ["2a", "2A", "lab2a", "LAB2A", "lab2a-election"] {
            assert_eq!(chosen(&[name]).unwrap(), ["initial_election_2a*", "many_elections_2a*"], "{name}");
        }
        assert_eq!(chosen(&["basic_agree_2b"]).unwrap(), ["basic_agree_2b"]);
        assert_eq!(chosen(&["Many"]).unwrap(), ["many_elections_2a"]);
        let expected = ["initial_election_2a*", "many_elections_2a*", "basic_agree_2b*", "basic_agree_again_2b*"];
        assert_eq!(chosen(&["2b", "2a", "2B"]).unwrap(), expected);
    }

    /// A lab that is named with tests of its own only says where they are: no other test of it runs.
    #[test]
    fn a_test_narrows_its_lab() {
        assert_eq!(chosen(&["2a", "initial"]).unwrap(), ["initial_election_2a"]);
        assert_eq!(chosen(&["basic_agree_2b", "2B"]).unwrap(), ["basic_agree_2b"]);
        let both = ["many_elections_2a", "basic_agree_again_2b"];
        assert_eq!(chosen(&["2a", "2b", "basic_agree_a", "many"]).unwrap(), both);
    }

    /// Names that together choose more than one expects are refused, and the message says what to write.
    #[test]
    fn surprising_sums_are_refused() {
        for (selectors, message) in [
            (&["2a", "rules"][..], "`rules` alone means the rules tests of every lab: did you mean `2a:rules`?"),
            (&["rules", "many"], "`rules` alone means the rules tests of every lab: leave it out to run `many`"),
            (&["2a:rules", "2A"], "`2a:rules` is a part of `2A`: leave out one of them"),
            (&["2b", "many"], "many_elections_2a is a test of lab 2a: leave out `2b` to run it alone"),
            (&["2a", "2b", "many"], "`2b` has no part in `many`: name a test of lab 2b as well, or leave it out"),
        ] {
            assert_eq!(error(selectors), message, "{selectors:?}");
        }
    }

    /// On real threads a lab means its cluster tests, and another kind is refused with the reason.
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

    /// A kind means the kind of one lab, or of every lab that has it.
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

    /// A part of names means all tests that have it, and how many these are is told. A whole name means its test only.
    #[test]
    fn a_part_of_names_means_all_that_have_it() {
        for part in ["basic", "agree", "Agree_"] {
            assert_eq!(chosen(&[part]).unwrap(), ["basic_agree_2b*", "basic_agree_again_2b*"], "{part}");
        }
        assert_eq!(chosen(&["2a", "election_"]).unwrap(), ["initial_election_2a"]);
        assert_eq!(chosen(&["2a", "2b", "initial", "again"]).unwrap(), ["initial_election_2a", "basic_agree_again_2b"]);
        let told = |selectors: &[&str]| {
            let selectors: Vec<String> = selectors.iter().map(|selector| selector.to_string()).collect();
            several(&labs(), &selectors).unwrap()
        };
        assert_eq!(told(&["agree", "2b"]), ["2 tests have `agree` in their names"]);
        assert_eq!(told(&["basic_agree_2b", "again"]), [""; 0]);
        let elsewhere =
            "no test of 2a has `agree` in its name, but 2 tests of other labs have: leave out `2a` to run these";
        assert_eq!(error(&["2a", "agree"]), elsewhere);
    }

    /// The message for an unknown name has the closest name and what is accepted.
    #[test]
    fn unknown_names_are_refused() {
        let kinds = "rules, cluster, chaos, cost";
        let accepted = format!("(labs: 2a, 2b, 2c, 2d, 3a, 3b; kinds: {kinds}; tests: see a lab's tests/points.txt)");
        assert_eq!(error(&["2e"]), format!("there is no lab, kind or test `2e`: did you mean `2a`? {accepted}"));
        assert_eq!(
            error(&["many_election_2a"]),
            format!("there is no lab, kind or test `many_election_2a`: did you mean `many_elections_2a`? {accepted}")
        );
        for name in ["frobnicate", ""] {
            assert_eq!(error(&[name]), format!("there is no lab, kind or test `{name}` {accepted}"));
        }
    }

    /// A lab without a list is an error, but only if the lab is chosen.
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
