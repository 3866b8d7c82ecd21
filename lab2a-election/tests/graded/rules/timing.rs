//! When a server campaigns, and when it does not (Figure 2, Followers and Candidates; §5.2).

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{LogPosition, RaftRequest, RequestVote, thread};
use testkit::rule::election::{CAMPAIGN, CAMPAIGN_DUE, CAMPAIGNS_APART, RANDOM_TIMEOUT, STABLE, STEPPED_DOWN, TIMER};
use testkit::script::{ScriptedCluster, TRAVEL, expect_rule};

use crate::lab::{LAB, Server, TIMING, boot, cluster};

/// The time that a server needs to notice that its timeout has passed.
const PROMPTLY: Duration = TRAVEL;
/// The pause between two requests of a candidate that asks again and again.
const OFTEN: Duration = Duration::from_millis(20);
/// A server that has just heard from its leader is silent at least this long. Four messages may be on
/// their way meanwhile.
const SILENCE_MIN: Duration = TIMING.election_timeout_min.saturating_sub(Duration::from_millis(4));

/// How long the server waits before each of its next `count` campaigns, which nobody answers.
#[track_caller]
fn waits(script: &ScriptedCluster<Server>, count: usize) -> Vec<Duration> {
    let (mut term, first) = script.expect_campaign();
    let mut before = first[0].at;
    let mut waits = Vec::new();
    while waits.len() < count {
        let (next, requests) = script.expect_campaign_after(term);
        term = next;
        waits.push(requests[0].at - std::mem::replace(&mut before, requests[0].at));
    }
    waits
}

/// A server without a leader raises its term by one, votes for itself, and asks all others at once.
#[test]
fn campaign_2a() {
    LAB.rule(&CAMPAIGN, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        script.leader(3).in_term(7).heartbeat();
        let (term, requests) = script.expect_campaign();
        assert_eq!(term, 8, "it was in term 7, and each campaign is in the next term");
        let asked: BTreeSet<_> = requests.iter().map(|received| received.to).collect();
        assert_eq!(asked, BTreeSet::from([1, 2, 3, 4]), "it asks every other server, once");
        let expected = RaftRequest::RequestVote(RequestVote { term, candidate: 0, last_log: LogPosition::ZERO });
        let wrong = requests.iter().find(|received| received.request != expected);
        assert!(wrong.is_none(), "it is server 0, in term 8, and its log is empty; but it sends {}", wrong.unwrap());
        script.expect_no_leader(8, "nobody has answered yet");
    });
}

/// As long as nobody wins, a candidate campaigns again and again, each time within the bounds of its timeout.
#[test]
fn campaigns_go_on_2a() {
    LAB.rule(&CAMPAIGN_DUE, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        for waited in waits(&script, 5) {
            let is_apart = waited >= TIMING.election_timeout_min;
            expect_rule(&CAMPAIGNS_APART, is_apart, format!("the next campaign came too soon, after {waited:?}"));
            assert!(
                waited <= TIMING.election_timeout_max + PROMPTLY,
                "the next campaign came too late, after {waited:?}"
            );
        }
    });
}

/// Replies that deny the vote do not delay the next campaign.
#[test]
fn denials_do_not_delay_a_campaign_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, requests) = script.expect_campaign();
        let began = requests[0].at;
        for received in requests {
            thread::sleep(TIMING.election_timeout_min / 3);
            received.deny();
        }
        let (_, next) = script.expect_campaign_after(term);
        let waited = next[0].at - began;
        assert!(waited <= TIMING.election_timeout_max + PROMPTLY, "denials delayed its next campaign to {waited:?}");
    });
}

/// A granted vote restarts the timer, so that the candidate has time to win.
#[test]
fn a_granted_vote_restarts_the_timer_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        for term in 1..=10 {
            script.candidate(1).in_term(term).asks_for_vote().expect_vote(format!("term {term} is new"));
            script.expect_silence(SILENCE_MIN, "it has just granted its vote");
        }
    });
}

