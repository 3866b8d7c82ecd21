//! When a server campaigns, and when it does not (Figure 2, Followers and Candidates; §5.2).

use std::collections::BTreeSet;
use std::time::Duration;

use lab2a_election::{Election, TickOutcome};
use labrpc::RaftRequest;
use labrpc::time::Instant;
use labrpc::{LogPosition, RequestVote, thread};
use testkit::rule::election::{CAMPAIGN, CAMPAIGN_DUE, RANDOM_TIMEOUT, STABLE, TIMER};
use testkit::script::{ScriptedCluster, TRAVEL, refused};

use super::{await_campaign_after, not_leader, timing};
use crate::lab::{LAB, Server, boot, cluster};

/// What a server needs to find out that it is due, beside the time that it waits.
const PROMPTLY: Duration = TRAVEL;
/// A pause between two requests of somebody who asks again and again.
const INSISTENTLY: Duration = Duration::from_millis(20);

/// How long the server waited before each of so many campaigns that nobody answers.
fn waits(script: &ScriptedCluster<Server>, count: usize) -> Vec<Duration> {
    let (mut term, first) = script.await_campaign();
    let mut before = first[0].at;
    let mut wait = || {
        let (next, round) = await_campaign_after(script, term);
        term = next;
        round[0].at - std::mem::replace(&mut before, round[0].at)
    };
    (0..count).map(|_| wait()).collect()
}

/// Who hears nothing raises its term by one, votes for itself, and asks all others at once.
#[test]
fn campaign_2a() {
    LAB.rule(&CAMPAIGN, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        script.heartbeat(3, 7);
        let (term, round) = script.await_campaign();
        assert_eq!(term, 8, "it was in term 7, and each campaign is in the next term");
        let asked: BTreeSet<_> = round.iter().map(|received| received.to).collect();
        assert_eq!(asked, BTreeSet::from([1, 2, 3, 4]), "every other server is asked, once");
        let request = RaftRequest::RequestVote(RequestVote { term, candidate: 0, last_log: LogPosition::ZERO });
        assert!(round.iter().all(|received| received.request == request), "each is asked {request:?}");
        assert_eq!(script.status(), not_leader(8), "nobody has answered yet");
    });
}

/// While nobody wins, a candidate campaigns again and again, each time within the bounds.
#[test]
fn campaigns_go_on_2a() {
    LAB.rule(&CAMPAIGN_DUE, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        for waited in waits(&script, 5) {
            assert!(waited >= timing().election_timeout_min, "the next campaign came after {waited:?}: too soon");
            assert!(
                waited <= timing().election_timeout_max + PROMPTLY,
                "the next campaign came after {waited:?}: too late"
            );
        }
    });
}

/// Answers that bring no vote do not put the next campaign off.
#[test]
fn denials_restart_no_timer_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, round) = script.await_campaign();
        let began = round[0].at;
        for received in round {
            thread::sleep(timing().election_timeout_min / 3);
            received.reply(refused(term));
        }
        let (_, next) = await_campaign_after(&script, term);
        let waited = next[0].at - began;
        assert!(waited <= timing().election_timeout_max + PROMPTLY, "denials put its next campaign off, to {waited:?}");
    });
}

/// A vote that is granted restarts the timer: whoever got it is given time to win.
#[test]
fn vote_restarts_the_timer_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        for term in 1..=10 {
            assert_eq!(script.request_vote(1, term, LogPosition::ZERO), (term, true), "term {term} is new");
            let received = script.hear(timing().election_timeout_min - 4 * TRAVEL);
            assert!(
                received.is_none(),
                "it has just given its vote, and campaigns: {:?}",
                received.map(|received| received.request)
            );
        }
    });
}

/// A vote that is denied restarts nothing: who cannot win must not keep those quiet who can.
#[test]
fn denied_vote_restarts_no_timer_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        assert_eq!(script.request_vote(1, 5, LogPosition::ZERO), (5, true), "term 5 is new");
        let since = Instant::now();
        while script.hear(INSISTENTLY).is_none() {
            let waited = since.elapsed();
            assert!(
                waited <= timing().election_timeout_max + INSISTENTLY + PROMPTLY,
                "{waited:?} after the last vote that it gave it has not campaigned: requests that it denies put it off"
            );
            assert!(!script.request_vote(2, 5, LogPosition::ZERO).1, "server 1 has the vote of term 5");
        }
    });
}

/// The word of the leader restarts the timer: its followers stay quiet while it speaks.
#[test]
fn leader_restarts_the_timer_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        for _ in 0..10 {
            script.heartbeat(1, 1);
            let received = script.hear(timing().election_timeout_min - 4 * TRAVEL);
            assert!(
                received.is_none(),
                "its leader has just spoken, and it campaigns: {:?}",
                received.map(|received| received.request)
            );
        }
    });
}

/// A tick that was due when the ticker woke does nothing if the leader has spoken meanwhile.
#[test]
fn late_tick_2a() {
    LAB.rule(&TIMER, |_| {
        let mut election = Election::new(0, 3, timing(), 1, Instant::ZERO);
        let due = election.due();
        assert!(election.hear_leader(1, due), "the leader of term 1 is obeyed in term 0");
        let wake = election.tick(LogPosition::ZERO, due);
        assert_eq!(wake, TickOutcome::NotDue, "the leader spoke at this very moment: look again whether a tick is due");
    });
}

/// Each wait has a new random length, and lengths differ by much more than a message travels.
#[test]
fn waits_differ_2a() {
    LAB.rule(&RANDOM_TIMEOUT, |world| {
        /// Several of a slow network's round trips: who wakes first has won before the next one wakes.
        const SPREAD_MIN: Duration = Duration::from_millis(50);
        let waits = waits(&ScriptedCluster::new(world, 3, boot), 12);
        let (shortest, longest) =
            (waits.iter().min().expect("there are some"), waits.iter().max().expect("there are some"));
        assert!(
            *longest - *shortest >= SPREAD_MIN,
            "12 waits were all between {shortest:?} and {longest:?}: draw anew each time, from a wide range"
        );
    });
}

/// Servers that hear nothing of one another do not all campaign at the same moments.
#[test]
fn servers_differ_2a() {
    LAB.rule(&RANDOM_TIMEOUT, |world| {
        let cluster = cluster(world, 3);
        cluster.servers().for_each(|server| cluster.disconnect(server));
        for _ in 0..200 {
            thread::sleep(PROMPTLY * 20);
            let terms: BTreeSet<_> =
                cluster.servers().filter_map(|server| cluster.status(server)).map(|status| status.term).collect();
            if terms.len() > 1 {
                return;
            }
        }
        panic!("for 4 s the three servers campaigned at the same moments: each must draw its own time-outs");
    });
}

/// One heartbeat that is lost starts no election.
#[test]
fn one_lost_heartbeat_2a() {
    LAB.rule(&STABLE, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        for _ in 0..20 {
            script.heartbeat(1, 1);
            let received = script.hear(2 * timing().heartbeat_interval);
            assert!(
                received.is_none(),
                "one heartbeat was lost, and it campaigns: {:?}",
                received.map(|received| received.request)
            );
        }
    });
}
