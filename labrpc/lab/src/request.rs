//! Which tests are to run, how, and what is to be shown of it.

use std::fmt;

/// In the real world a minute is a minute, and a seed decides little: one will do unless more are
/// asked for.
const REAL_WORLD_SEEDS: u64 = 1;

/// Which tests are to run, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TestRequest {
    /// Labs and tests as they were named; none means all.
    pub selectors: Vec<String>,
    /// The runs of each test.
    pub seeds: SeedChoice,
    /// What is to be printed.
    pub output: OutputFormat,
    /// Where the servers live.
    pub world: WorldChoice,
    /// How the code is compiled.
    pub profile: Profile,
}

impl TestRequest {
    /// With how many seeds each test runs, unless that differs from test to test.
    pub fn seed_count(&self) -> Option<u64> {
        match self.seeds {
            SeedChoice::Count(count) => Some(count),
            SeedChoice::Listed if self.world == WorldChoice::Real => Some(REAL_WORLD_SEEDS),
            _ => None,
        }
    }

    /// Whether the result is worth points: one seed is too few, and in the real world a busy
    /// machine fails servers that are right.
    pub fn is_graded(&self) -> bool {
        self.world == WorldChoice::Simulated && matches!(self.seeds, SeedChoice::Listed | SeedChoice::Count(_))
    }
}

/// With which seeds each test runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum SeedChoice {
    /// As many as `tests/points.txt` says.
    #[default]
    Listed,
    /// As many as given here.
    Count(u64),
    /// With this one alone.
    Only(u64),
    /// One run of one test, named by its token.
    Replay(ReplayToken),
}

/// One run of one test: `test:seed`, or `test:seed:keep` if its story was shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayToken {
    /// The test that is replayed.
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

/// Where the servers live.
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
    /// As `cargo test` does, whose artifacts it shares.
    #[default]
    Dev,
    /// As `cargo test --release` does.
    Release,
}

impl WorldChoice {
    /// What the tests read in `LAB_WORLD`, and the command line in `--world`.
    pub fn name(self) -> &'static str {
        match self {
            WorldChoice::Simulated => "sim",
            WorldChoice::Real => "real",
        }
    }
}

impl Profile {
    /// The name that cargo has for it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }
}

impl ReplayToken {
    /// The token of one seed of a test, all of its decisions kept.
    pub fn of(test: &str, seed: u64) -> ReplayToken {
        ReplayToken { test: test.to_string(), seed, text: format!("{test}:{seed}") }
    }

    /// Takes a token apart; `None` if it is none.
    pub fn parse(text: &str) -> Option<ReplayToken> {
        let mut parts = text.split(':');
        let (test, seed, keep) = (parts.next()?, parts.next()?.parse().ok()?, parts.next());
        let is_keep_lawful =
            keep.is_none_or(|keep| !keep.is_empty() && keep.chars().all(|letter| letter.is_ascii_alphanumeric()));
        (!test.is_empty() && is_keep_lawful && parts.next().is_none()).then(|| ReplayToken {
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
