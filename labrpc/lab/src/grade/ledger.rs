//! The records of one lab as they come in, and the verdicts that they allow.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::record::Record;
use super::verdict::{Outcome, Owed, Verdict};
use crate::points::GradedTest;
use crate::request::TestRequest;

/// The records of one lab as they come in.
#[derive(Debug)]
pub struct Ledger {
    tests: Vec<(GradedTest, Owed)>,
    runs: HashMap<String, BTreeMap<u64, Record>>,
    /// Why tests that have no verdict will not get one.
    reasons: HashMap<String, String>,
    /// Tests that were recorded though they are not meant.
    strangers: BTreeSet<String>,
    has_failures: bool,
}

impl Ledger {
    /// No records yet of these tests.
    pub fn new(tests: &[GradedTest], request: &TestRequest) -> Ledger {
        let tests: Vec<(GradedTest, Owed)> = tests.iter().map(|test| (test.clone(), Owed::by(test, request))).collect();
        let runs = tests.iter().map(|(test, _)| (test.name.clone(), BTreeMap::new())).collect();
        Ledger { tests, runs, reasons: HashMap::new(), strangers: BTreeSet::new(), has_failures: false }
    }

    /// How many runs all tests owe together.
    pub fn owed_count(&self) -> u64 {
        self.tests.iter().map(|(_, owed)| owed.count()).sum()
    }

    /// Enters a record, and returns whether its test is among those meant. A seed that has failed
    /// once has failed, whatever is recorded of it later.
    pub fn enter(&mut self, record: Record) -> bool {
        self.has_failures |= record.failure.is_some();
        let Some(runs) = self.runs.get_mut(&record.test) else {
            self.strangers.insert(record.test);
            return false;
        };
        let has_failed = runs.get(&record.seed).is_some_and(|earlier| earlier.failure.is_some());
        if !has_failed {
            runs.insert(record.seed, record);
        }
        true
    }

    /// Says why a test has no verdict.
    pub fn explain(&mut self, test: &str, reason: String) {
        self.reasons.insert(test.to_string(), reason);
    }

    /// How many runs of a test are recorded.
    pub fn recorded(&self, test: &str) -> usize {
        self.runs.get(test).map_or(0, BTreeMap::len)
    }

    /// Whether any record, of whichever test, says `failed`.
    pub fn has_failures(&self) -> bool {
        self.has_failures
    }

    /// The tests that were recorded and not meant.
    pub fn strangers(&self) -> impl Iterator<Item = &str> {
        self.strangers.iter().map(String::as_str)
    }

    /// The verdict on a test, if its records allow one.
    pub fn settled(&self, name: &str) -> Option<Verdict> {
        let (test, owed) = self.tests.iter().find(|(test, _)| test.name == name)?;
        let runs = &self.runs[name];
        let outcome = match runs.values().find(|run| run.failure.is_some()) {
            Some(run) => Outcome::Failed(run.seed),
            None if owed.is_paid_by(runs) => Outcome::Passed,
            None => return None,
        };
        Some(Verdict { test: test.clone(), owed: *owed, outcome, runs: runs.clone() })
    }

    /// The verdict on a test, which is "missing" if its records allow no other.
    pub fn verdict(&self, test: &GradedTest, owed: Owed) -> Verdict {
        self.settled(&test.name).unwrap_or_else(|| {
            let reason = self.reasons.get(&test.name).map_or("it was not run", String::as_str);
            let (recorded, owed_count) = (self.recorded(&test.name), owed.count());
            let outcome = Outcome::Missing(format!("No verdict, {recorded} of {owed_count} seeds recorded: {reason}"));
            Verdict { test: test.clone(), owed, outcome, runs: self.runs[&test.name].clone() }
        })
    }

    /// A verdict on every test, whatever became of it.
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.tests.iter().map(|(test, owed)| self.verdict(test, *owed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples::{run, test};
    use crate::request::SeedChoice;

    const NAME: &str = "a_2a";

    fn outcome(seeds: SeedChoice, records: Vec<Record>) -> Outcome {
        let request = TestRequest { seeds, ..TestRequest::default() };
        let mut ledger = Ledger::new(&[test(NAME, 10, 3)], &request);
        records.into_iter().for_each(|record| assert!(ledger.enter(record)));
        ledger.verdicts().remove(0).outcome
    }

    fn passed(seeds: impl IntoIterator<Item = u64>) -> Vec<Record> {
        seeds.into_iter().map(|seed| run(NAME, seed, None)).collect()
    }

    /// A test has passed with exactly the seeds that it owes, and has no verdict with one less.
    #[test]
    fn every_seed_must_pass() {
        assert_eq!(outcome(SeedChoice::Listed, passed(1..=3)), Outcome::Passed);
        let missing = |count| Outcome::Missing(format!("No verdict, {count} seeds recorded: it was not run"));
        assert_eq!(outcome(SeedChoice::Listed, passed(1..=2)), missing("2 of 3"));
        assert_eq!(outcome(SeedChoice::Listed, passed([1, 1, 1])), missing("1 of 3"));
        assert_eq!(outcome(SeedChoice::Listed, passed([])), missing("0 of 3"));
        assert_eq!(outcome(SeedChoice::Count(4), passed(1..=3)), missing("3 of 4"));
        assert_eq!(outcome(SeedChoice::Count(2), passed(1..=2)), Outcome::Passed);
    }

    /// A replay is about its own seed: another's success says nothing.
    #[test]
    fn a_replay_needs_its_seed() {
        assert_eq!(outcome(SeedChoice::Only(9), passed([9])), Outcome::Passed);
        assert!(matches!(outcome(SeedChoice::Only(9), passed([1])), Outcome::Missing(_)));
        let token = SeedChoice::Replay(crate::request::Token::of(NAME, 4));
        assert_eq!(outcome(token, passed([4])), Outcome::Passed);
    }

    /// One failed seed fails the test at once and for good, and the smallest is named.
    #[test]
    fn one_failure_is_enough() {
        let failed = |seed| run(NAME, seed, Some("broken"));
        assert_eq!(outcome(SeedChoice::Listed, vec![failed(3), failed(2), run(NAME, 1, None)]), Outcome::Failed(2));
        assert_eq!(outcome(SeedChoice::Listed, vec![failed(2), run(NAME, 2, None)]), Outcome::Failed(2));
    }

    /// Points are all or nothing, test by test.
    #[test]
    fn points_are_all_or_nothing() {
        let result = crate::grade::examples::lab_with_each_outcome();
        assert_eq!((result.score(), result.points(), result.tests_passed(), result.seeds()), (10, 60, 1, 5));
        assert!(!result.is_passed());
    }

    /// A record of a test that is not meant changes no verdict, but is remembered.
    #[test]
    fn strangers_are_remembered() {
        let mut ledger = Ledger::new(&[test(NAME, 10, 1)], &TestRequest::default());
        assert!(!ledger.enter(run("b_2a", 1, Some("broken"))));
        assert!(ledger.enter(run(NAME, 1, None)));
        assert_eq!(ledger.verdicts()[0].outcome, Outcome::Passed);
        assert_eq!(ledger.strangers().collect::<Vec<&str>>(), ["b_2a"]);
        assert!(ledger.has_failures());
    }
}
