//! What a leader knows of its followers, and how it finds out (Figure 2, nextIndex and matchIndex; §5.3).

use labrpc::RaftRequest;
use labrpc::network::Conditions;
use labrpc::{AppendEntries, Index, LogPosition, RequestVote, Term, thread};
use testkit::rule::election::{LEADER_STAYS, NEW_TERM};
use testkit::rule::replication::{BACK_UP, FRESH_LEADERSHIP, LATE_REPLY};
use testkit::script::{PUNCTUAL, ReceivedRequest, ScriptedCluster, TRAVEL, agrees, at, granted, retry, stale};
use testkit::{World, number};

use super::{ROUND_TRIP, append_of, await_append, give, pace};
use crate::lab::{LAB, Server, boot};

/// A leader of five that took five commands, and its requests to server 1 that are not answered yet:
/// the greeting, and one that ends at index 5.
fn leader_with_five(world: &World) -> (ScriptedCluster<Server>, Term, [ReceivedRequest; 2]) {
    let script = ScriptedCluster::replicating(world, 5, boot);
    let (term, greeting) = script.elect();
    let greeting = greeting.into_iter().find(|received| received.to == 1).expect("server 1 was greeted");
    (1..=5).for_each(|n| assert_eq!(script.start(number(n)), Ok(at(n, term)), "it leads term {term}"));
    let latest = loop {
        let received = await_append(&script, 1, "its entries");
        if received.request.through().index == 5 {
            break received;
        }
    };
    (script, term, [greeting, latest])
}

/// Checks that the next request to server 1 starts right after what it has agreed to.
fn assert_starts_after(script: &ScriptedCluster<Server>, agreed: Index, why: &str) {
    script.forget_heard();
    let received = await_append(script, 1, "a heartbeat");
    let (prev, _, _) = append_of(&received);
    assert_eq!(prev.index, agreed, "server 1 has agreed through {agreed}, and {why}");
}

/// An agreement that comes late takes nothing back.
#[test]
fn late_agreement_2b() {
    LAB.rule(&LATE_REPLY, "late_agreement_2b", |world| {
        let (script, term, [early, latest]) = leader_with_five(world);
        latest.reply(agrees(term, 5));
        thread::sleep(2 * TRAVEL);
        early.reply(agrees(term, 0));
        thread::sleep(2 * TRAVEL);
        assert_starts_after(&script, 5, "an older agreement, through 0, came after that");
    });
}

/// A refusal that comes late moves nothing back over what the follower has agreed to since.
#[test]
fn late_refusal_2b() {
    LAB.rule(&LATE_REPLY, "late_refusal_2b", |world| {
        let (script, term, [early, latest]) = leader_with_five(world);
        latest.reply(agrees(term, 5));
        thread::sleep(2 * TRAVEL);
        early.reply(retry(term, 1));
        thread::sleep(2 * TRAVEL);
        assert_starts_after(&script, 5, "a refusal of an older request came after that");
    });
}

/// The same refusal, in the answers to several requests and each of them doubled, counts once.
#[test]
fn doubled_refusals_2b() {
    LAB.rule(&LATE_REPLY, "doubled_refusals_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        give(&script, &[1, 1]);
        let doubled = Conditions { duplicates_per_mille: 1000, ..PUNCTUAL };
        script.network().set_link_conditions(1, 0, Some(doubled));
        let (term, greeting) = script.elect();
        let greeting = greeting.into_iter().find(|received| received.to == 1).expect("server 1 was greeted");
        let second = await_append(&script, 1, "a second heartbeat");
        let third = await_append(&script, 1, "a third heartbeat");
        [greeting, second, third].into_iter().for_each(|received| received.reply(retry(term, 1)));
        // Halving the distance instead of going where it is asked to takes a leader two requests.
        let mut sent = (0..3).map(|_| await_append(&script, 1, "the entries that server 1 asks for"));
        let received = sent.find(|received| append_of(received).0 == LogPosition::ZERO);
        let received = received.expect("server 1 asks for the entries from index 1 on, and is not sent them");
        assert_eq!(append_of(&received).1.len(), 2, "server 1 asks for the entries from index 1 on, and there are two");
        received.reply(agrees(term, 2));
        thread::sleep(2 * TRAVEL);
        assert_starts_after(&script, 2, "the refusals were older than that");
    });
}

/// An answer that was given in an earlier term counts for nothing in a later one.
#[test]
fn reply_of_an_earlier_reign_2b() {
    LAB.rule(&LATE_REPLY, "reply_of_an_earlier_reign_2b", |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let (first, _) = script.elect();
        (1..=3).for_each(|n| assert_eq!(script.start(number(n)), Ok(at(n, first)), "it leads term {first}"));
        thread::sleep(pace().heartbeat_interval);
        let late = await_append(&script, 1, "its three entries");
        // Another leads meanwhile, and its one entry replaces those three.
        give(&script, &[first + 1]);
        thread::sleep(TRAVEL);
        let (term, _) = script.elect();
        (2..=3).for_each(|n| assert_eq!(script.start(number(n)), Ok(at(n, term)), "it leads term {term}"));
        late.reply(agrees(first, 3));
        thread::sleep(2 * TRAVEL);
        let applied = script.applied_indices();
        assert!(applied.is_empty(), "in term {first} server 1 agreed to other entries than {applied:?} of term {term}");
    });
}

