//! Logs in every role, bounds from both sides, and whichever way a message comes.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{AppendEntriesReply, RaftReply, Status};
use labrpc::{AppendOutcome, Term, thread};
use testkit::rule::election::{CAMPAIGN, NEW_TERM, STATUS, STEPPED_DOWN};
use testkit::rule::replication::{ACKNOWLEDGED, ELECTION_RESTRICTION, FOLLOWER_COMMIT, FOLLOWS};
use testkit::script::{ReceivedRequest, ScriptedCluster, TRAVEL, agreement, at};
use testkit::{World, number};

use super::{ROUND_TRIP, follower_with};
use crate::lab::{LAB, Server, boot};

/// A leader whose log holds two entries that nobody has agreed to, its term, and its first requests.
fn leader_with_two_entries(world: &World) -> (ScriptedCluster<Server>, Term, Vec<ReceivedRequest>) {
    let script = ScriptedCluster::replicating(world, 3, boot);
    let (term, heartbeats) = script.elect();
    (1..=2).for_each(|n| script.expect_taken(number(n), at(n, term), format!("it leads term {term}")));
    (script, term, heartbeats)
}

/// A leader that is deposed keeps its entries, whatever deposes it: only another leader's entries replace
/// them.
#[test]
fn a_deposed_leader_keeps_its_entries_2b() {
    LAB.rule(&ACKNOWLEDGED, |world| {
        for way in ["a candidate", "a leader", "a vote denied", "a reply"] {
            let (script, term, mut requests) = leader_with_two_entries(world);
            let newer = term + 1;
            match way {
                "a candidate" => drop(script.candidate(1).in_term(newer).asks_for_vote()),
                "a leader" => drop(script.leader(1).in_term(newer).heartbeat()),
                _ => requests.remove(0).stale(newer),
            }
            thread::sleep(2 * TRAVEL);
            script.expect_no_leader(newer, format!("{way} of term {newer} has deposed it"));
            let answer = script.leader(1).in_term(newer).after(at(2, term)).send();
            answer
                .expect_agreement(2, format!("it has appended two entries in term {term}, and nothing replaces them"));
            script.crash();
        }
    });
}

/// A leader that is deposed tells those that watch its status at once, whatever deposes it.
#[test]
fn a_lost_leadership_is_told_2b() {
    LAB.rule(&STATUS, |world| {
        for way in ["a candidate", "a leader", "a vote denied", "a reply"] {
            let (script, term, mut requests) = leader_with_two_entries(world);
            let watcher = script.watch(world, Status { term, is_leader: true });
            thread::sleep(TRAVEL);
            let newer = term + 1;
            match way {
                "a candidate" => drop(script.candidate(1).in_term(newer).asks_for_vote()),
                "a leader" => drop(script.leader(1).in_term(newer).heartbeat()),
                _ => requests.remove(0).stale(newer),
            }
            let deposed = Status { term: newer, is_leader: false };
            script.expect_news(watcher, deposed, format!("{way} of term {newer} has deposed the leader"));
            script.crash();
        }
    });
}

/// A leader that is deposed waits for a timeout before it campaigns, whatever deposes it.
#[test]
fn a_deposed_leader_waits_for_a_timeout_2b() {
    LAB.rule(&STEPPED_DOWN, |world| {
        /// Four messages may be on their way meanwhile.
        const TRAVELS: Duration = Duration::from_millis(4);
        for way in ["a candidate with an older log", "a reply"] {
            let (script, term, _) = leader_with_two_entries(world);
            script.requests_within(2 * script.timing().election_timeout_max);
            let is_append = ReceivedRequest::is_append;
            let heartbeat =
                script.expect_request("the next heartbeat", 2 * script.timing().heartbeat_interval, is_append);
            match way {
                "a reply" => heartbeat.stale(term + 1),
                _ => script
                    .candidate(1)
                    .in_term(term + 1)
                    .asks_for_vote()
                    .expect_no_vote("the voter's log holds entries, and the candidate's is empty"),
            }
            let deposed = Instant::now();
            let (_, requests) = script.expect_campaign();
            let waited = requests[0].at - deposed;
            assert!(
                waited >= script.timing().election_timeout_min - TRAVELS,
                "it led term {term} until {way} of term {} deposed it, and {waited:?} later it campaigned",
                term + 1
            );
            script.crash();
        }
    });
}

/// A candidate, too, keeps its entries when it gives up.
#[test]
fn a_candidate_keeps_its_entries_2b() {
    LAB.rule(&ACKNOWLEDGED, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let (term, requests) = script.expect_campaign();
        requests.into_iter().for_each(|received| received.deny_in_term(term + 1));
        thread::sleep(2 * TRAVEL);
        let answer = script.leader(2).in_term(term + 1).after(at(3, 1)).send();
        answer.expect_agreement(3, "its log held three entries, and nothing replaces them");
    });
}

