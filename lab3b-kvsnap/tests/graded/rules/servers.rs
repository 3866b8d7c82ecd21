//! A whole server: its log stays small, and it comes back from its own snapshot.

use std::time::Duration;

use lab3b_kvsnap::snapshot;
use labrpc::kv::Command;
use labrpc::{AppendOutcome, Entry, LogPosition, Term, thread, wire};
use testkit::World;
use testkit::rule::service::{COMPACT_SNAPSHOT, LABEL, RESTORED, SMALL, WORTHWHILE};
use testkit::script::{AT_ONCE, ScriptedCluster, append, at, get, put};

use super::stores::store_of;
use crate::lab::{LAB, RAFT_STATE_BYTES_MAX, Server, boot, boot_with_limit};

/// The played leader's.
const TERM: Term = 1;
/// What one message of the played leader carries.
const BATCH: usize = 10;
/// The log may be over its limit by what makes a cut worth its price, and by a batch that is not
/// applied yet; three times the limit is twice as much as that.
const RAFT_STATE_SLACK: usize = 3;

/// Requests as they stand in the played leader's log.
fn log_of(requests: &[Command]) -> Vec<Entry> {
    let entry = |request: &Command| Entry { term: TERM, command: wire::encode(&Command::from(request.clone())).into() };
    requests.iter().map(entry).collect()
}

/// Server 1 leads, and has all of this committed, some at a time. After each message `look` looks.
fn follow(script: &ScriptedCluster<Server>, requests: &[Command], look: impl Fn()) {
    let mut prev = LogPosition::ZERO;
    for batch in requests.chunks(BATCH) {
        let last = prev.index + batch.len() as u64;
        assert_eq!(script.append(1, TERM, prev, log_of(batch), last), (TERM, AppendOutcome::Through(last)));
        prev = at(last, TERM);
        look();
    }
    thread::sleep(AT_ONCE);
}

/// So many Appends of one client to one key.
fn appends(count: u64) -> Vec<Command> {
    (1..=count).map(|nth| append(0, nth, "k", &format!("{nth},"))).collect()
}

fn lead(script: &ScriptedCluster<Server>) {
    script.play_along();
    script.elect();
    thread::sleep(AT_ONCE);
    script.forget_heard();
}

#[track_caller]
fn assert_small(script: &ScriptedCluster<Server>, what: &str) {
    let bytes = script.cluster().persister(0).raft_state_bytes();
    assert!(
        bytes <= RAFT_STATE_SLACK * RAFT_STATE_BYTES_MAX,
        "{what} has {bytes} bytes of Raft's state on disk, and is to keep it near {RAFT_STATE_BYTES_MAX}"
    );
}

/// What is on disk is the store right after the last entry that the snapshot covers.
#[test]
fn what_is_on_disk_3b() {
    LAB.rule(&LABEL, |world| {
        const COMMANDS: u64 = 200;
        let script = ScriptedCluster::new(world, 3, boot);
        let requests = appends(COMMANDS);
        // All in one message: Raft has handed over nothing of it when it knows all to be committed.
        script.append(1, TERM, LogPosition::ZERO, log_of(&requests), COMMANDS);
        thread::sleep(AT_ONCE);
        let disk = script.disk();
        let base = disk.head.base.index;
        world.assert_covered("a snapshot", base > 0);
        let (found, right) = (snapshot::decode(&disk.snapshot), store_of(requests.into_iter().take(base as usize)));
        assert!(
            found == right,
            "the log begins after entry {base}; the snapshot is not the store after it, but {found:?}"
        );
    });
}

/// A server that restarts is where it was: it has its snapshot, and what the log holds behind it.
#[test]
fn back_from_ones_own_snapshot_3b() {
    LAB.rule(&RESTORED, |world| {
        const COMMANDS: u64 = 205;
        let script = ScriptedCluster::new(world, 3, boot);
        follow(&script, &appends(COMMANDS), || ());
        world.assert_covered("a snapshot", script.disk().head.base.index > 0);
        script.restart();
        lead(&script);
        let right: String = (1..=COMMANDS).map(|nth| format!("{nth},")).collect();
        let value = script.done(get(1, 1, "k"));
        let alike = value.bytes().zip(right.bytes()).take_while(|(found, right)| found == right).count();
        assert!(
            value == right,
            "{COMMANDS} Appends were applied before the crash; after {alike} bytes a store differs"
        );
    });
}

/// And a write that was done before the crash is not done again.
#[test]
fn a_late_copy_after_a_restart_3b() {
    LAB.rule(&RESTORED, |world| {
        const COMMANDS: u64 = 100;
        let script = ScriptedCluster::new(world, 3, boot);
        let puts: Vec<_> = (1..=COMMANDS).map(|nth| put(0, nth, "k", &nth.to_string())).collect();
        follow(&script, &puts, || ());
        script.restart();
        lead(&script);
        script.done(put(0, 1, "k", "again"));
        assert_eq!(
            script.done(get(1, 1, "k")),
            COMMANDS.to_string(),
            "client 0 has made {COMMANDS} Puts; it repeats one"
        );
    });
}

/// A follower's log stays small, at every moment.
#[test]
fn a_followers_log_stays_small_3b() {
    LAB.rule(&SMALL, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        follow(&script, &appends(300), || {
            thread::sleep(Duration::from_millis(1));
            assert_small(&script, "a follower that applies ten commands at a time");
        });
    });
}

/// So does a leader's.
#[test]
fn a_leaders_log_stays_small_3b() {
    LAB.rule(&SMALL, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        lead(&script);
        for request in appends(150) {
            script.done(request);
            assert_small(&script, "a leader that does one command after another");
        }
    });
}

/// A snapshot is about as large as the state it holds, however much was written.
#[test]
fn a_snapshot_of_little_is_little_3b() {
    LAB.rule(&COMPACT_SNAPSHOT, |world| {
        const BYTES_MAX: usize = 500;
        let script = ScriptedCluster::new(world, 3, boot);
        let puts: Vec<_> = (1..=400).map(|nth| put(0, nth, "k", &nth.to_string())).collect();
        follow(&script, &puts, || ());
        let bytes = script.cluster().persister(0).snapshot_bytes();
        world.assert_covered("a snapshot", bytes > 0);
        assert!(bytes <= BYTES_MAX, "one key of three bytes and one client make a snapshot of {bytes} bytes");
    });
}

/// A server without a limit takes no snapshot.
#[test]
fn no_limit_no_snapshot_3b() {
    LAB.rule(&WORTHWHILE, |world: &World| {
        let script = ScriptedCluster::new(world, 3, |start| boot_with_limit(start, usize::MAX));
        follow(&script, &appends(300), || ());
        let bytes = script.cluster().persister(0).snapshot_bytes();
        assert_eq!(bytes, 0, "a limit of usize::MAX is none, but a snapshot of {bytes} bytes was saved");
    });
}
