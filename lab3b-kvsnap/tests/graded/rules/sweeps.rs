//! Two things at almost the same moment, at every distance: the service's own snapshot, and a leader's.

use std::time::Duration;

use labrpc::{InstallSnapshot, RaftRequest, thread};
use testkit::rule::service::{ANSWERED, LABEL};
use testkit::script::{AT_ONCE, ScriptedCluster, append, at, get};
use testkit::sweep::Sweep;

use super::setup::{READER, service, snapshot_of};
use crate::lab::{LAB, boot};

/// Enough for both events, and for what follows from them.
const REACH: Duration = Duration::from_micros(8);

/// The service takes a snapshot of its own at the moment when a leader's arrives: the newer one stays, and
/// the store goes on from it.
#[test]
fn a_leaders_snapshot_meets_the_services_own_3b() {
    LAB.rule(&LABEL, |world| {
        /// Enough commands to exceed the limit.
        const COMMANDS: u64 = 30;
        const COVERED: u64 = 40;
        let write = |nth: u64| append(0, nth, "k", &format!("{nth},"));
        let sweep = Sweep::of(world, "enough is committed for a snapshot", "a leader's snapshot arrives");
        sweep.within(REACH).each(|offset| {
            let script = ScriptedCluster::new(world, 3, boot);
            let leader = script.leader(1).in_term(1);
            let sent = leader.clone().commands((1..=COMMANDS).map(write)).send();
            sent.expect_agreement(COMMANDS, "entries from index 1 on fit any log");
            let committed = leader.clone().after(at(COMMANDS, 1)).commit(COMMANDS).request();
            let (last_included, bytes) = (at(COVERED, 1), snapshot_of((1..=COVERED).map(write)));
            let install = InstallSnapshot { term: 1, leader: 1, last_included, snapshot: bytes.clone() };
            offset.meet(script.arrives(1, committed), script.arrives(1, RaftRequest::InstallSnapshot(install)));
            thread::sleep(AT_ONCE);
            script.expect_base_on_disk(last_included, "the leader's snapshot is the newer one");
            assert_eq!(script.disk().snapshot, bytes, "the snapshot on disk must be the newer one");
            script.crash();
        });
    });
}

/// A request waits while a snapshot that holds its write arrives, or comes right then: it is answered or refused,
/// and the write is done once.
#[test]
fn a_request_meets_a_snapshot_3b() {
    LAB.rule(&ANSWERED, |world| {
        const COVERED: u64 = 10;
        Sweep::of(world, "a snapshot that holds the write is applied", "the request comes").within(REACH).each(
            |offset| {
                let service = service();
                let request = append(0, 1, "k", "v");
                let (raft, copy) = (service.raft().clone(), request.clone());
                let applies = world.spawn("applies", move || {
                    thread::sleep(AT_ONCE);
                    // All that is in the log after the snapshot are copies of this command.
                    let last = raft.push(&copy);
                    (COVERED + 1..=last).for_each(|index| raft.commit(index, &copy));
                });
                let store = snapshot_of([request.clone()]);
                let (_, told) = offset.meet(service.is_installed(COVERED, store), service.is_asked(request));
                applies.join();
                let is_right = matches!(&told, Some(Err(_))) || told == Some(Ok(String::new()));
                assert!(is_right, "its write is in the snapshot, and the client is told {told:?}");
                service.expect_value(get(READER, 1, "k"), "v", "the write was asked for once");
                labrpc::Elect::shutdown(service.server());
            },
        );
    });
}
