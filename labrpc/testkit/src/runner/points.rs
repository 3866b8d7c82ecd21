//! What `points.txt` says about a test.

use super::Lab;

impl Lab {
    /// How many seeds a test runs by default.
    pub(super) fn seeds_of(&self, test: &str) -> u64 {
        let line = self.lines().find(|(name, _)| *name == test);
        let (_, rest) = line.unwrap_or_else(|| panic!("{}/tests/points.txt has no line for {test}", self.package));
        let seeds = rest.split_whitespace().nth(1).and_then(|text| text.parse().ok());
        seeds.unwrap_or_else(|| panic!("{}/tests/points.txt: the line for {test} is `name points seeds`", self.package))
    }

    /// Whether `points.txt` has a line for a test.
    pub(super) fn knows(&self, test: &str) -> bool {
        self.lines().any(|(name, _)| name == test)
    }

    /// The lines of `points.txt`: a test's name, and the rest.
    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.points.lines().map(|line| line.split('#').next().unwrap_or_default());
        lines.filter_map(|line| line.trim().split_once(char::is_whitespace))
    }
}
