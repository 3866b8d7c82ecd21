//! What a leader knows of its followers, and how it learns that (Figure 2, nextIndex and matchIndex; §5.3).

use labrpc::network::Conditions;
use labrpc::{AppendEntries, Index, LogPosition, RaftRequest, Term, thread};
use testkit::rule::election::{LEADER_STAYS, NEW_TERM};
use testkit::rule::replication::{BACK_UP, FRESH_LEADERSHIP, LATE_REPLY, LEADS_AND_SENDS};
use testkit::script::{
    PUNCTUAL, ReceivedRequest, ScriptedCluster, TRAVEL, agreement, at, expect_rule, look_at, prepare, refuses,
};
use testkit::{World, number};

use super::{ROUND_TRIP, send_log};
use crate::lab::{LAB, Server, boot};

/// A leader of five servers that took five commands, its term, and two of its requests to server 1
/// that have no answer yet: its first heartbeat, and one that ends at index 5.
#[track_caller]
fn leader_with_five_entries(world: &World) -> (ScriptedCluster<Server>, Term, [ReceivedRequest; 2]) {
    let script = ScriptedCluster::replicating(world, 5, boot);
    let (term, heartbeats) = script.elect();
    let begun = prepare("server 0 leads, takes five commands, and sends them to server 1");
    look_at(&LEADS_AND_SENDS);
    let early = heartbeats.into_iter().find(|received| received.to == 1).expect("a heartbeat to server 1");
    for n in 1..=5 {
        script.expect_taken(number(n), at(n, term), format!("it leads term {term}"));
    }
    let latest = loop {
        let received = script.expect_append_to(1, "its five entries to server 1");
        if received.request.through().index == 5 {
            break received;
        }
    };
    begun.done();
    (script, term, [early, latest])
}

/// Checks that the next request to server 1 begins right after the entries that it has agreed to.
#[track_caller]
fn expect_next_after(script: &ScriptedCluster<Server>, agreed: Index, why: &str) {
    script.discard_requests();
    let received = script.expect_append_to(1, "a heartbeat to server 1");
    let prev = received.append().prev.index;
    assert_eq!(prev, agreed, "server 1 has agreed through index {agreed}; {why}; and the leader sends {received}");
}

/// An agreement that arrives late takes nothing back.
#[test]
fn late_agreement_2b() {
    LAB.rule(&LATE_REPLY, |world| {
        let (script, _, [early, latest]) = leader_with_five_entries(world);
        latest.agree();
        thread::sleep(2 * TRAVEL);
        early.agree();
        thread::sleep(2 * TRAVEL);
        expect_next_after(&script, 5, "an older agreement, through index 0, arrived after that");
    });
}

/// A refusal that arrives late does not move the leader back over entries that the follower has agreed to.
#[test]
fn late_refusal_2b() {
    LAB.rule(&LATE_REPLY, |world| {
        let (script, _, [early, latest]) = leader_with_five_entries(world);
        latest.agree();
        thread::sleep(2 * TRAVEL);
        early.retry_from(1);
        thread::sleep(2 * TRAVEL);
        expect_next_after(&script, 5, "a refusal of an older request arrived after that");
    });
}

/// The same refusal counts once, though three replies carry it and each of them arrives twice.
#[test]
fn doubled_refusals_2b() {
    LAB.rule(&LATE_REPLY, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        send_log(&script, &[1, 1]);
        let doubled = Conditions { duplicates_per_mille: 1000, ..PUNCTUAL };
        script.network().set_link_conditions(1, 0, Some(doubled));
        let (_, heartbeats) = script.elect();
        let first = heartbeats.into_iter().find(|received| received.to == 1).expect("a heartbeat to server 1");
        let second = script.expect_append_to(1, "a second heartbeat to server 1");
        let third = script.expect_append_to(1, "a third heartbeat to server 1");
        [first, second, third].into_iter().for_each(|received| received.retry_from(1));
        // A leader that halves the distance, instead of going where the refusal says, takes two requests.
        let mut sent = (0..3).map(|_| script.expect_append_to(1, "the entries that server 1 asks for"));
        let received = sent.find(|received| received.append().prev == LogPosition::ZERO);
        let what = "server 1 asks for the entries from index 1 on, and is not sent them";
        expect_rule(&BACK_UP, received.is_some(), what);
        let received = received.expect("it was looked at");
        let count = received.append().entries.len();
        assert_eq!(count, 2, "server 1 asks for the entries from index 1 on, which are two; it is sent {received}");
        received.agree();
        thread::sleep(2 * TRAVEL);
        expect_next_after(&script, 2, "the refusals answer older requests");
    });
}

