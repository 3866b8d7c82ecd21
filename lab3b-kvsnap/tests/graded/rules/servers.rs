//! A whole server: its log stays small, and it restarts from its own snapshot.

use std::time::Duration;

use labrpc::kv::Command;
use labrpc::{LogPosition, Term, thread};
use testkit::World;
use testkit::rule::replication::TAKES_A_LOG;
use testkit::rule::service::{COMPACT_SNAPSHOT, LABEL, RESTORED, SMALL, WORTHWHILE};
use testkit::script::{AT_ONCE, ScriptedCluster, append, at, get, look_at, prepare, put};

use super::setup::{lead, read_after_copy};
use crate::lab::{LAB, RAFT_STATE_BYTES_MAX, Server, boot, boot_with_limit};

/// The term of the scripted leader.
const TERM: Term = 1;
/// How many commands one message of the scripted leader carries.
const BATCH: usize = 10;
/// The log may exceed its limit by what makes a cut worthwhile, and by one batch that is not applied
/// yet. Three times the limit is twice as much as that.
const RAFT_STATE_SLACK: usize = 3;

/// Server 1 leads, and sends and commits all these commands, some at a time. Calls `check` after each
/// message.
#[track_caller]
fn follow(script: &ScriptedCluster<Server>, commands: &[Command], check: impl Fn()) {
    let mut prev = LogPosition::ZERO;
    for batch in commands.chunks(BATCH) {
        let last = prev.index + batch.len() as u64;
        let leader = script.leader(1).in_term(TERM).after(prev);
        let sent = prepare("server 0 follows a leader and takes its log");
        look_at(&TAKES_A_LOG);
        let answer = leader.commands(batch.to_vec()).commit(last).send();
        answer.expect_agreement(last, "these commands follow those before");
        sent.done();
        prev = at(last, TERM);
        check();
    }
    thread::sleep(AT_ONCE);
}

/// Appends of one client to one key.
fn appends(count: u64) -> Vec<Command> {
    (1..=count).map(|nth| append(0, nth, "k", &format!("{nth},"))).collect()
}

/// Puts of one client to one key.
fn puts(count: u64) -> Vec<Command> {
    (1..=count).map(|nth| put(0, nth, "k", &nth.to_string())).collect()
}

#[track_caller]
fn assert_small(script: &ScriptedCluster<Server>, what: &str) {
    let bytes = script.persister().raft_state_bytes();
    assert!(
        bytes <= RAFT_STATE_SLACK * RAFT_STATE_BYTES_MAX,
        "{what} has {bytes} bytes of Raft's state on disk, and must keep it near {RAFT_STATE_BYTES_MAX}"
    );
}

/// The snapshot on disk is the store right after the last entry that it covers.
#[test]
fn the_saved_snapshot_fits_its_index_3b() {
    LAB.rule(&LABEL, |world| {
        const COMMANDS: u64 = 200;
        let script = ScriptedCluster::new(world, 3, boot);
        let commands = appends(COMMANDS);
        // All in one message: Raft knows that everything is committed before anything is applied.
        script.leader(1).in_term(TERM).commands(commands.clone()).commit(COMMANDS).send();
        thread::sleep(AT_ONCE);
        let disk = script.disk();
        let base = disk.head.base.index;
        world.assert_covered("a snapshot", base > 0);
        let right: String = (1..=base).map(|nth| format!("{nth},")).collect();
        let found = read_after_copy(&disk.snapshot, &commands[base as usize - 1], "k");
        assert_eq!(
            found, right,
            "the log begins after entry {base}, and the snapshot is not the store after that entry"
        );
    });
}

/// A restarted server has the same store as before: its snapshot, and the entries after it.
#[test]
fn a_restart_restores_the_own_snapshot_3b() {
    LAB.rule(&RESTORED, |world| {
        const COMMANDS: u64 = 205;
        let script = ScriptedCluster::new(world, 3, boot);
        follow(&script, &appends(COMMANDS), || ());
        world.assert_covered("a snapshot", script.disk().head.base.index > 0);
        script.restart();
        lead(&script);
        let right: String = (1..=COMMANDS).map(|nth| format!("{nth},")).collect();
        let value = script.do_command(get(1, 1, "k"));
        let same = value.bytes().zip(right.bytes()).take_while(|(found, right)| found == right).count();
        assert!(
            value == right,
            "{COMMANDS} Appends were applied before the restart; the value that is read after it differs from byte \
             {same} on"
        );
    });
}

/// A write that was done before a restart is not done again after it.
#[test]
fn a_late_copy_after_a_restart_3b() {
    LAB.rule(&RESTORED, |world| {
        const COMMANDS: u64 = 100;
        let script = ScriptedCluster::new(world, 3, boot);
        follow(&script, &puts(COMMANDS), || ());
        script.restart();
        lead(&script);
        script.do_command(put(0, 1, "k", "again"));
        script.expect_value(
            get(1, 1, "k"),
            &COMMANDS.to_string(),
            format!("client 0 has made {COMMANDS} Puts, and only repeats the first one"),
        );
    });
}

/// A follower's log stays small at all times.
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

/// A leader's log stays small at all times.
#[test]
fn a_leaders_log_stays_small_3b() {
    LAB.rule(&SMALL, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        lead(&script);
        for command in appends(150) {
            script.do_command(command);
            assert_small(&script, "a leader that applies one command after another");
        }
    });
}

/// A small store has a small snapshot, however much was written to it.
#[test]
fn a_small_store_has_a_small_snapshot_3b() {
    LAB.rule(&COMPACT_SNAPSHOT, |world| {
        const BYTES_MAX: usize = 500;
        let script = ScriptedCluster::new(world, 3, boot);
        follow(&script, &puts(400), || ());
        let bytes = script.persister().snapshot_bytes();
        world.assert_covered("a snapshot", bytes > 0);
        assert!(
            bytes <= BYTES_MAX,
            "the store has one value of three bytes and one client, and its snapshot {bytes} bytes"
        );
    });
}

/// A server without a limit takes no snapshot.
#[test]
fn no_limit_no_snapshot_3b() {
    LAB.rule(&WORTHWHILE, |world: &World| {
        let script = ScriptedCluster::new(world, 3, |start| boot_with_limit(start, usize::MAX));
        follow(&script, &appends(300), || ());
        let bytes = script.persister().snapshot_bytes();
        assert_eq!(bytes, 0, "a limit of usize::MAX means no limit, but a snapshot was saved");
    });
}
