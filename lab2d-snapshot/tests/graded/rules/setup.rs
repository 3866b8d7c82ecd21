//! The servers that most scripts begin with, and what a service receives.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, RaftRequest, Term, thread};
use testkit::rule::replication::{LEADS_AND_SENDS, TAKES_A_LOG};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, agreement, at, expect_eq, look_at, prepare};
use testkit::{World, number};

use crate::lab::{Server, boot};

/// A message, its answer, and a little time for the server that handles it.
pub const ROUND_TRIP: Duration = Duration::from_millis(3);
/// Long enough for everything that should happen at once, and far from any timeout.
pub const SOON: Duration = Duration::from_millis(20);

/// Servers in most clusters.
const SERVERS: usize = 3;

/// A heartbeat comes within this time.
pub const HEARTBEAT: Duration = Duration::from_millis(150);

/// The state of a service that has applied all entries through an index.
pub fn state(index: Index) -> Bytes {
    Bytes::from(format!("state at {index}").into_bytes())
}

/// A follower of server 1 whose log holds entries of these terms. It has applied the first
/// `committed` of them.
#[track_caller]
pub fn follower_with(world: &World, terms: &[Term], committed: Index) -> ScriptedCluster<Server> {
    follower_of(world, SERVERS, terms, committed)
}

/// As [`follower_with`], in a cluster of `size`.
#[track_caller]
fn follower_of(world: &World, size: usize, terms: &[Term], committed: Index) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::replicating(world, size, boot);
    send_log(&script, terms, committed);
    let applied = prepare("server 0 applies what its leader has committed");
    look_at(&TAKES_A_LOG);
    thread::sleep(TRAVEL);
    script.expect_applied_indices(1..=committed, format!("{committed} entries are committed"));
    applied.done();
    script
}

/// Server 1, the leader of the last of these terms, sends a whole log of these terms.
#[track_caller]
pub fn send_log(script: &ScriptedCluster<Server>, terms: &[Term], committed: Index) {
    let sent = prepare("server 0 follows a leader and takes its log");
    look_at(&TAKES_A_LOG);
    let term = terms.last().copied().expect("a log with entries");
    let leader = script.leader(1).in_term(term).entries_of_terms(terms);
    leader.commit(committed).send().expect_agreement(terms.len() as Index, "entries from index 1 on fit any log");
    sent.done();
}

/// A leader that has cut its log, and its term. Its log held four entries of term 1 when it was
/// elected, and ends at index `last` now. Server 1 agrees to everything, so all is committed. Server 2
/// has said nothing since it granted its vote, so the leader guesses that it holds those four.
#[track_caller]
pub fn leader_that_cut(world: &World, through: Index, last: Index) -> (ScriptedCluster<Server>, Term) {
    leader_of_that_cut(world, SERVERS, through, last)
}

/// As [`leader_that_cut`], in a cluster of `size`. The first half of the others agrees to everything, and the rest
/// says nothing.
#[track_caller]
pub fn leader_of_that_cut(world: &World, size: usize, through: Index, last: Index) -> (ScriptedCluster<Server>, Term) {
    let (script, term) = leader_of(world, size, last);
    cut(&script, through);
    script.discard_requests();
    (script, term)
}

/// The service takes a snapshot, and its server cuts the log there. What a test does next relies on that.
#[track_caller]
pub fn cut(script: &ScriptedCluster<Server>, through: Index) {
    script.cut(through, state(through));
}

/// As [`leader_that_cut`], before the cut.
#[track_caller]
pub fn leader(world: &World, last: Index) -> (ScriptedCluster<Server>, Term) {
    leader_of(world, SERVERS, last)
}

#[track_caller]
fn leader_of(world: &World, size: usize, last: Index) -> (ScriptedCluster<Server>, Term) {
    let script = follower_of(world, size, &[1; 4], 0);
    let term = elect(&script);
    extend(&script, last);
    let applied = prepare("server 0 leads, and applies what a majority holds");
    look_at(&LEADS_AND_SENDS);
    script.expect_applied_indices(1..=last, "a majority agrees to everything, so all is committed");
    applied.done();
    (script, term)
}

