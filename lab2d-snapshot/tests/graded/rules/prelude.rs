//! How most scripts begin.

use std::time::Duration;

use labrpc::RaftRequest;
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, AppendOutcome, ApplyMsg, Bytes, Index, InstallSnapshot, LogPosition, PeerId, Term, thread,
};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, at, entries, obedient, retry};
use testkit::{World, number};

use crate::lab::{Server, boot};

/// A message there, the answer back, and a little for whoever handles it.
pub const ROUND_TRIP: Duration = Duration::from_millis(3);
/// Long enough for whatever should happen at once, and far from any timeout.
pub const SOON: Duration = Duration::from_millis(20);

/// The state of a service that has applied all through an index.
pub fn state(index: Index) -> Bytes {
    Bytes::from(format!("state at {index}").into_bytes())
}

/// A follower of server 1 whose log holds entries of these terms. The first `committed` of them it
/// has handed over.
pub fn follower_with(world: &World, terms: &[Term], committed: Index) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::replicating(world, 3, boot);
    follow(&script, terms, committed);
    thread::sleep(TRAVEL);
    assert_eq!(script.applied_indices(), (1..=committed).collect::<Vec<_>>(), "{committed} entries are committed");
    script
}

/// Server 1, the leader of the last of these terms, sends the real server entries of all of them.
pub fn follow(script: &ScriptedCluster<Server>, terms: &[Term], committed: Index) {
    let term = terms.last().copied().expect("a log of at least one entry");
    let outcome = script.append(1, term, LogPosition::ZERO, entries(1, terms), committed);
    assert_eq!(outcome, (term, AppendOutcome::Through(terms.len() as Index)), "an empty log takes what it is sent");
}

/// A leader whose log is cut, and in which term it leads. Its log held four entries of term 1 when it
/// was elected, and goes through `last` now. Server 1 agrees to everything, so that all is committed.
/// Server 2 has said nothing since it gave its vote; the leader takes it to hold those four.
pub fn leader_that_cut(world: &World, through: Index, last: Index) -> (ScriptedCluster<Server>, Term) {
    let (script, term) = leader(world, last);
    script.snapshot(through, state(through));
    script.forget_heard();
    (script, term)
}

/// As [`leader_that_cut`], before the cut.
pub fn leader(world: &World, last: Index) -> (ScriptedCluster<Server>, Term) {
    let script = follower_with(world, &[1; 4], 0);
    let term = leadership(&script);
    extend(&script, last);
    assert_eq!(script.applied_indices(), (1..=last).collect::<Vec<_>>(), "server 1 agrees to all, so all is committed");
    (script, term)
}

/// Lets the real server win an election; from then on server 1 agrees to everything.
pub fn leadership(script: &ScriptedCluster<Server>) -> Term {
    let (term, greeting) = script.elect();
    script.play(|peer, request| (peer == 1).then(|| obedient(request)));
    for received in greeting.into_iter().filter(|received| received.to == 1) {
        let reply = obedient(&received.request);
        received.reply(reply);
    }
    thread::sleep(ROUND_TRIP);
    term
}

/// Lets the leader's log grow until it goes through `last`.
pub fn extend(script: &ScriptedCluster<Server>, last: Index) {
    while script.disk().last().index < last {
        script.start(number(script.disk().last().index + 1)).expect("server 0 leads");
        thread::sleep(ROUND_TRIP);
    }
}

/// The next request to a played server, if it comes within `patience`. What others are sent is dropped.
pub fn next_to(script: &ScriptedCluster<Server>, peer: PeerId, patience: Duration) -> Option<ReceivedRequest> {
    let until = Instant::now() + patience;
    std::iter::from_fn(|| script.hear(until.duration_since(Instant::now()))).find(|received| received.to == peer)
}

/// The snapshots that server 2 is sent for so long, if it refuses all else: its log ends at `last`,
/// and what it needs next is gone. They are not answered.
pub fn snapshots_to_2(
    script: &ScriptedCluster<Server>,
    term: Term,
    last: LogPosition,
    duration: Duration,
) -> Vec<ReceivedRequest> {
    let until = Instant::now() + duration;
    let mut snapshots = Vec::new();
    while let Some(received) = next_to(script, 2, until.duration_since(Instant::now())) {
        match &received.request {
            RaftRequest::InstallSnapshot(_) => snapshots.push(received),
            RaftRequest::AppendEntries(AppendEntries { prev, .. }) if *prev == last => {} // It left before the cut.
            _ => received.reply(retry(term, last.index + 1)),
        }
    }
    snapshots
}

/// What a request says of a snapshot: the last entry that it covers, and the service's bytes.
pub fn pending(received: &ReceivedRequest) -> (LogPosition, Bytes) {
    match &received.request {
        RaftRequest::InstallSnapshot(InstallSnapshot { last_included: through, snapshot, .. }) => {
            (*through, snapshot.clone())
        }
        other => panic!("server {} was to be sent a snapshot, and was sent {other:?}", received.to),
    }
}

/// What the service took, in short.
pub fn taken(script: &ScriptedCluster<Server>) -> Vec<String> {
    let describe = |message| match message {
        ApplyMsg::Command { at, .. } => format!("command {}", at.index),
        ApplyMsg::Snapshot { through: LogPosition { index, term }, snapshot } => {
            format!("snapshot {index} of term {term}: {}", String::from_utf8_lossy(&snapshot))
        }
    };
    script.applied().into_iter().map(describe).collect()
}

/// How [`taken`] describes a snapshot of [`state`].
pub fn snapshot_of(through: LogPosition) -> String {
    let LogPosition { index, term } = through;
    format!("snapshot {index} of term {term}: state at {index}")
}

/// The position of the entry at an index of a log of these terms.
pub fn position(terms: &[Term], index: Index) -> LogPosition {
    at(index, terms[index as usize - 1])
}