/// A reply of an earlier term as leader counts for nothing in a later one.
#[test]
fn a_reply_of_an_earlier_term_counts_for_nothing_2b() {
    LAB.rule(&LATE_REPLY, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (first, _) = script.elect();
        for n in 1..=3 {
            script.expect_taken(number(n), at(n, first), format!("it leads term {first}"));
        }
        thread::sleep(script.timing().heartbeat_interval);
        let late = script.expect_append_to(1, "its three entries to server 1");
        // Then another server leads, and its one entry replaces those three.
        send_log(&script, &[first + 1]);
        thread::sleep(TRAVEL);
        let (term, _) = script.elect();
        for n in 2..=3 {
            script.expect_taken(number(n), at(n, term), format!("it leads term {term}"));
        }
        late.reply(testkit::script::agrees(first, 3));
        thread::sleep(2 * TRAVEL);
        let why = format!("in term {first} server 1 agreed to other entries, and to none in term {term}");
        script.expect_applied_indices([], why);
    });
}

/// A server that no longer leads sends no entries and commits nothing, whatever replies to its old
/// requests still arrive.
#[test]
fn a_deposed_leader_ignores_late_replies_2b() {
    LAB.rule(&LATE_REPLY, |world| {
        let (script, term, [early, latest]) = leader_with_five_entries(world);
        script.candidate(2).in_term(term + 1).with_log_through(at(9, term)).asks_for_vote();
        script.discard_requests();
        early.retry_from(1);
        latest.agree();
        let silence = script.timing().election_timeout_min / 2;
        script.expect_silence(silence, format!("it no longer leads: term {} has begun", term + 1));
        script.expect_applied_indices([], format!("it no longer leads: term {} has begun", term + 1));
    });
}

/// A newer term in a follower's reply deposes the leader.
#[test]
fn newer_term_for_a_leader_2b() {
    LAB.rule(&NEW_TERM, |world| {
        let (script, term, [_, latest]) = leader_with_five_entries(world);
        latest.stale(term + 3);
        thread::sleep(2 * TRAVEL);
        script.expect_no_leader(term + 3, format!("a follower's reply was of term {}", term + 3));
    });
}

/// A follower that refuses entries does not depose the leader.
#[test]
fn a_refusal_deposes_no_leader_2b() {
    LAB.rule(&LEADER_STAYS, |world| {
        let (script, term, [early, latest]) = leader_with_five_entries(world);
        latest.retry_from(1);
        early.retry_from(1);
        thread::sleep(2 * TRAVEL);
        script.expect_leader(term, "a refusal of the leader's own term deposes nobody");
    });
}

/// A leader finds within a few requests where a follower's log ends, however long its own log is.
#[test]
fn quick_back_up_2b() {
    LAB.rule(&BACK_UP, |world| {
        /// One is enough if the leader uses the hint of the refusal. Halving the distance takes this many.
        const REFUSALS_MAX: usize = 8;
        let script = ScriptedCluster::replicating(world, 3, boot);
        send_log(&script, &[1; 60]);
        // Server 1 holds nothing at all.
        script.answer_with(|peer, request| match request {
            RaftRequest::AppendEntries(AppendEntries { term, prev, .. }) if peer == 1 && prev.index > 0 => {
                Some(refuses(*term, 1))
            }
            RaftRequest::RequestVote(_) => Some(agreement(request)),
            _ => None,
        });
        let (term, _) = script.expect_campaign();
        let mut refusals = 0;
        loop {
            let received = script.expect_append_to(1, "entries to server 1");
            if received.append().prev == LogPosition::ZERO {
                break;
            }
            refusals += 1;
            assert!(
                refusals <= REFUSALS_MAX,
                "in term {term} server 1 has refused {refusals} requests and asked for everything each time; the last \
                 one was {received}"
            );
        }
    });
}

