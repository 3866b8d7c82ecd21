//! The options of `cargo lab bugs`: which variants are planted, how they are judged, and what is
//! printed.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::course::test_kind::TestKind;
use crate::course::track::Track;
use crate::request::Profile;

/// Which variants are planted, and how they are judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BugsRequest {
    /// The labs and ids on the command line; none means all.
    pub selectors: Vec<String>,
    /// Into whose design they are planted.
    pub track: Track,
    /// Whether only the lawful variants are planted.
    pub is_lawful_only: bool,
    /// How many variants are planted, evenly spread over the lists; `None` for all.
    pub spread: Option<NonZeroUsize>,
    /// Whether the tests of later labs run as well.
    pub is_all_labs: bool,
    /// The only kind of tests that judges; `None` for all kinds.
    pub kind: Option<TestKind>,
    /// How many seeds each test runs with; `None` for as many as the lab's list says.
    pub seeds: Option<u64>,
    /// How many variants are tried at a time; `None` for the number of processors.
    pub jobs: Option<NonZeroUsize>,
    /// How the code is compiled.
    pub profile: Profile,
    /// What is printed.
    pub output: BugsOutput,
    /// The folder for the stories of the bugs that are caught.
    pub stories: Option<PathBuf>,
    /// The file for the result as Markdown.
    pub markdown: Option<PathBuf>,
    /// Whether every test runs, as a student runs them, and the labs' lists of known mistakes are written.
    pub is_known_mistakes: bool,
    /// Whether nothing is planted, and the hints are measured instead.
    pub is_hints: bool,
}

/// What is printed on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BugsOutput {
    /// The findings, for people.
    #[default]
    Table,
    /// The findings, for programs: see [`json`](super::json).
    Json,
    /// What would be planted. Nothing is.
    List,
}

/// The command line that gives the same verdicts. Options without influence on them are left out.
impl fmt::Display for BugsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cargo lab bugs")?;
        for selector in &self.selectors {
            write!(f, " {selector}")?;
        }
        let is_open = self.track == Track::Open;
        for (is_set, option) in
            [(is_open, "--open"), (self.is_lawful_only, "--lawful"), (self.is_all_labs, "--all-labs")]
        {
            if is_set {
                write!(f, " {option}")?;
            }
        }
        if let Some(count) = self.spread {
            write!(f, " --spread {count}")?;
        }
        if let Some(kind) = self.kind {
            write!(f, " --kind {}", kind.name())?;
        }
        if let Some(count) = self.seeds {
            write!(f, " --seeds {count}")?;
        }
        if self.profile == Profile::Release {
            f.write_str(" --release")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line has all options that the verdicts depend on.
    #[test]
    fn the_command_line_is_written_out() {
        assert_eq!(BugsRequest { jobs: NonZeroUsize::new(2), ..BugsRequest::default() }.to_string(), "cargo lab bugs");
        let request = BugsRequest {
            selectors: vec!["2a".to_string(), "A03".to_string()],
            track: Track::Open,
            is_lawful_only: true,
            is_all_labs: true,
            spread: NonZeroUsize::new(30),
            kind: Some(TestKind::Chaos),
            seeds: Some(5),
            profile: Profile::Release,
            ..BugsRequest::default()
        };
        let expected = "cargo lab bugs 2a A03 --open --lawful --all-labs --spread 30 --kind chaos --seeds 5 --release";
        assert_eq!(request.to_string(), expected);
    }
}