/// A denied vote does not restart the timer: a candidate that cannot win must not delay one that can.
#[test]
fn a_denied_vote_does_not_restart_the_timer_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        script.candidate(1).in_term(5).asks_for_vote().expect_vote("term 5 is new");
        let since = Instant::now();
        while script.next_request(OFTEN).is_none() {
            let waited = since.elapsed();
            assert!(
                waited <= TIMING.election_timeout_max + OFTEN + PROMPTLY,
                "it has not campaigned, {} ms after the last vote that it granted: denied requests delay it",
                waited.as_millis()
            );
            script
                .candidate(2)
                .in_term(5)
                .asks_for_vote()
                .expect_no_vote_in_any_term("server 1 has the vote of term 5");
        }
    });
}

/// A heartbeat restarts the timer: followers do not campaign while their leader sends.
#[test]
fn a_heartbeat_restarts_the_timer_2a() {
    LAB.rule(&TIMER, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        for _ in 0..10 {
            script.leader(1).in_term(1).heartbeat();
            script.expect_silence(SILENCE_MIN, "it has just received a heartbeat");
        }
    });
}

/// A leader that is deposed by a reply waits for a whole timeout before it campaigns, however long it has led.
#[test]
fn a_deposed_leader_waits_for_a_timeout_2a() {
    LAB.rule(&STEPPED_DOWN, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let (term, _) = script.elect();
        script.requests_within(2 * TIMING.election_timeout_max);
        let heartbeat = script.expect_request("the next heartbeat", 2 * TIMING.heartbeat_interval, |_| true);
        heartbeat.stale(term + 1);
        let deposed = Instant::now();
        let (_, requests) = script.expect_campaign();
        let waited = requests[0].at - deposed;
        assert!(
            waited >= SILENCE_MIN,
            "it led term {term} until a reply of term {} deposed it, and {waited:?} later it campaigned",
            term + 1
        );
    });
}

/// Each election timeout has a new random length, and the lengths differ by much more than a message
/// takes.
#[test]
fn election_timeouts_differ_2a() {
    LAB.rule(&RANDOM_TIMEOUT, |world| {
        /// Several round trips of a slow network: the first server to wake up has won before the next one does.
        const SPREAD_MIN: Duration = Duration::from_millis(50);
        let mut waits = waits(&ScriptedCluster::new(world, 3, boot), 12);
        waits.sort();
        let (shortest, longest) = (waits[0], waits[waits.len() - 1]);
        assert!(
            longest - shortest >= SPREAD_MIN,
            "12 timeouts were all between {shortest:?} and {longest:?}: draw a new one each time, from a wide range"
        );
    });
}

/// Election timeouts lie anywhere in their range: with a few values only, two servers would often choose the same.
#[test]
fn election_timeouts_are_spread_2a() {
    LAB.rule(&RANDOM_TIMEOUT, |world| {
        const TIMEOUTS: usize = 40;
        /// Timeouts that are closer than this lead to split votes.
        const APART_MS: u128 = 5;
        /// Of 40 timeouts from a range of 400 ms, about 32 are apart.
        const APART_MIN: usize = 20;
        let waits = waits(&ScriptedCluster::new(world, 3, boot), TIMEOUTS);
        let apart: BTreeSet<u128> = waits.iter().map(|wait| wait.as_millis() / APART_MS).collect();
        assert!(
            apart.len() >= APART_MIN,
            "{TIMEOUTS} timeouts had only {} different lengths: draw each from the whole range",
            apart.len()
        );
    });
}

/// Servers that hear nothing from one another do not all campaign at the same times.
#[test]
fn servers_draw_different_timeouts_2a() {
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
        panic!("for 4 s the three servers campaigned at the same times: each must draw its own timeouts");
    });
}

/// One lost heartbeat starts no election.
#[test]
fn one_lost_heartbeat_starts_no_election_2a() {
    LAB.rule(&STABLE, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        for _ in 0..20 {
            script.leader(1).in_term(1).heartbeat();
            script.expect_silence(2 * TIMING.heartbeat_interval, "only one heartbeat was lost");
        }
    });
}
