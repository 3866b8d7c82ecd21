//! The nearest run that passes: a failed run with one decision less.

use labrpc::network;
use labrpc::sim::{Choice, Kind};
use labrpc::time::Instant;

use super::run::{Recorded, RunOptions};
use super::test_runs::TestRuns;
use crate::token::Token;

/// Operations of all runs together: about 10 s in the dev profile.
const OPERATIONS_MAX: u64 = 10_000_000;
/// Servers and clerks are among the first ends of a network.
const ENDS_MAX: usize = 64;

/// A run that passes, and is like a failed one for a long time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassingTwin {
    pub(crate) token: Token,
    /// The decision that it leaves out, in words: `message 17 (request 1 → 2) is not late`.
    pub(crate) without: String,
    /// When the two runs part.
    pub(crate) parts_at: Instant,
}

/// Of the runs that keep one decision less than the token of a failed run, and pass, the one that parts from it latest.
/// `None` if the token keeps no decision by name, or if none of these runs passes.
#[cfg_attr(not(test), expect(dead_code, reason = "stories ask for it"))]
pub(crate) fn nearest_passing(runs: TestRuns, token: &Token) -> Option<PassingTwin> {
    let kept = token.kept.as_ref()?;
    let choices = runs.choices(token);
    let run = |token: &Token| Some(runs.run(token, RunOptions::of(token.keep(&choices).ok()?, Recorded::Turns)));
    let (_, failed) = run(token)?;
    let mut spent = failed.operations;
    let mut nearest: Option<PassingTwin> = None;
    // A run parts from another when a decision has an effect, which mostly is right after it was made.
    for &place in kept.iter().rev() {
        if spent > OPERATIONS_MAX {
            break;
        }
        let without = kept.iter().copied().filter(|&other| other != place).collect();
        let twin = Token { kept: Some(without), ..token.clone() };
        let (outcome, report) = run(&twin)?;
        spent += report.operations;
        let parting = failed.journal.parting(&report.journal).filter(|_| outcome.is_ok());
        let Some(parts_at) = parting.map(|parting| parting.before) else { continue };
        if nearest.as_ref().is_none_or(|nearest| parts_at > nearest.parts_at) {
            let name = choices[place].name;
            let choice = failed.choices.iter().find(|choice| choice.name == name).unwrap_or(&choices[place]);
            nearest = Some(PassingTwin { token: twin, without: in_words(choice), parts_at });
        }
    }
    nearest
}

/// What is not the case without a decision.
fn in_words(choice: &Choice) -> String {
    let at = format!("at {:.6} s", (choice.at - Instant::ZERO).as_secs_f64());
    match choice.name.kind {
        Kind::Delay | Kind::Loss | Kind::Duplicate => {
            let message = network::without(choice, ENDS_MAX).unwrap_or_else(|| "a message travels as usual".into());
            format!("{message}; it is sent {at}")
        }
        Kind::CrashAtSave => format!("server {} does not crash at its save {at}", choice.name.what),
        Kind::Fault => format!("the test makes no fault {at}"),
        Kind::Workload => format!("the test leaves out what it does {at}"),
        Kind::Preempt => format!("no task is interrupted {at}"),
        Kind::Order => format!("no task overtakes the others {at}"),
        Kind::Priority => format!("no task is more or less urgent than the others {at}"),
        Kind::Seed => format!("nothing else is drawn {at}"),
    }
}
