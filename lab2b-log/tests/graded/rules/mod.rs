//! Lab 2B's rules, one by one: a real server among played ones (Figure 2, §5.3, §5.4).
//!
//! The real server is number 0, the others say what the script wants. `follower` is about what
//! becomes of a leader's entries, `commitment` about what a leader takes for committed, `progress`
//! about what it knows of its followers, `sending` about what it sends them and when, `votes` about
//! elections now that logs differ, `start` about commands that come in, and `applier` about those
//! that go out.

mod applier;
mod commitment;
mod follower;
mod progress;
mod sending;
mod start;
mod votes;

use labrpc::RaftRequest;
use labrpc::{AppendEntries, AppendOutcome, ApplyMsg, Entry, Index, LogPosition, Term, Timing, thread};
use testkit::World;
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, entries};

use crate::lab::{Server, boot};

/// A server of three that holds entries of these terms, from a leader of the last of them, server 1.
/// It knows none of them to be committed.
fn follower_with(world: &World, terms: &[Term]) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::replicating(world, 3, boot);
    give(&script, terms);
    script
}

/// A server is sent entries of these terms, from the first on, by server 1, the leader of the last.
fn give(script: &ScriptedCluster<Server>, terms: &[Term]) {
    let term = *terms.last().expect("there are entries to give");
    let (_, outcome) = script.append(1, term, LogPosition::ZERO, entries(1, terms), 0);
    let held = terms.len() as Index;
    assert_eq!(outcome, AppendOutcome::Through(held), "entries 1 to {held} follow nothing, so any log can take them");
}

/// Checks that the service is handed these entries, and nothing else, of all that it has not been
/// handed before.
fn assert_applies(script: &ScriptedCluster<Server>, first: Index, expected: &[Entry]) {
    thread::sleep(TRAVEL);
    let applied: Vec<(LogPosition, Entry)> = script.applied().into_iter().filter_map(command).collect();
    let at = |(entry, index): (&Entry, Index)| (LogPosition { index, term: entry.term }, entry.clone());
    let expected: Vec<_> = expected.iter().zip(first..).map(at).collect();
    assert_eq!(applied, expected, "left is what the service was handed, right what is committed");
}

fn command(message: ApplyMsg) -> Option<(LogPosition, Entry)> {
    match message {
        ApplyMsg::Command { at, command } => Some((at, Entry { term: at.term, command })),
        ApplyMsg::Snapshot { .. } => None,
    }
}

/// What a leader sent: the position before the entries, the entries, and how far it has committed.
fn append_of(received: &ReceivedRequest) -> (LogPosition, &[Entry], Index) {
    match &received.request {
        RaftRequest::AppendEntries(AppendEntries { prev, entries, leader_commit, .. }) => {
            (*prev, entries, *leader_commit)
        }
        other => panic!("a leader sends entries, and not {other:?}"),
    }
}

/// The next request that the leader sends to one server.
#[track_caller]
fn await_append(script: &ScriptedCluster<Server>, to: usize, what: &str) -> ReceivedRequest {
    loop {
        let received = script.await_request(what, pace().heartbeat_interval + 2 * TRAVEL, is_append);
        if received.to == to {
            return received;
        }
    }
}

fn is_append(request: &RaftRequest) -> bool {
    matches!(request, RaftRequest::AppendEntries(_))
}

/// Long enough for a message, its answer, and what follows from that.
const ROUND_TRIP: std::time::Duration = std::time::Duration::from_millis(3);

/// How long this lab's servers wait for one another.
fn pace() -> Timing {
    lab2a_election::TIMING
}
