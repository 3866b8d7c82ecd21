//! Every path to a snapshot, with reads as well as writes, with clients that wait and without.

use labrpc::kv::Command;
use labrpc::{LogPosition, thread};
use testkit::World;
use testkit::rule::service::{EARNED, RESTORED, SMALL};
use testkit::script::{AT_ONCE, ScriptedCluster, append, at, get, put};

use super::setup::{READER, lead, service, snapshot_of};
use crate::lab::{LAB, RAFT_STATE_BYTES_MAX, Server, boot};

/// The log may exceed its limit by what makes a cut worthwhile.
const RAFT_STATE_SLACK: usize = 3;

/// A read waits while a snapshot comes that covers it, or a later write of its client: the client receives the key's
/// value or no result, but not what a write would return.
#[test]
fn a_waiting_read_and_a_snapshot_3b() {
    LAB.rule(&EARNED, |_| {
        service().expect_work();
        let covered = [put(0, 1, "k", "v"), get(0, 2, "k")];
        let overtaken = [put(0, 1, "k", "u"), get(0, 2, "k"), put(0, 3, "k", "v")];
        for commands in [&covered[..], &overtaken] {
            let service = service();
            let read = service.ask(get(0, 2, "k"));
            service.install(9, snapshot_of(commands.iter().cloned()));
            let told = read.wait();
            let is_wrong = matches!(&told, Some(Ok(value)) if value != "v");
            assert!(!is_wrong, "the snapshot holds v for this key, and the client of the Get is told {told:?}");
        }
    });
}

/// A write that waits while a snapshot comes that holds it is done, and a later one of the same client is not.
#[test]
fn waiting_writes_and_a_snapshot_3b() {
    LAB.rule(&EARNED, |_| {
        service().expect_work();
        let service = service();
        let (covered, later) = (service.ask(append(0, 1, "k", "a")), service.ask(append(1, 2, "k", "b")));
        service.install(9, snapshot_of([append(0, 1, "k", "a"), append(1, 1, "k", "x")]));
        covered.wait();
        later.expect_no_result("the snapshot holds this client's first write, and not its second");
    });
}

/// A server by each of these paths has the store of forty Appends: it has applied them one by one, it
/// restarts from its own snapshot, it received a leader's, or it restarts from that.
fn server_after_forty(path: &str, world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::new(world, 3, boot);
    let commands: Vec<Command> = (1..=40).map(|nth| append(0, nth, "k", &format!("{nth},"))).collect();
    if path.contains("leader") {
        let store = snapshot_of(commands);
        script.leader(1).in_term(1).install_snapshot(at(40, 1), store).expect_agreement(40, "it is new");
    } else {
        let mut prev = LogPosition::ZERO;
        for batch in commands.chunks(10) {
            let last = prev.index + batch.len() as u64;
            script.leader(1).in_term(1).after(prev).commands(batch.to_vec()).commit(last).send();
            prev = at(last, 1);
        }
    }
    thread::sleep(AT_ONCE);
    if path.contains("restart") {
        script.restart();
    }
    script
}

/// Whichever way the store came, reads see it, and copies of old writes change nothing.
#[test]
fn every_path_restores_the_store_3b() {
    LAB.rule(&RESTORED, |world| {
        let right: String = (1..=40).map(|nth| format!("{nth},")).collect();
        for path in ["applied", "applied, then a restart", "a leader's snapshot", "a leader's snapshot, then a restart"]
        {
            let script = server_after_forty(path, world);
            lead(&script);
            script.expect_value(get(READER, 1, "k"), &right, format!("forty Appends were made ({path})"));
            script.do_command(append(0, 40, "k", "again"));
            script.do_command(append(0, 7, "k", "again"));
            script.expect_value(get(READER, 2, "k"), &right, format!("two old Appends came again ({path})"));
            script.do_command(append(0, 41, "k", "41,"));
            script.expect_value(get(READER, 3, "k"), &(right.clone() + "41,"), format!("one more was made ({path})"));
            script.crash();
        }
    });
}

/// The log is cut whatever the commands are: reads take as much room in it as writes.
#[test]
fn the_log_stays_small_after_reads_3b() {
    LAB.rule(&SMALL, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        lead(&script);
        script.do_command(put(0, 1, "k", "v"));
        for nth in 1..=150 {
            script.do_command(get(READER, nth, "k"));
            let bytes = script.persister().raft_state_bytes();
            assert!(
                bytes <= RAFT_STATE_SLACK * RAFT_STATE_BYTES_MAX,
                "after {nth} Gets {bytes} bytes of Raft's state are on disk, and it must stay near {RAFT_STATE_BYTES_MAX}"
            );
        }
    });
}

/// A command that is larger than the limit is cut like any other: the state is small right after it, and while
/// small commands follow.
#[test]
fn the_log_is_small_after_a_large_command_3b() {
    LAB.rule(&SMALL, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        lead(&script);
        script.do_command(put(0, 1, "k", &"x".repeat(10 * RAFT_STATE_BYTES_MAX)));
        for nth in 1..=3 {
            script.do_command(get(READER, nth, "k"));
            let bytes = script.persister().raft_state_bytes();
            assert!(
                bytes <= RAFT_STATE_SLACK * RAFT_STATE_BYTES_MAX,
                "a large Put and {nth} small Gets were applied, and {bytes} bytes of Raft's state are on disk, with a limit \
                 of {RAFT_STATE_BYTES_MAX}"
            );
        }
    });
}
