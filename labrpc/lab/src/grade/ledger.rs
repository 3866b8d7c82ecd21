//! The records of one lab as they come in, and the verdicts that they allow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::record::Record;
use super::verdict::{LabResult, Outcome, Owed, Verdict};
use crate::course::Lab;
use crate::kind::TestKind;
use crate::points::GradedTest;
use crate::request::TestRequest;

/// The records of one lab as they come in.
#[derive(Debug)]
pub struct Ledger {
    accounts: Vec<Account>,
    /// Tests that were recorded though they are not meant.
    strangers: BTreeSet<String>,
    failures: usize,
    trouble: Option<String>,
    notes: Vec<String>,
}

/// What is known of one test.
#[derive(Debug)]
struct Account {
    test: GradedTest,
    kind: Option<TestKind>,
    owed: Owed,
    runs: BTreeMap<u64, Record>,
    /// Why it will get no verdict.
    reason: Option<String>,
}

impl Ledger {
    /// No records yet of these tests.
    pub fn new(tests: &[GradedTest], request: &TestRequest) -> Ledger {
        let account = |test: &GradedTest| Account {
            test: test.clone(),
            kind: None,
            owed: Owed::by(test, request),
            runs: BTreeMap::new(),
            reason: None,
        };
        Ledger {
            accounts: tests.iter().map(account).collect(),
            strangers: BTreeSet::new(),
            failures: 0,
            trouble: None,
            notes: Vec::new(),
        }
    }

    /// How many runs all tests owe together.
    pub fn owed_count(&self) -> u64 {
        self.accounts.iter().map(|account| account.owed.count()).sum()
    }

    /// Says of which kind a test is.
    pub fn place(&mut self, test: &str, kind: TestKind) {
        if let Some(account) = self.account_mut(test) {
            account.kind = Some(kind);
        }
    }

    /// Enters a record, and returns whether its test is among those meant. A seed that has failed
    /// once has failed, whatever is recorded of it later.
    pub fn enter(&mut self, record: Record) -> bool {
        let accounts = &mut self.accounts;
        let Some(account) = accounts.iter_mut().find(|account| account.test.name == record.test) else {
            self.pass_over(record);
            return false;
        };
        self.failures += usize::from(record.failure.is_some());
        let has_failed = account.runs.get(&record.seed).is_some_and(|earlier| earlier.failure.is_some());
        if !has_failed {
            account.runs.insert(record.seed, record);
        }
        true
    }

    /// Remembers a record that settles nothing: that of a test which was not asked for.
    pub fn pass_over(&mut self, record: Record) {
        self.failures += usize::from(record.failure.is_some());
        self.strangers.insert(record.test);
    }

    /// Says why a test has no verdict.
    pub fn explain(&mut self, test: &str, reason: &str) {
        if let Some(account) = self.account_mut(test) {
            account.reason = Some(reason.to_string());
        }
    }

    /// Says what went wrong beside the tests. What went wrong first is kept.
    pub fn complain(&mut self, trouble: String) {
        self.trouble.get_or_insert(trouble);
    }

    /// Says what the lab's author should know.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// How many records, of whichever tests, say `failed`.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// The tests that were recorded and not meant.
    pub fn strangers(&self) -> impl Iterator<Item = &str> {
        self.strangers.iter().map(String::as_str)
    }

    /// The verdict on a test, if its records allow one.
    pub fn settled(&self, name: &str) -> Option<Verdict> {
        let account = self.accounts.iter().find(|account| account.test.name == name)?;
        account.outcome().map(|outcome| account.verdict(outcome))
    }

    /// A verdict on every test, whatever became of it.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let outcome = |account: &Account| account.outcome().unwrap_or_else(|| account.missing());
        self.accounts.iter().map(|account| account.verdict(outcome(account))).collect()
    }

    /// The judgement on the lab.
    pub fn close(self, lab: &'static Lab, is_built: bool, real_time: Duration) -> LabResult {
        let verdicts = self.verdicts();
        LabResult { lab, is_built, verdicts, trouble: self.trouble, notes: self.notes, real_time }
    }

    fn account_mut(&mut self, test: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.test.name == test)
    }
}

impl Account {
    /// How the test ended, if its records say so.
    fn outcome(&self) -> Option<Outcome> {
        match self.runs.values().find(|run| run.failure.is_some()) {
            Some(run) => Some(Outcome::Failed(run.seed)),
            None if self.owed.is_paid_by(&self.runs) => Some(Outcome::Passed),
            None => None,
        }
    }

    fn missing(&self) -> Outcome {
        let reason = self.reason.as_deref().unwrap_or("it was not run");
        let (recorded, owed) = (self.runs.len(), self.owed.count());
        Outcome::Missing(format!("No verdict, {recorded} of {owed} seeds recorded: {reason}"))
    }

    fn verdict(&self, outcome: Outcome) -> Verdict {
        Verdict { test: self.test.clone(), kind: self.kind, owed: self.owed, outcome, runs: self.runs.clone() }
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
        assert_eq!(ledger.failures(), 1);
    }
}
