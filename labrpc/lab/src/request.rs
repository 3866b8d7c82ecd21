//! The options of `cargo lab test`: which tests run, how, and what is printed.

use std::fmt;
use std::path::PathBuf;

use crate::error::CommandError;

/// How many seeds run in the real world by default. There a minute takes a minute, and a seed
/// decides little.
const REAL_WORLD_SEEDS: u64 = 1;

/// Which tests run, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TestRequest {
    /// The labs, kinds and tests on the command line; none means all.
    pub selectors: Vec<String>,
    /// The seeds of each test.
    pub seeds: SeedChoice,
    /// What is printed.
    pub output: OutputFormat,
    /// Where the servers run.
    pub world: WorldChoice,
    /// How the code is compiled.
    pub profile: Profile,
    /// The first seed of each test; 1 if nothing else is asked for.
    pub first_seed: Option<u64>,
    /// What is done with tapes of the runs.
    pub tapes: Option<Tapes>,
    /// Whether failed runs are reported as they are. Then nobody looks for smaller ones, which takes time.
    pub is_unshrunk: bool,
}

impl TestRequest {
    /// Whether each test runs with a thousand seeds or more.
    pub fn has_many_seeds(&self) -> bool {
        matches!(self.seeds, SeedChoice::Count(1000..))
    }

    /// The number of seeds of every test; `None` if it differs from test to test.
    pub fn seed_count(&self) -> Option<u64> {
        match self.seeds {
            SeedChoice::Count(count) => Some(count),
            SeedChoice::Listed if self.world == WorldChoice::Real => Some(REAL_WORLD_SEEDS),
            _ => None,
        }
    }

    /// Whether the command line names no lab and no test, so that all are meant.
    pub fn is_for_all_labs(&self) -> bool {
        self.selectors.is_empty()
            && self.world == WorldChoice::Simulated
            && !matches!(self.seeds, SeedChoice::Replay(_))
    }

    /// Whether the result earns points. One seed is too few, and in the real world a busy machine
    /// can fail a correct server.
    pub fn is_graded(&self) -> bool {
        self.world == WorldChoice::Simulated && matches!(self.seeds, SeedChoice::Listed | SeedChoice::Count(_))
    }
}

/// What is done with tapes, from which a run can be made again without the code under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tapes {
    /// Each run records one into this folder.
    Record(PathBuf),
    /// Each run plays its own from this folder.
    Play(PathBuf),
}

/// The seeds of each test.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum SeedChoice {
    /// As many as `tests/points.txt` lists.
    #[default]
    Listed,
    /// This many.
    Count(u64),
    /// Only this one.
    Only(u64),
    /// One run of one test.
    Replay(ReplayToken),
}

/// The token of a run: `test:seed`, or `test:seed:keep` if the run was shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayToken {
    /// The test.
    pub test: String,
    /// The seed of the run.
    pub seed: u64,
    text: String,
}

/// What is printed on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Scoreboard,
    /// For programs: see [`json`](crate::output::json).
    Json,
    /// The trace hash of each run, to compare two machines or two versions.
    Hashes,
}

/// Where the servers run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorldChoice {
    /// In virtual time, over a simulated network.
    #[default]
    Simulated,
    /// On the threads and clocks of the machine.
    Real,
}

/// How the code is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Like `cargo test`, with which it shares artifacts.
    #[default]
    Dev,
    /// Like `cargo test --release`.
    Release,
}

impl WorldChoice {
    /// The name in `LAB_WORLD` and in `--world`.
    pub fn name(self) -> &'static str {
        match self {
            WorldChoice::Simulated => "sim",
            WorldChoice::Real => "real",
        }
    }
}

impl Profile {
    /// Cargo's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }
}

/// Begins the part of a token that says what is changed in the run.
const CHANGES_MARK: char = 'x';

/// Whether a text is made of letters and digits. The test kit knows which words make sense.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric())
}

impl ReplayToken {
    /// The token of one seed of a test, with all random decisions kept.
    pub fn of(test: &str, seed: u64) -> ReplayToken {
        ReplayToken { test: test.to_string(), seed, text: format!("{test}:{seed}") }
    }

    /// Reads a token from the command line.
    ///
    /// # Errors
    ///
    /// For a text that is none, with what a token looks like.
    pub fn read(text: &str) -> Result<ReplayToken, CommandError> {
        ReplayToken::parse(text).ok_or_else(|| {
            let example = "for instance initial_election_2a:17";
            CommandError::Misuse(format!(
                "`{text}` is not a replay token: a token is test:seed or test:seed:keep, {example}"
            ))
        })
    }

    /// Parses a token; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<ReplayToken> {
        let mut parts = text.split(':');
        let (test, seed) = (parts.next()?, parts.next()?.parse().ok()?);
        let mut parts = parts.peekable();
        let kept = parts.next_if(|part| !part.starts_with(CHANGES_MARK)).unwrap_or("all");
        let changes = parts.next().unwrap_or("x0");
        let are_words = |words: &str| words.split('-').all(is_word);
        let are_lawful = is_word(kept) && changes.starts_with(CHANGES_MARK) && are_words(changes);
        (!test.is_empty() && are_lawful && parts.next().is_none()).then(|| ReplayToken {
            test: test.to_string(),
            seed,
            text: text.to_string(),
        })
    }
}

impl fmt::Display for ReplayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token may have a part with what is kept, and one with what is changed, but no third part.
    #[test]
    fn tokens_have_up_to_four_parts() {
        for text in ["one_2a:1", "one_2a:1:k", "one_2a:1:k0b:xlose3-nocrash1", "one_2a:1:xlate3by40"] {
            assert!(ReplayToken::parse(text).is_some_and(|token| token.to_string() == text), "{text}");
        }
        for text in [
            "one_2a",
            "one_2a:",
            "one_2a:1:",
            "one_2a:1:k0:",
            "one_2a:1:k0:x:y",
            "one_2a:1:k-f",
            "one_2a:1:k0:k1",
            "one_2a:1:k 0",
            ":1",
        ] {
            assert!(ReplayToken::parse(text).is_none(), "{text}");
        }
    }
}
