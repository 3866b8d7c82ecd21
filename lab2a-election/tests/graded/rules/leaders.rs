//! What a leader does, and what deposes it (Figure 2, Leaders; §5.2).

use std::collections::BTreeMap;
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{PeerId, thread};
use testkit::rule::election::{CANDIDATE_YIELDS, FIRST_HEARTBEAT, HEARTBEATS, IDLE_TRAFFIC, LEADER_STAYS, OLD_TERM};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL};

use crate::lab::{LAB, boot};

/// When each server received a request, in order.
fn arrivals(received: &[ReceivedRequest]) -> BTreeMap<PeerId, Vec<Instant>> {
    let mut arrivals: BTreeMap<PeerId, Vec<Instant>> = BTreeMap::new();
    for received in received {
        arrivals.entry(received.to).or_default().push(received.at);
    }
    arrivals
}

/// A new leader sends a heartbeat to every other server at once, not when the next one is due.
#[test]
fn first_heartbeat_2a() {
    LAB.rule(&FIRST_HEARTBEAT, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (_, mut requests) = script.expect_campaign();
        requests.drain(..2).for_each(ReceivedRequest::grant);
        let voted = Instant::now();
        for _ in 0..4 {
            let patience = script.timing().heartbeat_interval * 2;
            let received = script.expect_request("a first heartbeat to every server", patience, |_| true);
            let waited = received.at - voted;
            assert!(
                waited <= 4 * TRAVEL,
                "server {} receives the new leader's first heartbeat {waited:?} after the last vote",
                received.to
            );
        }
    });
}

/// A leader sends something to each other server at least once an interval, even if none of them answers.
#[test]
fn heartbeats_go_on_2a() {
    LAB.rule(&HEARTBEATS, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let interval = script.timing().heartbeat_interval;
        let (_, heartbeats) = script.elect();
        let mut latest: BTreeMap<PeerId, Instant> =
            heartbeats.iter().map(|received| (received.to, received.at)).collect();
        for (server, times) in arrivals(&script.requests_within(Duration::from_secs(2))) {
            for time in times {
                let silence = time - latest[&server];
                assert!(
                    silence <= interval + TRAVEL,
                    "server {server} received nothing from its leader for {silence:?}, and a heartbeat is due every \
                     {interval:?}: it may be {TRAVEL:?} late"
                );
                latest.insert(server, time);
            }
        }
        let silent = latest.iter().find(|(_, latest)| latest.elapsed() > interval + 2 * TRAVEL);
        assert!(silent.is_none(), "server {} receives no more heartbeats", silent.unwrap().0);
    });
}

/// An idle leader sends one heartbeat an interval, whatever replies and late votes arrive meanwhile.
#[test]
fn idle_traffic_2a() {
    LAB.rule(&IDLE_TRAFFIC, |world| {
        /// Twice what the default timing needs.
        const A_SECOND_MAX: usize = 25;
        let script = ScriptedCluster::new(world, 5, boot);
        let interval = script.timing().heartbeat_interval;
        let (_, mut requests) = script.expect_campaign();
        let late = requests.split_off(2);
        script.agree_to_everything();
        requests.into_iter().for_each(ReceivedRequest::grant);
        thread::sleep(interval / 5);
        script.discard_requests();
        let mut received = script.requests_within(interval);
        for vote in late {
            vote.grant();
            received.extend(script.requests_within(interval * 2));
        }
        received.extend(script.requests_within(Duration::from_secs(1)));
        for (server, times) in arrivals(&received) {
            let in_a_second =
                |from: &Instant| times.iter().filter(|at| *at >= from && **at < *from + Duration::from_secs(1)).count();
            let busiest = times.iter().map(in_a_second).max().unwrap_or_default();
            assert!(busiest <= A_SECOND_MAX, "server {server} received {busiest} heartbeats in one second");
            let close = times.windows(2).map(|pair| pair[1] - pair[0]).find(|gap| *gap < interval / 2);
            assert!(close.is_none(), "server {server} received two heartbeats within {:?}", close.unwrap());
        }
    });
}

/// A candidate that hears from the leader of its own term follows it, and does not campaign any more.
#[test]
fn a_candidate_yields_to_the_leader_of_its_term_2a() {
    LAB.rule(&CANDIDATE_YIELDS, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, _) = script.expect_campaign();
        for _ in 0..10 {
            let answer = script.leader(1).in_term(term).heartbeat();
            answer.expect_same_term(format!("server 1 leads term {term}, in which server 0 has campaigned"));
            script.expect_silence(script.timing().heartbeat_interval, format!("term {term} has a leader, server 1"));
        }
    });
}

/// A server follows the leader of its term, whomever it voted for in that term.
#[test]
fn a_voter_follows_the_winner_2a() {
    LAB.rule(&OLD_TERM, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        for _ in 0..2 {
            let term = script.await_newer_term();
            script.candidate(1).in_term(term).asks_for_vote().expect_vote("nobody has the vote of this term yet");
            for _ in 0..10 {
                let answer = script.leader(2).in_term(term).heartbeat();
                answer.expect_same_term(format!("server 2 leads term {term}, in which server 0 voted for server 1"));
                let why = format!("server 2 leads term {term}, and sends heartbeats");
                script.expect_silence(script.timing().heartbeat_interval, why);
            }
        }
    });
}

/// Another candidate of the same term, or of an older one, does not depose a leader. Neither do
/// replies that deny the vote.
#[test]
fn leader_stays_2a() {
    LAB.rule(&LEADER_STAYS, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut requests) = script.expect_campaign();
        let late = requests.split_off(2);
        requests.into_iter().for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        let rival = late[0].to;
        let answer = script.candidate(rival).in_term(term).asks_for_vote();
        answer.expect_no_vote("server 0 has voted for itself");
        script.expect_leader(term, "a candidate of its own term deposes nobody");
        script.candidate(rival).in_term(term - 1).asks_for_vote();
        script.expect_leader(term, "a candidate of an older term deposes nobody");
        late.into_iter().for_each(ReceivedRequest::deny);
        thread::sleep(2 * TRAVEL);
        script.expect_leader(term, "it has its majority, so late denials do not matter");
    });
}