/// Lets the real server win an election. From then on server 1 agrees to everything, and in a larger cluster as many
/// as it takes for a majority.
#[track_caller]
pub fn elect(script: &ScriptedCluster<Server>) -> Term {
    let (term, heartbeats) = script.elect();
    let is_agreeing = |peer, servers: usize| peer <= servers / 2;
    let servers = script.cluster().servers().count();
    script.answer_with(move |peer, request| is_agreeing(peer, servers).then(|| agreement(request)));
    heartbeats.into_iter().filter(|received| is_agreeing(received.to, servers)).for_each(ReceivedRequest::agree);
    thread::sleep(ROUND_TRIP);
    term
}

/// Offers the leader commands until its log ends at index `last`.
#[track_caller]
pub fn extend(script: &ScriptedCluster<Server>, last: Index) {
    let extended = prepare("server 0 leads, and takes commands");
    look_at(&LEADS_AND_SENDS);
    while script.disk().last().index < last {
        script.take(number(script.disk().last().index + 1));
        thread::sleep(ROUND_TRIP);
    }
    // The last command may have waited for the answer to a request before it.
    thread::sleep(ROUND_TRIP);
    extended.done();
}

/// The snapshots that server 2 is sent within `duration`, unanswered. It refuses everything else: its
/// log ends at `last`, and the leader no longer has the next entry.
#[track_caller]
pub fn snapshots_to_2(script: &ScriptedCluster<Server>, last: LogPosition, duration: Duration) -> Vec<ReceivedRequest> {
    let until = Instant::now() + duration;
    let next = || first_snapshot_to_2(script, last, until.duration_since(Instant::now()));
    std::iter::from_fn(next).collect()
}

/// As [`snapshots_to_2`], for the first of them, as soon as it has arrived.
#[track_caller]
pub fn first_snapshot_to_2(
    script: &ScriptedCluster<Server>,
    last: LogPosition,
    patience: Duration,
) -> Option<ReceivedRequest> {
    let until = Instant::now() + patience;
    while let Some(received) = script.next_request_to(2, until.duration_since(Instant::now())) {
        match &received.request {
            RaftRequest::InstallSnapshot(_) => return Some(received),
            // It left before the leader cut its log.
            RaftRequest::AppendEntries(append) if append.prev == last => {}
            _ => received.retry_from(last.index + 1),
        }
    }
    None
}

/// Checks which entries a snapshot covers, and its bytes.
#[track_caller]
pub fn expect_snapshot(received: &ReceivedRequest, through: LogPosition, bytes: Bytes, why: &str) {
    let install = received.snapshot();
    expect_eq("the last entry of the sent snapshot", install.last_included, through, why);
    expect_eq("the bytes of the sent snapshot", &install.snapshot, &bytes, why);
}

/// Checks what the service has received since the last check.
#[track_caller]
pub fn expect_received(script: &ScriptedCluster<Server>, expected: &[String], why: &str) {
    expect_eq("what the service receives", received(script), expected, why);
}

/// What the service has received since the last check, in words.
#[track_caller]
pub fn received(script: &ScriptedCluster<Server>) -> Vec<String> {
    let describe = |message| match message {
        ApplyMsg::Command { at, .. } => command(at.index),
        ApplyMsg::Snapshot { through: LogPosition { index, term }, snapshot } => {
            format!("snapshot through {index}:{term}: {}", String::from_utf8_lossy(&snapshot))
        }
    };
    script.applied().into_iter().map(describe).collect()
}

/// How [`received`] describes the command at an index.
pub fn command(index: Index) -> String {
    format!("command {index}")
}

/// How [`received`] describes a snapshot of [`state`].
pub fn snapshot(through: LogPosition) -> String {
    let LogPosition { index, term } = through;
    format!("snapshot through {index}:{term}: state at {index}")
}

/// The position of the entry at `index` in a log of these terms.
pub fn position(terms: &[Term], index: Index) -> LogPosition {
    if index == 0 { LogPosition::ZERO } else { at(index, terms[index as usize - 1]) }
}
