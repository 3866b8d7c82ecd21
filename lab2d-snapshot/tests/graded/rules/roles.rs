//! Snapshots in every role, and on every path: from the own service, from a leader, from the disk.

use std::time::Duration;

use labrpc::{Bytes, RaftRequest, Status, thread};
use testkit::World;
use testkit::rule::election::{CAMPAIGN, STATUS};
use testkit::rule::replication::FOLLOWER_COMMIT;
use testkit::rule::snapshots::{CUT, SNAPSHOT_TRAFFIC};
use testkit::script::{ScriptedCluster, TRAVEL, at, expect_eq};

use super::setup::{
    HEARTBEAT, ROUND_TRIP, cut, elect, expect_received, first_snapshot_to_2, follower_with, leader_that_cut, snapshot,
    state,
};
use crate::lab::{LAB, Server, boot};

/// Ways to a log that begins after entry 4:1.
#[derive(Clone, Copy, Debug)]
enum Way {
    OwnService,
    Leader,
    Disk,
}

const WAYS: [Way; 3] = [Way::OwnService, Way::Leader, Way::Disk];

/// A follower whose log begins after entry 4:1, and ends there.
fn follower_after_4(way: Way, world: &World) -> ScriptedCluster<Server> {
    let script = follower_with(world, &[1; 4], 4);
    match way {
        Way::OwnService => cut(&script, 4),
        Way::Leader => {
            script.restart();
            script.leader(1).in_term(1).install_snapshot(at(4, 1), state(4)).expect_agreement(4, "it is new");
        }
        Way::Disk => {
            cut(&script, 4);
            script.restart();
        }
    }
    thread::sleep(TRAVEL);
    script.applied();
    script
}

/// A leader that is deposed tells those that watch its status at once, whatever deposes it: a snapshot, too.
#[test]
fn a_lost_leadership_is_told_2d() {
    LAB.rule(&STATUS, |world| {
        for way in ["a candidate", "a leader", "a snapshot", "a reply to a snapshot"] {
            let (script, term) = leader_that_cut(world, 4, 6);
            let watcher = script.watch(world, Status { term, is_leader: true });
            let newer = term + 1;
            match way {
                "a candidate" => drop(script.candidate(1).in_term(newer).asks_for_vote()),
                "a leader" => drop(script.leader(1).in_term(newer).heartbeat()),
                "a snapshot" => drop(script.leader(1).in_term(newer).install_snapshot(at(9, term), state(9))),
                _ => {
                    let snapshot = first_snapshot_to_2(&script, at(0, 0), 2 * HEARTBEAT);
                    snapshot.expect("server 2 asks for entry 1").stale(newer);
                }
            }
            let deposed = Status { term: newer, is_leader: false };
            script.expect_news(watcher, deposed, format!("{way} of term {newer} has deposed the leader"));
            script.crash();
        }
    });
}

/// However a server came to its snapshot, it campaigns with the snapshot's last entry as its log's end.
#[test]
fn a_candidate_after_a_snapshot_2d() {
    LAB.rule(&CAMPAIGN, |world| {
        for way in WAYS {
            let script = follower_after_4(way, world);
            let (_, requests) = script.expect_campaign();
            for received in &requests {
                let RaftRequest::RequestVote(asked) = &received.request else { unreachable!("a campaign") };
                assert_eq!(asked.last_log, at(4, 1), "its log begins after 4:1 ({way:?}) and is empty");
            }
            script.crash();
        }
    });
}

/// However a server came to its snapshot, what it knew to be committed stays committed: a new leader says so.
#[test]
fn a_new_leader_tells_that_its_snapshot_is_committed_2d() {
    LAB.rule(&FOLLOWER_COMMIT, |world| {
        for way in WAYS {
            let script = follower_after_4(way, world);
            [4, 1].into_iter().for_each(|told| drop(script.leader(1).in_term(1).after(at(4, 1)).commit(told).send()));
            let (_, heartbeats) = script.elect();
            for received in heartbeats.iter().filter(|received| received.is_append()) {
                let told = received.append().leader_commit;
                assert!(told >= 4, "its last leader had committed four entries ({way:?}), and it sends {received}");
            }
            script.crash();
        }
    });
}

