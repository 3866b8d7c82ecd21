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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use labrpc::network::{Conditions, Port, Service};
    use labrpc::wire::WireError;
    use labrpc::{PeerId, sim, thread};

    use super::*;
    use crate::world::World;

    struct Silent;

    impl Service for Silent {
        fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
            Ok(None)
        }
    }

    /// Server 0 sends forty requests to server 1, one every 10 ms. It is a failure if the network loses five of them.
    fn five_are_lost(world: &World) {
        let network = world.network(2);
        network.set_conditions(Conditions { loss_per_mille: 500, ..Conditions::RELIABLE });
        for server in 0..2 {
            network.plug(server, Some(sim::new_node(format!("server {server}"))));
            network.add_service(server, Port::Raft, std::sync::Arc::new(Silent));
        }
        for nth in 0..40_u64 {
            network.link(0, 1, Port::Raft).send(&nth);
            thread::sleep(Duration::from_millis(10));
        }
        assert!(network.counts().lost < 5);
    }

    /// The nearest run that passes lacks the latest of the lost messages that matter, and is like the failed one until
    /// that message.
    #[test]
    fn the_nearest_passing_run_lacks_the_latest_needed_decision() {
        let runs = TestRuns { tested: None, contract: None, body: &five_are_lost };
        let token = Token::of_seed("five_are_lost", 4);
        let losses: Vec<usize> = (0..)
            .zip(runs.choices(&token))
            .filter(|(_, choice)| choice.name.kind == Kind::Loss)
            .map(|(place, _)| place)
            .take(5)
            .collect();
        let latest = runs.choices(&token)[losses[4]];
        let token = Token { kept: Some(losses.clone()), ..token };
        let twin = nearest_passing(runs, &token).expect("with four losses it passes");
        assert_eq!(twin.token.kept.as_deref(), Some(&losses[..4]));
        let message = latest.about.expect("a loss is about a message");
        let start = format!("message {message} (request 0 → 1) is not lost; it is sent at 0.");
        assert!(twin.without.starts_with(&start), "{}", twin.without);
        assert!(twin.parts_at > latest.at && twin.parts_at < latest.at + Duration::from_millis(20));
    }

    /// A failure that does not depend on any kept decision has no such run. A token that keeps all decisions has none either.
    #[test]
    fn some_runs_have_no_passing_neighbour() {
        let fails = |world: &World| {
            five_are_lost(world);
            panic!("in any case");
        };
        let runs = TestRuns { tested: None, contract: None, body: &fails };
        let token = Token::of_seed("five_are_lost", 4);
        assert_eq!(nearest_passing(runs, &token), None);
        assert_eq!(nearest_passing(runs, &Token { kept: Some(vec![0, 1]), ..token }), None);
    }

    /// Every kind of decision has its words.
    #[test]
    fn decisions_are_put_in_words() {
        let words = |kind| in_words(&Choice { name: sim::Name::new(kind, 2, 0), about: None, at: Instant::ZERO });
        assert_eq!(words(Kind::CrashAtSave), "server 2 does not crash at its save at 0.000000 s");
        assert_eq!(words(Kind::Preempt), "no task is interrupted at 0.000000 s");
        assert!(words(Kind::Delay).starts_with("a message travels as usual"));
    }
}
