//! What the environment asks of a test run: seeds, replay, world, report.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::token::Token;

/// In what world the tests run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In virtual time, from a seed.
    #[default]
    Simulated,
    /// On threads of the operating system, in real time.
    Real,
}

/// The variables that a test run listens to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `LAB_SEEDS`: how many seeds each test runs, instead of its own number.
    pub(crate) seeds: Option<u64>,
    /// `LAB_REPLAY`: the one run to repeat.
    pub(crate) replay: Option<Token>,
    /// `LAB_WORLD`: `sim` or `real`.
    pub(crate) mode: Mode,
    /// `LAB_REPORT`: the file that each run is noted in.
    pub(crate) report: Option<PathBuf>,
}

/// Exit status for what was asked wrongly, as cargo has it.
const MISUSE: i32 = 2;
/// A seed takes milliseconds: a million takes hours.
pub(crate) const SEEDS_MAX: u64 = 1_000_000;

impl Environment {
    /// Read once. What cannot be understood ends the process, with one line and exit status 2.
    pub(crate) fn get() -> &'static Environment {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(|| {
            Environment::read(|name| std::env::var(name).ok()).unwrap_or_else(|complaint| misuse(&complaint))
        })
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Environment, String> {
        let seeds = variable("LAB_SEEDS").map(|text| parse_seeds(&text)).transpose()?;
        let replay = variable("LAB_REPLAY")
            .map(|text| text.parse::<Token>().map_err(|error| format!("LAB_REPLAY={text}: {error}")))
            .transpose()?;
        let mode = match variable("LAB_WORLD").as_deref() {
            None | Some("sim") => Mode::Simulated,
            Some("real") => Mode::Real,
            Some(other) => {
                return Err(format!("LAB_WORLD={other}: it is `sim` (virtual time) or `real` (real threads)"));
            }
        };
        if mode == Mode::Real && replay.is_some() {
            return Err("LAB_REPLAY needs LAB_WORLD=sim: real threads cannot be replayed".into());
        }
        Ok(Environment { seeds, replay, mode, report: variable("LAB_REPORT").map(PathBuf::from) })
    }
}

fn parse_seeds(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seeds) if (1..=SEEDS_MAX).contains(&seeds) => Ok(seeds),
        _ => Err(format!("LAB_SEEDS={text}: how many seeds each test runs is a number from 1 to {SEEDS_MAX}")),
    }
}

/// Ends the process with one line that the test harness does not swallow.
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

    /// Each variable that makes no sense is answered with what would.
    #[test]
    fn nonsense_is_explained() {
        for value in ["abc", "0", "-1", "1000001", ""] {
            let complaint = read("LAB_SEEDS", value).unwrap_err();
            assert!(complaint.contains("from 1 to 1000000"), "{complaint}");
        }
        assert!(read("LAB_WORLD", "moon").unwrap_err().contains("`sim`"));
        assert!(read("LAB_REPLAY", "figure_8_2c").unwrap_err().contains("test:seed"));
    }

    /// What makes sense is taken.
    #[test]
    fn sense_is_taken() {
        assert_eq!(read("LAB_SEEDS", "17").map(|environment| environment.seeds), Ok(Some(17)));
        assert_eq!(read("LAB_WORLD", "real").map(|environment| environment.mode), Ok(Mode::Real));
        assert!(read("LAB_REPLAY", "figure_8_2c:17").is_ok_and(|environment| environment.replay.is_some()));
    }
}
