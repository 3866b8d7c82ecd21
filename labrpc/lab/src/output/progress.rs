//! Progress on standard error while tests run: each failure as soon as it is known, and the rest
//! kind by kind.

use std::time::Duration;

use crate::course::LabCrate;
use crate::course::test_kind::TestKind;
use crate::grade::verdict::{ExpectedRuns, TestOutcome, TestVerdict};
use crate::output::bar::{self, Bar};
use crate::output::duration::seconds;
use crate::output::paint::Paint;
use crate::request::WorldChoice;

/// The width of the names, so that verdicts form a column. Only the longest names are wider.
const NAME_CHARACTERS: usize = 44;

/// How many failures of a lab get a line while its tests run. The scoreboard has the others.
const FAILURES_SHOWN_MAX: usize = 3;

/// The state of the display.
#[derive(Debug)]
pub struct TestProgress {
    bar: Bar,
    paint: Paint,
    title: String,
    runs: u64,
    runs_expected: u64,
    test: String,
    /// Whether each kind gets a line, instead of each test. A test that fails always gets one.
    is_of_many: bool,
    /// How many failures of the lab got a line.
    failures_shown: usize,
    world: WorldChoice,
    /// Whether no line is shown, so that the caller decides what is.
    is_bar_alone: bool,
}

impl TestProgress {
    /// Shows nothing.
    pub fn hidden() -> TestProgress {
        TestProgress::new(Bar::hidden(), Paint::NONE, WorldChoice::Simulated)
    }

    /// Shows a bar on a terminal, and nothing else.
    pub fn as_bar() -> TestProgress {
        let bar = Bar::on_stderr();
        let bar = if bar.is_seen() { bar } else { Bar::hidden() };
        TestProgress { is_bar_alone: true, ..TestProgress::new(bar, Paint::NONE, WorldChoice::Simulated) }
    }

    /// Shows lines in a file or pipe, and a bar as well on a terminal. The tests run in `world`.
    pub fn on_stderr(world: WorldChoice) -> TestProgress {
        TestProgress::new(Bar::on_stderr(), Paint::for_stderr(), world)
    }

    fn new(bar: Bar, paint: Paint, world: WorldChoice) -> TestProgress {
        TestProgress {
            bar,
            paint,
            title: String::new(),
            runs: 0,
            runs_expected: 0,
            test: String::new(),
            is_of_many: false,
            failures_shown: 0,
            world,
            is_bar_alone: false,
        }
    }

    /// A lab's tests begin. `runs_expected` is the number of their runs.
    pub fn start_lab(&mut self, lab: &LabCrate, runs_expected: u64, is_of_many: bool) {
        self.title = lab.title();
        self.runs = 0;
        self.runs_expected = runs_expected;
        self.test.clear();
        self.is_of_many = is_of_many;
        self.failures_shown = 0;
    }

    /// A run of this test has ended.
    pub fn count_run(&mut self, test: &str) {
        self.runs += 1;
        self.test = test.to_string();
    }

    /// The verdict on a test is known.
    pub fn show(&mut self, verdict: &TestVerdict) {
        // A failed test runs no further seeds: count them as done.
        if !verdict.is_passed() {
            self.runs += verdict.expected.count().saturating_sub(verdict.runs.len() as u64);
        }
        let is_failure = !verdict.is_passed() && verdict.missing_code().is_none() && !verdict.is_not_run();
        let is_news = is_failure && self.failures_shown < FAILURES_SHOWN_MAX;
        if (is_news || !self.is_of_many) && !self.is_bar_alone {
            self.failures_shown += 1;
            self.bar.say(&format!("{}\n", self.verdict_line(verdict)));
        }
    }

    /// All verdicts on the tests of a kind are known.
    pub fn end_kind(&mut self, kind: TestKind, verdicts: &[TestVerdict]) {
        if self.is_of_many && !self.is_bar_alone {
            self.bar.say(&format!("{}\n", self.kind_line(kind, verdicts)));
        }
    }

    /// Shows other text.
    pub fn pass_on(&mut self, text: &str) {
        self.bar.say(text);
    }

    /// Updates the bar.
    pub fn draw(&mut self) {
        let TestProgress { bar, title, runs, runs_expected, test, .. } = self;
        bar.draw(|| bar::line(title, *runs, *runs_expected, "seeds", test));
    }

    /// A lab's tests have ended.
    pub fn end_lab(&mut self) {
        self.bar.clear();
    }

    fn verdict_line(&self, verdict: &TestVerdict) -> String {
        let time = self.time(verdict.virtual_time());
        let (word, detail) = match (&verdict.outcome, verdict.expected) {
            (TestOutcome::Passed, expected) => {
                (self.paint.good("ok"), format!("    {}, {time}", seeds(expected.count())))
            }
            (TestOutcome::Failed(seed), ExpectedRuns::Seeds(count)) => {
                (self.paint.bad("FAILED"), format!("seed {seed} of {count}, {time}"))
            }
            (TestOutcome::Failed(seed), ExpectedRuns::Only(_)) => {
                (self.paint.bad("FAILED"), format!("seed {seed}, {time}"))
            }
            (TestOutcome::Missing(_), _) => (self.paint.bad("FAILED"), "no verdict".to_string()),
            (TestOutcome::NotRun(_), _) => (self.paint.bad("FAILED"), "not run".to_string()),
        };
        format!("{} {word} {detail}", dotted(&self.title, &verdict.test.name))
    }

