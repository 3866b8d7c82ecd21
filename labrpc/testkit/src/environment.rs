//! The environment variables of a test run: seeds, replay, world, story, report.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::token::Token;

/// The world that tests run in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In virtual time, from a seed.
    #[default]
    Simulated,
    /// On threads of the operating system, in real time.
    Real,
}

/// What is done with tapes, and the folder that holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tapes {
    /// Each run records one.
    Record(PathBuf),
    /// Each run plays one, and no server's code is called.
    Play(PathBuf),
}

/// The variables that a test run reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `LAB_SEEDS`: how many seeds each test runs, instead of its own number.
    pub(crate) seeds: Option<u64>,
    /// `LAB_FIRST_SEED`: the first seed of each test, instead of 1.
    pub(crate) first_seed: Option<u64>,
    /// `LAB_REPLAY`: the one run to repeat.
    pub(crate) replay: Option<Token>,
    /// `LAB_SHRINK=0`: a failed run is reported as it is, and no smaller one is looked for.
    pub(crate) is_unshrunk: bool,
    /// `LAB_WORLD`: `sim` or `real`.
    pub(crate) mode: Mode,
    /// `LAB_STORY`: the file that gets the story of the replayed run.
    pub(crate) story: Option<PathBuf>,
    /// `LAB_WHEN=1`: the story also says when the run was lost, and has the nearest run that passes.
    pub(crate) asks_when: bool,
    /// `LAB_FLIP`: the event of the replayed run that is changed, and how.
    pub(crate) flip: Option<String>,
    /// `LAB_TAPES`: the folder of tapes, and whether runs record them or play them.
    pub(crate) tapes: Option<Tapes>,
    /// `LAB_REPORT`: the file that gets a record of each run.
    pub(crate) report: Option<PathBuf>,
}

/// The exit status for a wrong request, the same as cargo's.
const MISUSE: i32 = 2;
/// A seed takes milliseconds, so a million seeds take hours.
const SEEDS_MAX: u64 = 1_000_000;

impl Environment {
    /// The variables, read once. A value that makes no sense ends the process, with one line and exit status 2.
    pub(crate) fn get() -> &'static Environment {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(|| {
            Environment::read(|name| std::env::var(name).ok()).unwrap_or_else(|complaint| misuse(&complaint))
        })
    }

    /// Whether runs play tapes, and no server's code is there.
    pub(crate) fn plays_tapes(&self) -> bool {
        matches!(self.tapes, Some(Tapes::Play(_)))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Environment, String> {
        let seeds = variable("LAB_SEEDS").map(|text| parse_seeds(&text)).transpose()?;
        let first_seed = variable("LAB_FIRST_SEED").map(|text| parse_first_seed(&text)).transpose()?;
        let replay = variable("LAB_REPLAY")
            .map(|text| text.parse::<Token>().map_err(|error| format!("LAB_REPLAY={text}: {error}")))
            .transpose()?;
        let is_unshrunk = match variable("LAB_SHRINK").as_deref() {
            None => false,
            Some("0") => true,
            Some(other) => {
                return Err(format!(
                    "LAB_SHRINK={other}: it must be `0` (report a failed run as it is) or be left out"
                ));
            }
        };
        let mode = match variable("LAB_WORLD").as_deref() {
            None | Some("sim") => Mode::Simulated,
            Some("real") => Mode::Real,
            Some(other) => {
                return Err(format!("LAB_WORLD={other}: it must be `sim` (virtual time) or `real` (real threads)"));
            }
        };
        if mode == Mode::Real && replay.is_some() {
            return Err("LAB_REPLAY needs LAB_WORLD=sim: real threads cannot be replayed".into());
        }
        let story = variable("LAB_STORY").map(PathBuf::from);
        if story.is_some() && replay.is_none() {
            return Err("LAB_STORY needs LAB_REPLAY: a story is told of one run".into());
        }
        let (asks_when, flip) = (variable("LAB_WHEN").is_some(), variable("LAB_FLIP"));
        if (asks_when || flip.is_some()) && replay.is_none() {
            return Err("LAB_WHEN and LAB_FLIP need LAB_REPLAY: they are about one run".into());
        }
        let report = variable("LAB_REPORT").map(PathBuf::from);
        let tapes = variable("LAB_TAPES").map(|text| parse_tapes(&text)).transpose()?;
        Ok(Environment { seeds, first_seed, replay, is_unshrunk, mode, story, asks_when, flip, tapes, report })
    }
}

fn parse_first_seed(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seed) if (1..=u64::MAX - SEEDS_MAX).contains(&seed) => Ok(seed),
        _ => Err(format!("LAB_FIRST_SEED={text}: it must be a whole number from 1 on")),
    }
}

fn parse_tapes(text: &str) -> Result<Tapes, String> {
    match text.split_once(':') {
        Some(("record", folder)) => Ok(Tapes::Record(folder.into())),
        Some(("play", folder)) => Ok(Tapes::Play(folder.into())),
        _ => Err(format!("LAB_TAPES={text}: it must be `record:FOLDER` or `play:FOLDER`")),
    }
}

fn parse_seeds(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seeds) if (1..=SEEDS_MAX).contains(&seeds) => Ok(seeds),
        _ => Err(format!("LAB_SEEDS={text}: the number of seeds per test must be from 1 to {SEEDS_MAX}")),
    }
}

/// Ends the process with one line, past the test harness's capture of output.
pub(crate) fn misuse(complaint: &str) -> ! {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{complaint}");
    std::process::exit(MISUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Result<Environment, String> {
        Environment::read(move |asked| (asked == name).then(|| value.to_string()))
    }

    /// The complaint about a wrong value says which values are right.
    #[test]
    fn wrong_values_are_explained() {
        for value in ["abc", "0", "-1", "1000001", ""] {
            let complaint = read("LAB_SEEDS", value).unwrap_err();
            assert!(complaint.contains("from 1 to 1000000"), "{complaint}");
        }
        assert!(read("LAB_WORLD", "moon").unwrap_err().contains("`sim`"));
        for value in ["", "1", "no"] {
            assert!(read("LAB_SHRINK", value).unwrap_err().contains("must be `0`"));
        }
        assert!(read("LAB_REPLAY", "figure_8_2c").unwrap_err().contains("test:seed"));
        assert!(read("LAB_STORY", "story.json").unwrap_err().contains("LAB_REPLAY"));
    }

    /// Right values are taken.
    #[test]
    fn right_values_are_taken() {
        assert_eq!(read("LAB_SEEDS", "17").map(|environment| environment.seeds), Ok(Some(17)));
        assert_eq!(read("LAB_WORLD", "real").map(|environment| environment.mode), Ok(Mode::Real));
        assert_eq!(read("LAB_SHRINK", "0").map(|environment| environment.is_unshrunk), Ok(true));
        assert!(read("LAB_REPLAY", "figure_8_2c:17").is_ok_and(|environment| environment.replay.is_some()));
    }
}
