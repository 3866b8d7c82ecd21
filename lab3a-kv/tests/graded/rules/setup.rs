//! The servers that most scripts begin with.

use std::time::Duration;

use labrpc::kv::{Answer, Command};
use labrpc::{Term, thread};
use testkit::World;
use testkit::rule::replication::TAKES_A_LOG;
use testkit::script::{AT_ONCE, ReceivedRequest, ScriptedCluster, ScriptedRaft, look_at, prepare};

use crate::lab::{SERVERS, Server, Service, boot, serve};

/// Far longer than any clerk waits for one server. A request that has no answer after this time never
/// gets one.
pub const NEVER: Duration = Duration::from_secs(2);
/// The client that reads what the others have written.
pub const READER: u64 = 99;

/// Whether a client was told that its operation is done.
pub fn is_done(reply: &Option<Answer>) -> bool {
    matches!(reply, Some(Ok(_)))
}

/// A real server that follows server 1 in term 1 and has applied these commands.
#[track_caller]
pub fn follower_after(world: &World, commands: impl IntoIterator<Item = Command>) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::new(world, 3, boot);
    let sent = prepare("server 0 follows a leader and takes its log");
    look_at(&TAKES_A_LOG);
    let commands = Vec::from_iter(commands);
    let last = commands.len() as u64;
    let answer = script.leader(1).in_term(1).commands(commands).commit(last).send();
    answer.expect_agreement(last, "entries from index 1 on fit any log");
    sent.done();
    thread::sleep(AT_ONCE);
    script
}

/// Lets the real server lead. The others agree to everything.
#[track_caller]
pub fn lead(script: &ScriptedCluster<Server>) {
    script.agree_to_everything();
    script.elect();
    thread::sleep(AT_ONCE);
    script.discard_requests();
}

/// A real server that leads, with an empty log. The others agree to everything.
#[track_caller]
pub fn leader(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::new(world, 3, boot);
    lead(&script);
    script
}

/// A real server that leads, with an empty log, and its term. The others have voted for it and do not
/// answer any more, so it commits nothing.
#[track_caller]
pub fn cut_off_leader(world: &World) -> (ScriptedCluster<Server>, Term) {
    let script = ScriptedCluster::new(world, 3, boot);
    let (term, heartbeats) = script.elect();
    heartbeats.into_iter().for_each(ReceivedRequest::agree);
    thread::sleep(AT_ONCE);
    (script, term)
}

/// A service over a Raft that leads term 1.
pub fn service() -> Service {
    serve(ScriptedRaft::new(&SERVERS))
}
