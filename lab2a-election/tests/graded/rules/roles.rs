//! What holds for a follower, a candidate and a leader alike, whichever way a message comes.

use labrpc::{Elect, Status, Term, thread};
use testkit::World;
use testkit::rule::election::{NEW_TERM, OLD_TERM, STATUS};
use testkit::rule::life::SILENT;
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL};

use crate::lab::{LAB, Server, boot};

/// What a server is when something happens to it.
#[derive(Clone, Copy, Debug)]
enum Role {
    Follower,
    Candidate,
    Leader,
}

const ROLES: [Role; 3] = [Role::Follower, Role::Candidate, Role::Leader];

/// A server in this role, its status, and its latest requests, unanswered. It has asked for votes, so that
/// replies to these requests may still come. No leader has sent it anything: a server that has just heard from
/// its leader may ignore candidates (§6).
fn server_in(role: Role, world: &World) -> (ScriptedCluster<Server>, Status, Vec<ReceivedRequest>) {
    let script = ScriptedCluster::new(world, 3, boot);
    let requests = match role {
        Role::Follower => {
            let (term, mut requests) = script.expect_campaign();
            requests.remove(0).deny_in_term(term + 1);
            thread::sleep(2 * TRAVEL);
            requests
        }
        Role::Candidate => script.expect_campaign().1,
        Role::Leader => script.elect().1,
    };
    let status = script.status();
    (script, status, requests)
}

/// Any reply to a request that names a term: a vote that is denied, or a heartbeat that is refused.
fn refuse_in_term(received: ReceivedRequest, term: Term) {
    match received.is_append() {
        true => received.stale(term),
        false => received.deny_in_term(term),
    }
}

/// The service may watch from several threads: a change is told to all of them, whatever the server was before.
#[test]
fn all_watchers_are_told_2a() {
    LAB.rule(&STATUS, |world| {
        const WATCHERS: usize = 3;
        for role in ROLES {
            let (script, status, requests) = server_in(role, world);
            let watch = |nth: usize| {
                let cluster = script.cluster().clone();
                let watch = move || cluster.visit(0, move |server| server.watch(status)).flatten();
                world.spawn(&format!("watcher {nth}"), watch)
            };
            let watchers: Vec<_> = (0..WATCHERS).map(watch).collect();
            thread::sleep(TRAVEL);
            let expected = match role {
                // It is elected.
                Role::Candidate => {
                    requests.into_iter().for_each(ReceivedRequest::grant);
                    Status { is_leader: true, ..status }
                }
                _ => {
                    script.leader(1).in_term(status.term + 1).heartbeat();
                    Status { term: status.term + 1, is_leader: false }
                }
            };
            for (nth, watcher) in (1..).zip(watchers) {
                let seen = watcher.join_within(3 * TRAVEL);
                assert_eq!(seen, Some(Some(expected)), "watcher {nth} of {WATCHERS} of a {role:?} must see the change");
            }
            script.crash();
        }
    });
}

/// A shutdown ends every thread that watches.
#[test]
fn a_shutdown_ends_all_watchers_2a() {
    LAB.rule(&SILENT, |world| {
        const WATCHERS: usize = 3;
        for role in ROLES {
            let (script, status, _) = server_in(role, world);
            let watch = |nth: usize| {
                let cluster = script.cluster().clone();
                let watch = move || cluster.visit(0, move |server| server.watch(status));
                world.spawn(&format!("watcher {nth}"), watch)
            };
            let watchers: Vec<_> = (0..WATCHERS).map(watch).collect();
            thread::sleep(TRAVEL);
            script.cluster().visit(0, |server| server.shutdown());
            for (nth, watcher) in (1..).zip(watchers) {
                let seen = watcher.join_within(3 * TRAVEL);
                assert_eq!(seen, Some(Some(None)), "watcher {nth} of {WATCHERS} of a {role:?} must end");
            }
            script.crash();
        }
    });
}

/// A newer term counts in every role, in every request, and in every reply.
#[test]
fn every_newer_term_counts_2a() {
    LAB.rule(&NEW_TERM, |world| {
        for role in ROLES {
            for way in ["a request for a vote", "a heartbeat", "a reply"] {
                let (script, status, mut requests) = server_in(role, world);
                let newer = status.term + 2;
                match way {
                    "a request for a vote" => drop(script.candidate(1).in_term(newer).asks_for_vote()),
                    "a heartbeat" => drop(script.leader(1).in_term(newer).heartbeat()),
                    _ => refuse_in_term(requests.remove(0), newer),
                }
                thread::sleep(2 * TRAVEL);
                script.expect_no_leader(
                    newer,
                    format!("it was a {role:?} of term {}, and {way} says {newer}", status.term),
                );
                script.discard_requests();
                script.expect_silence(4 * TRAVEL, format!("it follows term {newer}, and leads nothing"));
                script.crash();
            }
        }
    });
}

/// An older term counts in no role: the request is refused, a reply is ignored, and the server stays what it is.
#[test]
fn no_older_term_counts_2a() {
    LAB.rule(&OLD_TERM, |world| {
        for role in ROLES {
            let (script, _, mut old) = server_in(role, world);
            // The same role in a later term.
            script.leader(1).in_term(script.status().term + 1).heartbeat();
            script.leader(2).in_term(script.status().term + 1).heartbeat();
            match role {
                Role::Follower => {}
                Role::Candidate => drop(script.expect_campaign()),
                Role::Leader => drop(script.elect()),
            }
            let status = script.status();
            // Server 1 has led this term.
            let older = old[0].term() + 1;
            script.candidate(1).in_term(older).asks_for_vote().expect_stale(status.term, "that term is over");
            script.leader(1).in_term(older).heartbeat().expect_stale(status.term, "that term is over");
            old.pop().into_iter().for_each(|received| refuse_in_term(received, older));
            old.pop().into_iter().for_each(|received| match received.is_append() {
                true => received.agree(),
                false => received.grant(),
            });
            thread::sleep(2 * TRAVEL);
            let why = format!("it was a {role:?} of term {}, and all that came is older", status.term);
            match status.is_leader {
                true => script.expect_leader(status.term, why),
                false => script.expect_no_leader(status.term, why),
            }
            script.crash();
        }
    });
}