/// However a server came to its snapshot, a large command that it covers is gone from the disk.
#[test]
fn a_large_command_is_gone_2d() {
    LAB.rule(&CUT, |world| {
        const LARGE_BYTES: usize = 50_000;
        const LEFT_BYTES_MAX: usize = 5_000;
        for way in WAYS {
            let script = ScriptedCluster::replicating(world, 3, boot);
            let mut request = script.leader(1).in_term(1).entries_of_terms(&[1; 4]).commit(4).request();
            if let RaftRequest::AppendEntries(append) = &mut request {
                append.entries[3].command = Bytes::from(vec![b'.'; LARGE_BYTES]);
            }
            script.ask(1, &request);
            thread::sleep(TRAVEL);
            if matches!(way, Way::Leader) {
                script.restart(); // It does not know any more that anything is committed.
                script.leader(1).in_term(1).install_snapshot(at(4, 1), state(4));
            } else {
                script.snapshot(4, state(4));
            }
            if matches!(way, Way::Disk) {
                script.restart();
            }
            let left = script.persister().raft_state_bytes();
            assert!(
                left <= LEFT_BYTES_MAX,
                "a snapshot covers the large command ({way:?}), and {left} bytes are left on disk"
            );
            script.crash();
        }
    });
}

/// After a restart the service receives a leader's snapshot like its own.
#[test]
fn a_leaders_snapshot_survives_2d() {
    LAB.rule(&CUT, |world| {
        for way in WAYS {
            let script = follower_after_4(way, world);
            script.restart();
            thread::sleep(ROUND_TRIP);
            expect_received(&script, &[snapshot(at(4, 1))], "it is on disk, and the service has nothing after a crash");
            expect_eq("the snapshot on disk", script.disk().snapshot, state(4), "nothing has changed it");
            script.crash();
        }
    });
}

/// While a snapshot may be on its way to a follower, heartbeats do not bring another one, whether the
/// follower answers them or not.
#[test]
fn heartbeats_repeat_no_snapshot_2d() {
    LAB.rule(&SNAPSHOT_TRAFFIC, |world| {
        /// A message travels for some 30 ms at most, and the next heartbeat comes meanwhile.
        const ON_ITS_WAY: Duration = Duration::from_millis(120);
        for is_answering in [false, true] {
            let (script, _) = leader_that_cut(world, 4, 6);
            script.next_request_to(2, HEARTBEAT).expect("a heartbeat to server 2").retry_from(1);
            let first =
                script.expect_request("a snapshot for server 2", ROUND_TRIP * 100, |received| received.is_snapshot());
            let mut again = 0;
            for received in script.requests_within(ON_ITS_WAY) {
                match received.is_snapshot() {
                    true => again += 1,
                    false if is_answering && received.to == 2 => received.retry_from(1),
                    false => {}
                }
            }
            assert_eq!(again, 0, "server 2 was sent a snapshot, and again within {ON_ITS_WAY:?}: {first}");
            script.crash();
        }
    });
}

/// A snapshot of the own service cuts the log in every role.
#[test]
fn every_role_cuts_its_log_2d() {
    LAB.rule(&CUT, |world| {
        for role in ["follower", "candidate", "leader"] {
            let script = follower_with(world, &[1; 6], 6);
            match role {
                "candidate" => drop(script.expect_campaign()),
                "leader" => drop(elect(&script)),
                _ => {}
            }
            script.snapshot(5, state(5));
            script.expect_base_on_disk(at(5, 1), format!("a {role}'s service has taken a snapshot through 5"));
            expect_eq("the number of entries on disk", script.disk().entries.len(), 1, "the log ended at index 6");
            script.crash();
        }
    });
}
