//! What a leader does, and what ends its reign (Figure 2, Leaders; §5.2).

use std::collections::BTreeMap;
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{LogPosition, PeerId, thread};
use testkit::rule::election::{CANDIDATE_YIELDS, FIRST_HEARTBEAT, HEARTBEATS, IDLE_TRAFFIC, LEADER_STAYS};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, granted, refused};

use super::{leader, timing};
use crate::lab::{LAB, boot};

/// When each server heard from the leader, in order.
fn times(received: &[ReceivedRequest]) -> BTreeMap<PeerId, Vec<Instant>> {
    let mut times: BTreeMap<PeerId, Vec<Instant>> = BTreeMap::new();
    for received in received {
        times.entry(received.to).or_default().push(received.at);
    }
    times
}

/// A new leader lets every other server hear from it at once, not when the next heartbeat is due.
#[test]
fn first_heartbeat_2a() {
    LAB.rule(&FIRST_HEARTBEAT, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut round) = script.await_campaign();
        round.drain(..2).for_each(|received| received.reply(granted(term)));
        let voted = Instant::now();
        for _ in 0..4 {
            let received =
                script.await_request("a first heartbeat to everyone", timing().heartbeat_interval * 2, |_| true);
            let waited = received.at - voted;
            assert!(waited <= 4 * TRAVEL, "server {} heard from its new leader only after {waited:?}", received.to);
        }
    });
}

/// A leader speaks at least once an interval to each other server, though none of them answers.
#[test]
fn heartbeats_go_on_2a() {
    LAB.rule(&HEARTBEATS, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (_, greeting) = script.elect();
        let mut latest: BTreeMap<PeerId, Instant> =
            greeting.iter().map(|received| (received.to, received.at)).collect();
        for (server, times) in times(&script.hear_all(Duration::from_secs(2))) {
            for time in times {
                let silence = time - latest[&server];
                let allowed = timing().heartbeat_interval + TRAVEL;
                assert!(silence <= allowed, "server {server} heard nothing from its leader for {silence:?}");
                latest.insert(server, time);
            }
        }
        let silent = latest.iter().find(|(_, latest)| latest.elapsed() > timing().heartbeat_interval + 2 * TRAVEL);
        assert!(silent.is_none(), "server {:?} hears nothing more from its leader", silent.map(|(server, _)| server));
    });
}

/// An idle leader says one thing an interval, whatever answers and late votes come in meanwhile.
#[test]
fn idle_traffic_2a() {
    LAB.rule(&IDLE_TRAFFIC, |world| {
        /// Twice what the default pace needs: whoever hears more than that hears noise.
        const A_SECOND_MAX: usize = 25;
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut round) = script.await_campaign();
        let late = round.split_off(2);
        script.play_along();
        round.into_iter().for_each(|received| received.reply(granted(term)));
        thread::sleep(timing().heartbeat_interval / 5);
        script.forget_heard();
        let mut received = script.hear_all(timing().heartbeat_interval);
        for vote in late {
            vote.reply(granted(term));
            received.extend(script.hear_all(timing().heartbeat_interval * 2));
        }
        received.extend(script.hear_all(Duration::from_secs(1)));
        for (server, times) in times(&received) {
            let busiest = times
                .iter()
                .map(|from| times.iter().filter(|at| *at >= from && **at < *from + Duration::from_secs(1)).count());
            let busiest = busiest.max().unwrap_or_default();
            assert!(busiest <= A_SECOND_MAX, "server {server} heard {busiest} heartbeats in one second");
            let hurry = times.windows(2).find(|pair| pair[1] - pair[0] < timing().heartbeat_interval / 2);
            assert!(hurry.is_none(), "server {server} heard two heartbeats in half an interval: {hurry:?}");
        }
    });
}

/// A candidate that hears the leader of its own term follows it, and campaigns no more.
#[test]
fn candidate_yields_2a() {
    LAB.rule(&CANDIDATE_YIELDS, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, _) = script.await_campaign();
        for _ in 0..10 {
            assert_eq!(script.heartbeat(1, term).0, term, "the leader of term {term} speaks, in that very term");
            let received = script.hear(timing().heartbeat_interval);
            assert!(
                received.is_none(),
                "term {term} has a leader, and server 0 sends {:?}",
                received.map(|received| received.request)
            );
        }
    });
}

/// A rival of the same term, and answers without a vote, leave a leader in office.
#[test]
fn leader_stays_2a() {
    LAB.rule(&LEADER_STAYS, |world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let (term, mut round) = script.await_campaign();
        let late = round.split_off(2);
        round.into_iter().for_each(|received| received.reply(granted(term)));
        thread::sleep(2 * TRAVEL);
        let rival = late[0].to;
        assert_eq!(script.request_vote(rival, term, LogPosition::ZERO), (term, false), "its own vote is cast");
        assert_eq!(script.status(), leader(term), "a rival of its own term deposes nobody");
        script.request_vote(rival, term - 1, LogPosition::ZERO);
        assert_eq!(script.status(), leader(term), "a rival of an older term deposes nobody");
        late.into_iter().for_each(|received| received.reply(refused(term)));
        thread::sleep(2 * TRAVEL);
        assert_eq!(script.status(), leader(term), "votes that it does not get, and does not need, depose nobody");
    });
}
