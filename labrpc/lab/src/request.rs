//! The options of `cargo lab test`: which tests run, how, and what is printed.

use std::fmt;

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
    /// Whether failed runs are reported as they are. Then nobody looks for smaller ones, which takes time.
    pub is_unshrunk: bool,
}

impl TestRequest {
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
    /// For programs: see [`json`](crate::json).
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
        // What is kept, and what is changed: the test kit says more if one of them is wrong.
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let are_lawful = parts.by_ref().take(2).all(|part| !part.is_empty() && part.chars().all(is_letter));
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