/// A new leader says at least what it knows to be committed, however little its last leader said.
#[test]
fn a_new_leader_tells_what_is_committed_2b() {
    LAB.rule(&FOLLOWER_COMMIT, |world| {
        let script = follower_with(world, &[1, 1, 1]);
        let leader = script.leader(1).in_term(1);
        leader.clone().after(at(3, 1)).commit(3).send();
        script.expect_applied(1, &[1, 1, 1], "the leader has committed 3");
        leader.clone().after(at(3, 1)).commit(1).send();
        leader.after(at(2, 1)).commit(0).send();
        let (_, heartbeats) = script.elect();
        for received in &heartbeats {
            let told = received.append().leader_commit;
            assert!(
                told >= 3,
                "it has applied three entries, so all three are committed; as a leader it sends {received}"
            );
        }
    });
}

/// What a follower says of its log's end is what it holds, also after its log was cut: as a voter and as a
/// candidate.
#[test]
fn a_log_that_was_cut_ends_earlier_2b() {
    LAB.rule(&ELECTION_RESTRICTION, |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1]);
        let answer = script.leader(2).in_term(2).after(at(1, 1)).entries_of_terms(&[2]).send();
        answer.expect_agreement(2, "entry 2:2 replaces entries 2 to 5 of term 1");
        let term = script.await_newer_term();
        let candidate = |term, last| script.candidate(1).in_term(term).with_log_through(last).asks_for_vote();
        candidate(term, at(5, 1)).expect_no_vote("the voter's log ends at 2:2, in a later term");
        candidate(term + 1, at(2, 2)).expect_vote("both logs end at 2:2");
    });
}

/// As [`a_log_that_was_cut_ends_earlier_2b`], for a candidate.
#[test]
fn a_candidate_after_a_cut_2b() {
    LAB.rule(&CAMPAIGN, |world| {
        let script = follower_with(world, &[1, 1, 1, 1, 1]);
        script.leader(2).in_term(2).after(at(1, 1)).entries_of_terms(&[2]).send();
        let (_, requests) = script.expect_campaign();
        for received in &requests {
            let labrpc::RaftRequest::RequestVote(asked) = &received.request else { unreachable!("a campaign") };
            assert_eq!(asked.last_log, at(2, 2), "its log ends at 2:2 since entry 2:2 replaced four others");
        }
    });
}

/// The leader's entries replace the follower's wherever the terms differ, also where the follower's are of
/// a newer term (Figure 8 (d)).
#[test]
fn older_entries_replace_newer_ones_2b() {
    LAB.rule(&FOLLOWS, |world| {
        let script = follower_with(world, &[1, 3]);
        let leader = script.leader(2).in_term(4);
        let entries = leader.clone().after(at(1, 1)).entries_of_terms(&[2, 4]);
        let answer = entries.send();
        answer.expect_agreement(3, "the leader of term 4 holds 2:2 where this log holds 2:3");
        leader.after(at(2, 3)).send().expect_refusal("entry 2 is of term 2 now");
        entries.commit(3).send();
        script.expect_applied(1, &[1, 2, 4], "the leader of term 4 has committed these");
    });
}

/// The same command in another term is another entry, and replaces the first.
#[test]
fn the_same_command_in_another_term_2b() {
    LAB.rule(&FOLLOWS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        let send = |term| {
            let mut request = script.leader(1).in_term(term).entries_of_terms(&[term, term]).request();
            if let labrpc::RaftRequest::AppendEntries(append) = &mut request {
                append.entries.iter_mut().for_each(|entry| entry.command = number(7));
            }
            script.ask(1, &request)
        };
        for term in [1, 2] {
            send(term);
        }
        let answer = script.leader(1).in_term(2).after(at(2, 2)).send();
        answer.expect_agreement(2, "the leader of term 2 has sent its own two entries");
        script.leader(1).in_term(2).after(at(2, 1)).send().expect_refusal("entry 2 is of term 2 now");
    });
}

/// A reply of a newer term only deposes the leader, whatever else it says: it sends nothing more.
#[test]
fn a_reply_of_a_newer_term_only_deposes_2b() {
    LAB.rule(&NEW_TERM, |world| {
        for outcome in [AppendOutcome::StaleTerm, AppendOutcome::RetryFrom(1), AppendOutcome::Through(2)] {
            let script = follower_with(world, &[1, 1]);
            let (term, mut heartbeats) = script.elect();
            script.discard_requests();
            let newer = RaftReply::AppendEntries(AppendEntriesReply { term: term + 1, outcome });
            heartbeats.remove(0).reply(newer);
            thread::sleep(ROUND_TRIP);
            script.expect_no_leader(term + 1, format!("a follower's reply is of term {}", term + 1));
            script.expect_silence(ROUND_TRIP, "a newer term has begun, and all replies of it are for its leader");
            script.expect_applied_indices([], "nobody has agreed to an entry of its own term");
            script.crash();
        }
    });
}

/// What a leader has applied it says is committed, in every later request.
#[test]
fn a_leaders_commitment_never_falls_2b() {
    LAB.rule(&FOLLOWER_COMMIT, |world| {
        let (script, _, _) = leader_with_two_entries(world);
        script.answer_with(|peer, request| (peer == 1).then(|| agreement(request)));
        script.requests_within(2 * script.timing().heartbeat_interval);
        script.expect_applied_indices([1, 2], "two of three servers hold both entries");
        for received in script.requests_within(3 * script.timing().heartbeat_interval) {
            let told = received.append().leader_commit;
            assert_eq!(told, 2, "two entries are committed, and a while later it sends {received}");
        }
    });
}
