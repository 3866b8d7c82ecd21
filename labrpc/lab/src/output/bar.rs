//! Progress on standard error: lines, and on a terminal a bar below them.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the bar is drawn at most: as often as an eye can follow.
const DRAW_INTERVAL: Duration = Duration::from_millis(80);
/// Narrower than the usual terminal, because a wrapped line cannot be overwritten.
const LINE_CHARACTERS_MAX: usize = 78;
/// The inside of the bar.
const BAR_CHARACTERS: usize = 25;
/// Goes back to the first column and clears the line.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Who reads standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Nobody,
    /// A file or a pipe: whole lines only.
    File,
    /// A terminal: the bar is drawn and overwritten.
    Terminal,
}

/// The display at the end of standard error.
#[derive(Debug)]
pub struct Bar {
    audience: Audience,
    drawn: Option<Instant>,
}

impl Bar {
    /// Shows nothing.
    pub fn hidden() -> Bar {
        Bar { audience: Audience::Nobody, drawn: None }
    }

    /// Shows lines in a file or pipe, and a bar as well on a terminal.
    pub fn on_stderr() -> Bar {
        let audience = if io::stderr().is_terminal() { Audience::Terminal } else { Audience::File };
        Bar { audience, drawn: None }
    }

    /// Whether the bar is visible.
    pub fn is_seen(&self) -> bool {
        self.audience == Audience::Terminal
    }

    /// Writes whole lines above the bar.
    pub fn say(&mut self, lines: &str) {
        self.clear();
        if self.audience != Audience::Nobody {
            write(lines);
        }
    }

    /// Updates the bar, unless it was updated a moment ago.
    pub fn draw(&mut self, line: impl FnOnce() -> String) {
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW_INTERVAL);
        if self.is_seen() && is_due {
            write(&format!("{CLEAR_LINE}{}", line()));
            self.drawn = Some(Instant::now());
        }
    }

    /// Removes the bar.
    pub fn clear(&mut self) {
        if self.drawn.take().is_some() {
            write(CLEAR_LINE);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The line with the bar: a title, the share of `done` in `all`, and the current activity `now`.
pub fn line(title: &str, done: u64, all: u64, unit: &str, now: &str) -> String {
    let share = done.min(all) as f64 / all.max(1) as f64;
    let filled = (share * BAR_CHARACTERS as f64) as usize;
    let head = if filled < BAR_CHARACTERS { ">" } else { "" };
    let bar = format!("{}{head}", "=".repeat(filled));
    let line = format!("{title}  [{bar:BAR_CHARACTERS$}] {done}/{all} {unit}  {now}");
    line.chars().take(LINE_CHARACTERS_MAX).collect()
}

fn write(text: &str) {
    // If standard error is closed, nobody wants to see this.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bar grows with `done`, ends full, and never wraps.
    #[test]
    fn the_bar_grows() {
        let line = |done, now: &str| line("2A", done, 4, "seeds", now);
        assert_eq!(line(0, ""), "2A  [>                        ] 0/4 seeds  ");
        assert_eq!(line(2, "a_2a"), "2A  [============>            ] 2/4 seeds  a_2a");
        assert_eq!(line(4, "a_2a"), "2A  [=========================] 4/4 seeds  a_2a");
        assert_eq!(line(1, &"a".repeat(200)).chars().count(), LINE_CHARACTERS_MAX);
    }
}
