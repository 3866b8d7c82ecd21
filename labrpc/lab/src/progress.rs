//! Progress on standard error while tests run: each failure as soon as it is known, and the rest
//! kind by kind.

use crate::bar::{self, Bar};
use crate::course::LabCrate;
use crate::duration::seconds;
use crate::grade::verdict::{TestOutcome, TestVerdict};
use crate::paint::Paint;
use crate::test_kind::TestKind;

/// The width of the names, so that verdicts form a column. Only the longest names are wider.
const NAME_CHARACTERS: usize = 44;

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
}

impl TestProgress {
    /// Shows nothing.
    pub fn hidden() -> TestProgress {
        TestProgress::new(Bar::hidden(), Paint::NONE)
    }

    /// Shows lines in a file or pipe, and a bar as well on a terminal.
    pub fn on_stderr() -> TestProgress {
        TestProgress::new(Bar::on_stderr(), Paint::for_stderr())
    }

    fn new(bar: Bar, paint: Paint) -> TestProgress {
        TestProgress {
            bar,
            paint,
            title: String::new(),
            runs: 0,
            runs_expected: 0,
            test: String::new(),
            is_of_many: false,
        }
    }

    /// A lab's tests begin. `runs_expected` is the number of their runs.
    pub fn start_lab(&mut self, lab: &LabCrate, runs_expected: u64, is_of_many: bool) {
        self.title = lab.title();
        self.runs = 0;
        self.runs_expected = runs_expected;
        self.test.clear();
        self.is_of_many = is_of_many;
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
        let is_news = !verdict.is_passed() && verdict.missing_code().is_none();
        if is_news || !self.is_of_many {
            self.bar.say(&format!("{}\n", verdict_line(&self.title, verdict, self.paint)));
        }
    }

    /// All verdicts on the tests of a kind are known.
    pub fn end_kind(&mut self, kind: TestKind, verdicts: &[TestVerdict]) {
        if self.is_of_many {
            self.bar.say(&format!("{}\n", kind_line(&self.title, kind, verdicts, self.paint)));
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
}

fn verdict_line(title: &str, verdict: &TestVerdict, paint: Paint) -> String {
    let time = seconds(verdict.virtual_time());
    let count = verdict.expected.count();
    let (word, detail) = match &verdict.outcome {
        TestOutcome::Passed => (paint.good("ok"), format!("    {}, virtual time {time}", seeds(count))),
        TestOutcome::Failed(seed) => (paint.bad("FAILED"), format!("seed {seed} of {count}, virtual time {time}")),
        TestOutcome::Missing(_) => (paint.bad("FAILED"), "no verdict".to_string()),
    };
    format!("{} {word} {detail}", dotted(title, &verdict.test.name))
}

fn kind_line(title: &str, kind: TestKind, verdicts: &[TestVerdict], paint: Paint) -> String {
    let tests = verdicts.len();
    let passed = verdicts.iter().filter(|verdict| verdict.is_passed()).count();
    let waiting = verdicts.iter().filter(|verdict| verdict.missing_code().is_some()).count();
    let name = dotted(title, kind.name());
    if passed < tests {
        let waiting = if waiting > 0 { format!(", {waiting} wait for your code") } else { String::new() };
        return format!("{name} {} {passed} of {tests} tests passed{waiting}", paint.bad("FAILED"));
    }
    let runs: u64 = verdicts.iter().map(|verdict| verdict.runs.len() as u64).sum();
    let time = seconds(verdicts.iter().map(TestVerdict::virtual_time).sum());
    let tests = if tests == 1 { "1 test".to_string() } else { format!("{tests} tests") };
    format!("{name} {}     {tests}, {}, virtual time {time}", paint.good("ok"), seeds(runs))
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

    /// A verdict takes one line, with `ok` or `FAILED` in a column.
    #[test]
    fn a_verdict_takes_one_line() {
        let result = examples::lab_with_each_outcome();
        let lines: Vec<String> =
            result.verdicts.iter().map(|verdict| verdict_line("2A", verdict, Paint::NONE)).collect();
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
        let line = |verdicts: &[TestVerdict]| kind_line("2A", TestKind::Rules, verdicts, Paint::NONE);
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