/// Who no longer leads sends no entries, whatever answers to its old requests still come in.
#[test]
fn reply_after_the_reign_2b() {
    LAB.rule(&LATE_REPLY, "reply_after_the_reign_2b", |world| {
        let (script, term, [early, latest]) = leader_with_five(world);
        script.request_vote(2, term + 1, LogPosition { term, index: 9 });
        script.forget_heard();
        early.reply(retry(term, 1));
        latest.reply(agrees(term, 5));
        let sent = script.hear_all(pace().election_timeout_min / 2);
        assert!(
            sent.is_empty(),
            "its reign is over, and it sends {:?}",
            sent.first().map(|received| &received.request)
        );
        assert!(script.applied().is_empty(), "its reign is over, and it commits on old answers");
    });
}

/// A newer term in a follower's answer ends a reign.
#[test]
fn newer_term_for_a_leader_2b() {
    LAB.rule(&NEW_TERM, "newer_term_for_a_leader_2b", |world| {
        let (script, term, [_, latest]) = leader_with_five(world);
        latest.reply(stale(term + 3));
        thread::sleep(2 * TRAVEL);
        let status = script.status();
        assert_eq!((status.term, status.is_leader), (term + 3, false), "a follower told it of term {}", term + 3);
    });
}

/// A follower that refuses entries deposes nobody.
#[test]
fn refusal_deposes_nobody_2b() {
    LAB.rule(&LEADER_STAYS, "refusal_deposes_nobody_2b", |world| {
        let (script, term, [early, latest]) = leader_with_five(world);
        latest.reply(retry(term, 1));
        early.reply(retry(term, 1));
        thread::sleep(2 * TRAVEL);
        let status = script.status();
        assert_eq!((status.term, status.is_leader), (term, true), "a refusal of its own term deposes nobody");
    });
}

/// A leader finds where a follower's log ends within a few requests, however long its own is.
#[test]
fn quick_back_up_2b() {
    LAB.rule(&BACK_UP, "quick_back_up_2b", |world| {
        /// One with the follower's help; without, halving the distance takes as many as this.
        const REFUSALS_MAX: usize = 8;
        let script = ScriptedCluster::replicating(world, 3, boot);
        give(&script, &[1; 60]);
        // Server 1 holds nothing at all.
        script.play(|peer, request| match request {
            RaftRequest::AppendEntries(AppendEntries { term, prev, .. }) if peer == 1 && prev.index > 0 => {
                Some(retry(*term, 1))
            }
            RaftRequest::RequestVote(RequestVote { term, .. }) => Some(granted(*term)),
            _ => None,
        });
        let (term, _) = script.await_campaign();
        let mut refusals = 0;
        loop {
            let received = await_append(&script, 1, "entries to server 1");
            if append_of(&received).0 == LogPosition::ZERO {
                break;
            }
            refusals += 1;
            assert!(
                refusals <= REFUSALS_MAX,
                "in term {term} server 1 has refused {refusals} requests, each time asking for all"
            );
        }
    });
}

/// A new leader begins with a guess, and knows nothing: what it learnt in an earlier reign is void,
/// since others have led meanwhile.
#[test]
fn fresh_reign_2b() {
    LAB.rule(&FRESH_LEADERSHIP, "fresh_reign_2b", |world| {
        let (script, term, [_, latest]) = leader_with_five(world);
        latest.reply(agrees(term, 5));
        thread::sleep(2 * TRAVEL);
        give(&script, &[term + 1, term + 1]);
        thread::sleep(TRAVEL);
        script.forget_heard();
        let (term, greeting) = script.elect();
        for received in &greeting {
            let (prev, _, _) = append_of(received);
            let own_last = LogPosition { index: 2, term: term - 1 };
            assert!(
                prev <= own_last,
                "its log ends at {own_last:?}, and server {} is asked about {prev:?}",
                received.to
            );
        }
    });
}

/// What a follower agrees to counts to the end of the reign, whatever heartbeats and late votes come
/// in between.
#[test]
fn reign_begins_once_2b() {
    LAB.rule(&FRESH_LEADERSHIP, "reign_begins_once_2b", |world| {
        let script = ScriptedCluster::replicating(world, 5, boot);
        let (term, mut round) = script.await_campaign();
        let late = round.split_off(2);
        round.into_iter().for_each(|received| received.reply(granted(term)));
        thread::sleep(2 * TRAVEL);
        assert_eq!(script.start(number(1)), Ok(at(1, term)), "it leads term {term}");
        let mut sent = script.hear_all(pace().heartbeat_interval + 2 * TRAVEL);
        let mut take = |follower| {
            let holds = |received: &ReceivedRequest| received.to == follower && !append_of(received).1.is_empty();
            sent.swap_remove(sent.iter().position(holds).expect("each follower is sent the entry"))
        };
        let (first, second) = (take(1), take(2));
        first.reply(agrees(term, 1));
        thread::sleep(ROUND_TRIP);
        late.into_iter().for_each(|received| received.reply(granted(term)));
        script.hear_all(pace().heartbeat_interval * 2);
        second.reply(agrees(term, 1));
        thread::sleep(2 * TRAVEL);
        assert_eq!(
            script.applied_indices(),
            [1],
            "servers 1 and 2 have agreed to it in this very reign: three of five"
        );
    });
}
