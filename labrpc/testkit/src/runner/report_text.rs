//! The report of a failed run, as students read it.

use labrpc::sim::Report;

use super::Lab;
use crate::environment::{Environment, Mode};
use crate::token::Token;

impl Lab {
    /// The command that makes a run again.
    pub(super) fn replay_command(&self, token: &Token) -> String {
        format!("LAB_REPLAY={token} cargo test -p {} {}", self.package, token.test)
    }

    pub(super) fn describe(&self, token: &Token, seeds: u64, story: &str, report: &Report) -> String {
        let Token { test, seed, .. } = token;
        let (name, lab) = test.rsplit_once('_').unwrap_or((test, ""));
        let seconds = report.virtual_time.as_secs_f64();
        let title = format!("{}  {}", lab.to_uppercase(), name.replace('_', " "));
        let clock = match Environment::get().mode {
            Mode::Simulated => "virtual time",
            Mode::Real => "after",
        };
        let which = if Environment::get().replay.is_some() { "replayed".into() } else { format!("of {seeds}") };
        let story = story.lines().map(|line| format!("{}\n", format!("    {line}").trim_end())).collect::<String>();
        let replay = match Environment::get().mode {
            Mode::Simulated => format!("    replay   {}\n", self.replay_command(token)),
            Mode::Real => "    a run on real threads cannot be replayed; in virtual time the same test can\n".into(),
        };
        format!("{title} … FAILED   seed {seed} {which}, {clock} {seconds:.3} s\n\n{story}\n{replay}")
    }
}
