//! How most scripts begin: what clients ask, and servers that lead or follow.

use std::time::Duration;

use labrpc::kv::{Answer, Command};
use labrpc::{AppendOutcome, Entry, LogPosition, Term, thread, wire};
use testkit::World;
use testkit::script::{AT_ONCE, ScriptedCluster, agrees, get};

use crate::lab::{Server, boot};

/// Far longer than any clerk waits for one server: what is not answered by then never will be.
pub const NEVER: Duration = Duration::from_secs(2);

/// The client that looks what a script has brought about.
const READER: u64 = 99;

/// Requests as they stand in the log of a leader of `term`.
pub fn log_of(term: Term, requests: impl IntoIterator<Item = Command>) -> Vec<Entry> {
    let entry = |request| Entry { term, command: wire::encode(&Command::from(request)).into() };
    requests.into_iter().map(entry).collect()
}

pub fn is_done(reply: &Option<Answer>) -> bool {
    matches!(reply, Some(Ok(_)))
}

/// A follower of server 1, in term 1, that has applied these requests.
pub fn follower_after(world: &World, requests: impl IntoIterator<Item = Command>) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::new(world, 3, boot);
    let entries = log_of(1, requests);
    let last = entries.len() as u64;
    assert_eq!(script.append(1, 1, LogPosition::ZERO, entries, last), (1, AppendOutcome::Through(last)));
    thread::sleep(AT_ONCE);
    script
}

/// Lets the real server lead, with peers who agree to everything. Gives its term.
pub fn lead(script: &ScriptedCluster<Server>) -> Term {
    script.play_along();
    let (term, _) = script.elect();
    thread::sleep(AT_ONCE);
    script.forget_heard();
    term
}

/// A leader with an empty log, and peers who agree to everything.
pub fn leader(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::new(world, 3, boot);
    lead(&script);
    script
}

/// A leader with an empty log, and its term. Its peers have voted for it and say no more: nothing
/// that it is asked for is committed.
pub fn lonely_leader(world: &World) -> (ScriptedCluster<Server>, Term) {
    let script = ScriptedCluster::new(world, 3, boot);
    let (term, greeting) = script.elect();
    greeting.into_iter().for_each(|received| received.reply(agrees(term, 0)));
    thread::sleep(AT_ONCE);
    (script, term)
}

/// What a key holds, as a leader reads it. To be used once in a script.
#[track_caller]
pub fn read(script: &ScriptedCluster<Server>, key: &str) -> String {
    script.done(get(READER, 1, key))
}
