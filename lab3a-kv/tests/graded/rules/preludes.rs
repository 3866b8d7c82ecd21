//! How most scripts begin: what clients ask, and servers that lead or follow.

use std::time::Duration;

use lab3a_kv::Command;
use labrpc::face::{AppendOutcome, KvReply, KvRequest, LogEntry};
use labrpc::{LogPosition, Term, thread, wire};
use testkit::World;
use testkit::script::{AT_ONCE, Stage, agrees, get};

use crate::lab::{Server, boot};

/// Far longer than any clerk waits for one server: what is not answered by then never will be.
pub const NEVER: Duration = Duration::from_secs(2);

/// The client that looks what a script has brought about.
const READER: u64 = 99;

/// Requests as they stand in the log of a leader of `term`.
pub fn log_of(term: Term, requests: impl IntoIterator<Item = KvRequest>) -> Vec<LogEntry> {
    let entry = |request| LogEntry { term, command: wire::encode(&Command::from(request)).into() };
    requests.into_iter().map(entry).collect()
}

pub fn is_done(reply: &Option<KvReply>) -> bool {
    matches!(reply, Some(KvReply::Done(_)))
}

/// A follower of server 1, in term 1, that has applied these requests.
pub fn follower_after(world: &World, requests: impl IntoIterator<Item = KvRequest>) -> Stage<Server> {
    let stage = Stage::new(world, 3, boot);
    let entries = log_of(1, requests);
    let last = entries.len() as u64;
    assert_eq!(stage.append(1, 1, LogPosition::ZERO, entries, last), (1, AppendOutcome::Through(last)));
    thread::sleep(AT_ONCE);
    stage
}

/// Lets the real server lead, with peers who agree to everything. Gives its term.
pub fn lead(stage: &Stage<Server>) -> Term {
    stage.play_along();
    let (term, _) = stage.elect();
    thread::sleep(AT_ONCE);
    stage.forget_heard();
    term
}

/// A leader with an empty log, and peers who agree to everything.
pub fn leader(world: &World) -> Stage<Server> {
    let stage = Stage::new(world, 3, boot);
    lead(&stage);
    stage
}

/// A leader with an empty log, and its term. Its peers have voted for it and say no more: nothing
/// that it is asked for is committed.
pub fn lonely_leader(world: &World) -> (Stage<Server>, Term) {
    let stage = Stage::new(world, 3, boot);
    let (term, greeting) = stage.elect();
    greeting.into_iter().for_each(|heard| heard.reply(agrees(term, 0)));
    thread::sleep(AT_ONCE);
    (stage, term)
}

/// What a key holds, as a leader reads it. To be used once in a script.
#[track_caller]
pub fn read(stage: &Stage<Server>, key: &str) -> String {
    stage.done(get(READER, 1, key))
}
