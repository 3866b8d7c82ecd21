//! What is shown on standard error while tests run: a line for each verdict as it falls, and on a
//! terminal a bar beneath them.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::course::Lab;
use crate::grade::verdict::{Outcome, Verdict};
use crate::paint::Paint;
use crate::scoreboard::seconds;

/// The bar is drawn no more often than an eye can follow.
const DRAW_INTERVAL: Duration = Duration::from_millis(80);
/// Narrower than the narrowest usual terminal, since a wrapped line cannot be drawn over.
const LINE_CHARACTERS_MAX: usize = 78;
/// The inside of the bar.
const BAR_CHARACTERS: usize = 25;
/// Verdicts stand in one column, right of all but the longest names.
const NAME_CHARACTERS: usize = 44;
/// Back to the first column, and clear the line.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Nobody,
    /// A file or a pipe: whole lines only.
    File,
    /// A terminal: the bar is drawn, and drawn over.
    Terminal,
}

/// The state of the display.
#[derive(Debug)]
pub struct Progress {
    audience: Audience,
    paint: Paint,
    title: String,
    runs: u64,
    runs_owed: u64,
    test: String,
    drawn: Option<Instant>,
}

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Progress {
        Progress::new(Audience::Nobody, Paint::NONE)
    }

    /// Shows what fits whoever reads standard error.
    pub fn on_stderr() -> Progress {
        let audience = if io::stderr().is_terminal() { Audience::Terminal } else { Audience::File };
        Progress::new(audience, Paint::for_stderr())
    }

    fn new(audience: Audience, paint: Paint) -> Progress {
        Progress { audience, paint, title: String::new(), runs: 0, runs_owed: 0, test: String::new(), drawn: None }
    }

    /// A lab's tests begin, which owe so many runs.
    pub fn start_lab(&mut self, lab: &Lab, runs_owed: u64) {
        self.title = lab.title();
        self.runs = 0;
        self.runs_owed = runs_owed;
        self.test.clear();
    }

    /// A run of this test has ended.
    pub fn count_run(&mut self, test: &str) {
        self.runs += 1;
        self.test = test.to_string();
    }

    /// The verdict on a test has fallen.
    pub fn show(&mut self, verdict: &Verdict) {
        // A test that has failed runs no further: the bar need not wait for it.
        if !verdict.is_passed() {
            self.runs += verdict.owed.count().saturating_sub(verdict.runs.len() as u64);
        }
        if self.audience == Audience::Nobody {
            return;
        }
        let line = verdict_line(&self.title, verdict, self.paint);
        self.write(&if self.audience == Audience::Terminal { format!("{CLEAR_LINE}{line}\n") } else { line + "\n" });
        self.drawn = None;
    }

    /// Something else has something to say.
    pub fn pass_on(&mut self, text: &str) {
        self.clear();
        if self.audience != Audience::Nobody {
            self.write(text);
        }
    }

    /// Brings the bar up to date.
    pub fn draw(&mut self) {
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW_INTERVAL);
        if self.audience == Audience::Terminal && is_due {
            let line = bar_line(&self.title, self.runs, self.runs_owed, &self.test);
            self.write(&format!("{CLEAR_LINE}{line}"));
            self.drawn = Some(Instant::now());
        }
    }

    /// A lab's tests are over.
    pub fn end_lab(&mut self) {
        self.clear();
    }

    fn clear(&mut self) {
        if self.drawn.take().is_some() {
            self.write(CLEAR_LINE);
        }
    }

    fn write(&self, text: &str) {
        // Whoever has closed standard error does not want to know.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn verdict_line(title: &str, verdict: &Verdict, paint: Paint) -> String {
    let name = &verdict.test.name;
    let dots = "…".repeat(NAME_CHARACTERS.saturating_sub(name.chars().count()).max(1));
    let time = seconds(verdict.virtual_time());
    let count = verdict.owed.count();
    let of_seeds = if count == 1 { "1 seed".to_string() } else { format!("{count} seeds") };
    let (word, detail) = match &verdict.outcome {
        Outcome::Passed => (paint.good("ok"), format!("    {of_seeds}, virtual time {time}")),
        Outcome::Failed(seed) => (paint.bad("FAILED"), format!("seed {seed} of {count}, virtual time {time}")),
        Outcome::Missing(_) => (paint.bad("FAILED"), "no verdict".to_string()),
    };
    format!("{title}  {name} {dots} {word} {detail}")
}

fn bar_line(title: &str, runs: u64, runs_owed: u64, test: &str) -> String {
    let share = runs.min(runs_owed) as f64 / runs_owed.max(1) as f64;
    let filled = (share * BAR_CHARACTERS as f64) as usize;
    let head = if filled < BAR_CHARACTERS { ">" } else { "" };
    let bar = format!("{}{head}", "=".repeat(filled));
    let line = format!("{title}  [{bar:BAR_CHARACTERS$}] {runs}/{runs_owed} seeds  {test}");
    line.chars().take(LINE_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples;

    /// A verdict takes one line, with the word that matters in its column.
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

    /// What a failed test will not run any more is counted as done.
    #[test]
    fn a_failed_test_holds_nothing_up() {
        let result = examples::lab_with_each_outcome();
        let mut progress = Progress::hidden();
        progress.start_lab(result.lab, 2 + 3 + 5);
        for verdict in &result.verdicts {
            verdict.runs.values().for_each(|run| progress.count_run(&run.test));
            progress.show(verdict);
        }
        assert_eq!(progress.runs, progress.runs_owed);
    }

    /// The bar grows with the runs, ends full, and never wraps.
    #[test]
    fn the_bar_grows() {
        assert_eq!(bar_line("2A", 0, 4, ""), "2A  [>                        ] 0/4 seeds  ");
        assert_eq!(bar_line("2A", 2, 4, "a_2a"), "2A  [============>            ] 2/4 seeds  a_2a");
        assert_eq!(bar_line("2A", 4, 4, "a_2a"), "2A  [=========================] 4/4 seeds  a_2a");
        assert_eq!(bar_line("2A", 1, 4, &"a".repeat(200)).chars().count(), LINE_CHARACTERS_MAX);
    }
}