    fn kind_line(&self, kind: TestKind, verdicts: &[TestVerdict]) -> String {
        let tests = verdicts.len();
        let count =
            |is_counted: fn(&TestVerdict) -> bool| verdicts.iter().filter(|verdict| is_counted(verdict)).count();
        let passed = count(TestVerdict::is_passed);
        let name = dotted(&self.title, kind.name());
        if passed < tests {
            let waiting = match count(|verdict| verdict.missing_code().is_some()) {
                0 => String::new(),
                waiting => format!(", {waiting} wait for your code"),
            };
            let not_run = match count(TestVerdict::is_not_run) {
                0 => String::new(),
                not_run => format!(", {not_run} not run"),
            };
            return format!("{name} {} {passed} of {tests} tests passed{waiting}{not_run}", self.paint.bad("FAILED"));
        }
        let runs: u64 = verdicts.iter().map(|verdict| verdict.runs.len() as u64).sum();
        let time = self.time(verdicts.iter().map(TestVerdict::virtual_time).sum());
        let tests = if tests == 1 { "1 test".to_string() } else { format!("{tests} tests") };
        format!("{name} {}     {tests}, {}, {time}", self.paint.good("ok"), seeds(runs))
    }

    /// How long runs took, by the clock of the world that they ran in.
    fn time(&self, time: Duration) -> String {
        let clock = match self.world {
            WorldChoice::Simulated => "virtual time ",
            WorldChoice::Real => "",
        };
        format!("{clock}{}", seconds(time))
    }
}

fn seeds(count: u64) -> String {
    if count == 1 { "1 seed".to_string() } else { format!("{count} seeds") }
}

fn dotted(title: &str, name: &str) -> String {
    let dots = "…".repeat(NAME_CHARACTERS.saturating_sub(name.chars().count()).max(1));
    format!("{title}  {name} {dots}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples;

    fn of_lab_2a(world: WorldChoice) -> TestProgress {
        TestProgress { title: "2A".to_string(), ..TestProgress::new(Bar::hidden(), Paint::NONE, world) }
    }

    /// On real threads no time is virtual, and a single seed is not one of many.
    #[test]
    fn a_line_is_true_of_its_run() {
        let mut verdict = examples::lab_with_each_outcome().verdicts.remove(1);
        verdict.expected = ExpectedRuns::Only(2);
        let line = of_lab_2a(WorldChoice::Simulated).verdict_line(&verdict);
        assert!(line.ends_with("… FAILED seed 2, virtual time 3.000 s"), "{line}");
        let line = of_lab_2a(WorldChoice::Real).verdict_line(&verdict);
        assert!(line.ends_with("… FAILED seed 2, 3.000 s"), "{line}");
    }

    /// A verdict takes one line, with `ok` or `FAILED` in a column.
    #[test]
    fn a_verdict_takes_one_line() {
        let result = examples::lab_with_each_outcome();
        let progress = of_lab_2a(WorldChoice::Simulated);
        let lines: Vec<String> = result.verdicts.iter().map(|verdict| progress.verdict_line(verdict)).collect();
        assert_eq!(
            lines,
            [
                "2A  initial_election_2a ………………………………………………………………… ok     2 seeds, virtual time 3.000 s",
                "2A  many_elections_2a ……………………………………………………………………… FAILED seed 2 of 3, virtual time 3.000 s",
                "2A  reelection_2a ………………………………………………………………………………… FAILED no verdict",
            ]
        );
    }

    /// All tests of a kind take one line, which says how many passed and how many wait for code.
    #[test]
    fn a_kind_takes_one_line() {
        let mut verdicts = examples::lab_with_each_outcome().verdicts;
        let progress = of_lab_2a(WorldChoice::Simulated);
        let line = |verdicts: &[TestVerdict]| progress.kind_line(TestKind::Rules, verdicts);
        let beginning = format!("2A  rules {}", "…".repeat(NAME_CHARACTERS - "rules".len()));
        assert_eq!(line(&verdicts), format!("{beginning} FAILED 1 of 3 tests passed"));
        assert_eq!(line(&verdicts[..1]), format!("{beginning} ok     1 test, 2 seeds, virtual time 3.000 s"));
        verdicts[1].runs.get_mut(&2).unwrap().failure = Some("not yet implemented: lab 2A: vote".to_string());
        assert_eq!(line(&verdicts), format!("{beginning} FAILED 1 of 3 tests passed, 1 wait for your code"));
    }

    /// The seeds that a failed test does not run any more count as done.
    #[test]
    fn a_failed_test_counts_as_done() {
        let result = examples::lab_with_each_outcome();
        let mut progress = TestProgress::hidden();
        progress.start_lab(result.lab, 2 + 3 + 5, true);
        for verdict in &result.verdicts {
            verdict.runs.values().for_each(|run| progress.count_run(&run.test));
            progress.show(verdict);
        }
        assert_eq!(progress.runs, progress.runs_expected);
    }
}