/// A refusal says what the follower lacks, and not what it holds: it may refuse the entry before the one that it asked
/// for, too. Nothing is committed meanwhile.
#[test]
fn a_refusal_is_no_agreement_2b() {
    LAB.rule(&BACK_UP, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        send_log(&script, &[1, 1, 2, 2, 3, 3]);
        // Neither follower holds anything, but each finds that out one entry at a time.
        script.answer_with(|_, request| match request {
            RaftRequest::AppendEntries(AppendEntries { term, prev, .. }) if prev.index > 0 => {
                Some(refuses(*term, (prev.index - 1).max(1)))
            }
            RaftRequest::RequestVote(_) => Some(agreement(request)),
            _ => None,
        });
        let (term, _) = script.expect_campaign();
        thread::sleep(2 * TRAVEL);
        script.expect_taken(number(7), at(7, term), format!("it leads term {term}, and its log ended at 6:3"));
        // A leader may go back one entry at a time, and wait for the next heartbeat each time.
        let sent = script.requests_within(10 * script.timing().heartbeat_interval);
        for follower in [1, 2] {
            let is_all = |received: &ReceivedRequest| {
                received.to == follower && received.is_append() && received.append().prev == LogPosition::ZERO
            };
            let what = format!("server {follower} has refused everything, and is not sent entry 1");
            expect_rule(&BACK_UP, sent.iter().any(is_all), what);
        }
        script.expect_applied_indices([], "both followers have refused everything");
    });
}

/// A new leader begins with a guess. What it learned in an earlier term as leader no longer counts,
/// because other servers have led since.
#[test]
fn a_new_leader_starts_from_a_guess_2b() {
    LAB.rule(&FRESH_LEADERSHIP, |world| {
        let (script, term, [_, latest]) = leader_with_five_entries(world);
        latest.agree();
        thread::sleep(2 * TRAVEL);
        send_log(&script, &[term + 1, term + 1]);
        thread::sleep(TRAVEL);
        script.discard_requests();
        let (_, heartbeats) = script.elect();
        for received in &heartbeats {
            let is_in_its_log = received.append().prev <= at(2, term + 1);
            assert!(is_in_its_log, "its log ends at 2:{}, and it sends {received}", term + 1);
        }
    });
}

/// What followers agreed to in an earlier term as leader counts for nothing in the next one: the log may be another one
/// by then, and so may theirs.
#[test]
fn a_new_leader_counts_no_earlier_agreement_2b() {
    LAB.rule(&FRESH_LEADERSHIP, |world| {
        let (script, term, [_, latest]) = leader_with_five_entries(world);
        latest.agree();
        thread::sleep(2 * TRAVEL);
        // Another server leads, and its one entry replaces those five.
        send_log(&script, &[term + 1]);
        script.discard_requests();
        let (again, _) = script.elect();
        script.expect_taken(number(6), at(2, again), format!("it leads term {again}, and its log ended at index 1"));
        let is_sent_to_2 = |received: &ReceivedRequest| received.to == 2 && received.request.through().index == 2;
        let patience = script.timing().heartbeat_interval + 2 * TRAVEL;
        script.expect_request("entry 2, to server 2", patience, is_sent_to_2).agree();
        thread::sleep(2 * TRAVEL);
        script.expect_applied_indices(
            [],
            format!(
                "in term {again} only server 2 has agreed to entry 2; server 1 agreed through index 5 in term {term}, \
                 to other entries"
            ),
        );
    });
}

/// A follower's agreement counts until the leader is deposed, whatever heartbeats and late votes come
/// in between.
#[test]
fn a_late_vote_does_not_reset_a_leader_2b() {
    LAB.rule(&FRESH_LEADERSHIP, |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        let heartbeat_interval = script.timing().heartbeat_interval;
        let (term, mut requests) = script.expect_campaign();
        let late = requests.split_off(2);
        requests.into_iter().for_each(ReceivedRequest::grant);
        thread::sleep(2 * TRAVEL);
        script.expect_taken(number(1), at(1, term), format!("it leads term {term}"));
        let mut sent = script.requests_within(heartbeat_interval + 2 * TRAVEL);
        // The latest request, as the server may have given up on an earlier one.
        let take = |sent: &mut Vec<ReceivedRequest>, follower| {
            let carries_it =
                |received: &ReceivedRequest| received.to == follower && !received.append().entries.is_empty();
            sent.swap_remove(sent.iter().rposition(carries_it).expect("each follower is sent the entry"))
        };
        take(&mut sent, 1).agree();
        thread::sleep(ROUND_TRIP);
        late.into_iter().for_each(ReceivedRequest::grant);
        sent.extend(script.requests_within(heartbeat_interval * 2));
        take(&mut sent, 2).agree();
        thread::sleep(2 * TRAVEL);
        let why = format!("servers 1 and 2 have agreed to entry 1 in term {term}: three of five hold it");
        script.expect_applied_indices([1], why);
    });
}
