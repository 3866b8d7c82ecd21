//! What the oracles say of runs that are easily misread: an event at a time, without any server.

mod elections;
mod logs;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use labrpc::kv::{Answer, ClientId, Command, Op};
use labrpc::network::{Message, Passage, Port, Tap};
use labrpc::sim::{self, Keep};
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ApplyMsg, Ballot, Bytes, Entry, Head, Image, Index,
    InstallSnapshot, LogPosition, NotLeader, PeerId, Persister, RaftReply, RaftRequest, RequestVote, Save, Term,
};
use labrpc::{thread, wire};

use super::Observer;
use crate::contract::{Contract, TEST_TIMING};
use crate::runner::{Lab, Recorded, run_simulated};
use crate::script::{agrees, at, denies, entries, refuses, votes};
use crate::token::Token;
use crate::world::World;

static IN_MEMORY: Contract = Contract::new(TEST_TIMING).with_clerks();
static ON_DISK: Contract = Contract::new(TEST_TIMING).with_disk();

const SERVERS: usize = 3;
/// A clerk's end of the network.
const CLERK: PeerId = SERVERS;

/// Plays three servers and a clerk, an event at a time.
struct Play {
    observer: Observer,
    numbers: Cell<u64>,
}

impl Play {
    fn new(world: &World, is_real: impl Fn(PeerId) -> bool) -> Play {
        let contract = world.contract().expect("the run has a contract");
        let observer = Observer::new(world.reporter(), contract, SERVERS, is_real);
        (0..SERVERS).for_each(|server| observer.booted(server, sim::new_node("server"), None));
        Play { observer, numbers: Cell::new(0) }
    }

    fn message(&self, from: PeerId, to: PeerId, port: Port, answers: Option<u64>, bytes: Vec<u8>) -> Message {
        let number = self.numbers.replace(self.numbers.get() + 1);
        Message { number, answers, from, to, port, bytes: bytes.into() }
    }

    fn travels(&self, message: &Message) {
        self.observer.message(Instant::now(), message, Passage::Sent);
        self.observer.message(Instant::now(), message, Passage::Arrived { copy: 0 });
    }

    /// A request, and its reply.
    fn exchange(&self, from: PeerId, to: PeerId, request: RaftRequest, reply: Option<RaftReply>) {
        let request = self.message(from, to, Port::Raft, None, wire::encode(&request));
        self.travels(&request);
        if let Some(reply) = reply {
            self.travels(&self.message(to, from, Port::Raft, Some(request.number), wire::encode(&reply)));
        }
    }

    /// Server 0 wins a term with the vote of server 1. Its request to server 2 is lost.
    fn elect(&self, term: Term, last_log: LogPosition) {
        let request = RaftRequest::RequestVote(RequestVote { term, candidate: 0, last_log });
        self.exchange(0, 1, request.clone(), Some(votes(term)));
        let lost = self.message(0, 2, Port::Raft, None, wire::encode(&request));
        self.observer.message(Instant::now(), &lost, Passage::Sent);
    }

    /// A leader's request, which is answered by `reply`.
    fn append(
        &self,
        (from, to): (PeerId, PeerId),
        term: Term,
        prev: LogPosition,
        entries: Vec<Entry>,
        reply: RaftReply,
    ) {
        let append = AppendEntries { term, leader: from, prev, entries, leader_commit: 0 };
        self.exchange(from, to, RaftRequest::AppendEntries(append), Some(reply));
    }

    /// A server applies the entry at index 1.
    fn applies(&self, server: PeerId, term: Term) {
        let message = ApplyMsg::Command { at: at(1, term), command: entries(1, &[term])[0].command.clone() };
        self.observer.applied(server, &message);
    }

    /// The clerk sends a request, and gets this answer.
    fn clerk(&self, sequence: u64, op: &Op, answer: Option<&Answer>) {
        let command = Command { client: ClientId(0), sequence, op: op.clone() };
        let request = self.message(CLERK, 0, Port::Kv, None, wire::encode(&command));
        self.travels(&request);
        if let Some(answer) = answer {
            self.travels(&self.message(0, CLERK, Port::Kv, Some(request.number), wire::encode(answer)));
        }
    }
}

/// The rule that these events break, and what is said of it. All servers are real.
fn broken(play: impl Fn(&Play) + Send + Sync) -> Option<(&'static str, String)> {
    broken_by(true, play)
}

fn broken_by(are_real: bool, play: impl Fn(&Play) + Send + Sync) -> Option<(&'static str, String)> {
    broken_in(&IN_MEMORY, move |_| are_real, play)
}

fn broken_in(
    contract: &'static Contract,
    is_real: impl Fn(PeerId) -> bool + Send + Sync,
    play: impl Fn(&Play) + Send + Sync,
) -> Option<(&'static str, String)> {
    let token = Token::of_seed("play", 1);
    let body = |world: &World| play(&Play::new(world, &is_real));
    let failed = run_simulated(&token, Keep::All, Recorded::Nothing, Some(contract), &body).0.err()?;
    Some((failed.rule(None).map_or("none", |rule| rule.name), failed.failure.message))
}

fn rule(play: impl Fn(&Play) + Send + Sync) -> Option<&'static str> {
    broken(play).map(|(rule, _)| rule)
}

/// Figure 8: a majority holds the entry, and the leader must not commit it by counting copies.
#[test]
fn an_old_entry_committed_by_counting_is_not_a_missing_majority() {
    let leads_term_4 = |of_term: Term| {
        move |play: &Play| {
            play.elect(4, at(1, of_term));
            play.append((0, 1), 4, LogPosition::ZERO, entries(1, &[of_term]), agrees(4, 1));
            play.applies(0, of_term);
        }
    };
    let (rule, text) = broken(leads_term_4(2)).expect("a rule is broken");
    assert_eq!(rule, "own-term-commit", "{text}");
    assert!(text.contains("because a majority holds it"), "{text}");
    assert_eq!(broken(leads_term_4(4)), None, "an entry of its own term is committed");
}

/// A leader that applies what nobody else holds lacks a majority.
#[test]
fn an_entry_that_nobody_agreed_to_lacks_a_majority() {
    let play = |play: &Play| {
        play.elect(4, LogPosition::ZERO);
        play.applies(0, 4);
    };
    assert_eq!(rule(play), Some("majority-commit"));
}

/// Server 1 boots with a log of terms 1 and 2. It is sent `sent` after the first entry, keeps `keep` entries on its disk
/// and appends the last `append` of those that it was sent, and agrees.
fn agrees_after_a_save(sent: &'static [Term], keep: usize, append: usize) -> impl Fn(&Play) + Send + Sync {
    move |play: &Play| {
        let head = Head { ballot: Ballot { term: 3, voted_for: None }, base: LogPosition::ZERO };
        let bytes = |entries: &[Entry]| entries.iter().map(|entry| wire::encode(entry).into()).collect::<Vec<_>>();
        let head: Bytes = wire::encode(&head).into();
        let image =
            Image { head: head.clone(), entries: bytes(&entries(1, &[1, 2])).into(), snapshot: Bytes::default() };
        play.observer.replaced_disk(1);
        play.observer.booted(1, sim::new_node("server"), Some(&image));
        let disk = Persister::from_image(1, image);
        disk.set_tap(Arc::new(play.observer.clone()));

        let (prev, entries) = (at(1, 1), entries(2, sent));
        let request = AppendEntries { term: 3, leader: 0, prev, entries: entries.clone(), leader_commit: 0 };
        let request = play.message(0, 1, Port::Raft, None, wire::encode(&RaftRequest::AppendEntries(request)));
        play.travels(&request);
        let append = bytes(&entries[entries.len() - append..]);
        if keep < 2 || !append.is_empty() {
            disk.save(Save { head, keep, append, ..Save::default() });
        }
        let reply = wire::encode(&agrees(3, 1 + entries.len() as Index));
        play.travels(&play.message(1, 0, Port::Raft, Some(request.number), reply));
    }
}

/// A follower that agrees while its disk holds the old log has not saved; one whose disk holds another log has saved
/// wrongly.
#[test]
fn an_unsaved_log_and_a_wrong_one_are_told_apart() {
    let broken = |sent, keep, append| {
        broken_in(&ON_DISK, |server| server == 1, agrees_after_a_save(sent, keep, append)).unwrap_or_default()
    };
    assert_eq!(broken(&[1], 1, 1), ("", String::new()));
    assert_eq!(broken(&[1, 1], 1, 2), ("", String::new()));
    let (rule, text) = broken(&[1], 2, 0);
    assert_eq!(rule, "durable-before-visible", "{text}");
    assert!(text.contains("its log there still ends at 2:2") && text.contains("an entry after index 1"), "{text}");
    let (rule, text) = broken(&[1, 1], 2, 1);
    assert_eq!(rule, "follower-log-follows", "{text}");
    assert!(text.contains("2 entries after index 1 of term 1 arrive"), "{text}");
}

/// A voter that has lost its entries says so in its next refusal, long before it votes.
#[test]
fn a_lost_entry_is_told_as_such() {
    let agreed = |play: &Play| {
        play.elect(1, LogPosition::ZERO);
        play.append((0, 1), 1, LogPosition::ZERO, entries(1, &[1, 1]), agrees(1, 2));
    };
    let refuses_later = move |play: &Play| {
        agreed(play);
        play.append((0, 1), 1, at(2, 1), Vec::new(), refuses(1, 1));
    };
    assert_eq!(rule(refuses_later), Some("acknowledged-entries-stay"));
    let votes_later = move |play: &Play| {
        agreed(play);
        let request = RaftRequest::RequestVote(RequestVote { term: 2, candidate: 2, last_log: LogPosition::ZERO });
        play.exchange(2, 1, request, Some(votes(2)));
    };
    let (rule, text) = broken(votes_later).expect("a rule is broken");
    assert_eq!(rule, "election-restriction");
    assert!(text.contains("did not compare the logs, or it has lost"), "{text}");
    let campaigns_later = move |play: &Play| {
        agreed(play);
        thread::sleep(Duration::from_millis(500));
        let request = RaftRequest::RequestVote(RequestVote { term: 2, candidate: 1, last_log: LogPosition::ZERO });
        play.exchange(1, 2, request, None);
    };
    assert_eq!(self::rule(campaigns_later), Some("acknowledged-entries-stay"));
}

/// A `start` that does not return is told as such, while the server runs.
#[test]
fn a_start_that_waits_is_told_as_such() {
    let waits_for = |wait_ms: u64, is_paused: bool, contract: &'static Contract| {
        let token = Token::of_seed("play", 1);
        let body = move |world: &World| {
            let play = Play::new(world, |_| true);
            let number = play.observer.calls_start(0);
            play.observer.waited();
            if is_paused {
                play.observer.paused(0, true);
            }
            thread::sleep(Duration::from_millis(wait_ms));
            play.observer.waited();
            play.observer.returned_from_start(0, number, &Bytes::default(), Err(NotLeader));
            thread::sleep(Duration::from_millis(60));
            play.observer.waited();
        };
        let failed = run_simulated(&token, Keep::All, Recorded::Nothing, Some(contract), &body).0.err()?;
        Some((failed.rule(None)?.name, failed.story(None, &Lab::guided("lab2b-log"))))
    };
    let (rule, story) = waits_for(60, false, &IN_MEMORY).expect("it takes too long");
    assert_eq!(rule, "start-returns-at-once", "{story}");
    assert!(story.contains("`start` was called on server 0") && story.contains("60ms later"), "{story}");
    assert_eq!(waits_for(40, false, &IN_MEMORY), None);
    assert_eq!(waits_for(60, true, &IN_MEMORY), None, "a paused server cannot return");
    assert_eq!(waits_for(300, false, &ON_DISK), None, "a slow save may go on");
    assert!(waits_for(600, false, &ON_DISK).is_some());
}

/// What is said of a server with a disk that has led term 5, has saved term 7, and then sends this request.
fn sent_after_saving_term_7(request: RaftRequest) -> (&'static str, String) {
    static WITH_DISK: Contract = IN_MEMORY.with_disk();
    let token = Token::of_seed("play", 1);
    let body = |world: &World| {
        let play = Play::new(world, |server| server == 0);
        let disk = Persister::new(0);
        disk.set_tap(Arc::new(play.observer.clone()));
        let save = |term| {
            let head = Head { ballot: Ballot { term, voted_for: Some(0) }, base: LogPosition::ZERO };
            disk.save(Save { head: WITH_DISK.write_head(&head), ..Save::default() });
        };
        save(5);
        play.elect(5, LogPosition::ZERO);
        save(7);
        thread::sleep(Duration::from_millis(90));
        play.exchange(0, 1, request.clone(), None);
    };
    let failed =
        run_simulated(&token, Keep::All, Recorded::Nothing, Some(&WITH_DISK), &body).0.expect_err("it is wrong");
    (failed.rule(None).expect("a rule is broken").name, failed.story(None, &Lab::guided("lab2d-snapshot")))
}

/// A message of an old term does not show that the server's own term fell: what is wrong is where the message is made.
#[test]
fn a_message_of_an_old_term_is_told_by_where_it_is_made() {
    let install = InstallSnapshot { term: 5, leader: 0, last_included: at(1, 1), snapshot: Bytes::default() };
    let (rule, text) = sent_after_saving_term_7(RaftRequest::InstallSnapshot(install));
    assert_eq!(rule, "messages-carry-the-term", "{text}");
    assert!(text.contains("Look at: `send_snapshot`"), "{text}");
    assert!(!text.contains("restart") && !text.contains("`restore`"), "{text}");
    let append = AppendEntries { term: 5, leader: 0, prev: LogPosition::ZERO, entries: Vec::new(), leader_commit: 0 };
    let (rule, text) = sent_after_saving_term_7(RaftRequest::AppendEntries(append));
    assert_eq!(rule, "messages-carry-the-term", "{text}");
    assert!(text.contains("Look at: `append_to`"), "{text}");
}

/// A leader has no election timer: one that steps down may start its timer then, whether it was paused before or not.
#[test]
fn a_deposed_leader_has_a_whole_timeout() {
    let deposed = |silent_ms: u64, was_paused: bool| {
        move |play: &Play| {
            play.elect(1, LogPosition::ZERO);
            if was_paused {
                [true, false].into_iter().for_each(|is_paused| play.observer.paused(0, is_paused));
            }
            play.append((0, 2), 1, LogPosition::ZERO, Vec::new(), agrees(1, 0));
            let prev = LogPosition::ZERO;
            let heartbeat = AppendEntries { term: 1, leader: 0, prev, entries: Vec::new(), leader_commit: 0 };
            let heartbeat = RaftRequest::AppendEntries(heartbeat);
            let request = play.message(0, 1, Port::Raft, None, wire::encode(&heartbeat));
            play.travels(&request);
            thread::sleep(Duration::from_millis(90));
            let stale = AppendEntriesReply { term: 2, outcome: AppendOutcome::StaleTerm };
            let reply = wire::encode(&RaftReply::AppendEntries(stale));
            play.travels(&play.message(1, 0, Port::Raft, Some(request.number), reply));
            // The others are not what this is about.
            (1..SERVERS).for_each(|server| play.observer.paused(server, true));
            thread::sleep(Duration::from_millis(silent_ms));
            play.observer.waited();
        }
    };
    for was_paused in [false, true] {
        assert_eq!(broken(deposed(800, was_paused)), None);
        assert_eq!(rule(deposed(900, was_paused)), Some("campaign-in-time"));
    }
}

/// A server that does nothing at all is noticed, although nothing happens.
#[test]
fn silence_is_noticed() {
    let silent = |silent_ms: u64| {
        move |play: &Play| {
            thread::sleep(Duration::from_millis(silent_ms));
            play.observer.waited();
        }
    };
    assert_eq!(broken(silent(800)), None);
    assert_eq!(rule(silent(900)), Some("campaign-in-time"));
}

/// A clerk numbers its operations upwards, one number for each, and returns what a server has answered.
#[test]
fn clerks_are_followed() {
    let get = Op::Get { key: "k".into() };
    let put = Op::Put { key: "k".into(), value: "v".into() };
    let done: Answer = Ok("v".into());
    let clerk = |act: &(dyn Fn(&Play) + Send + Sync)| {
        // The servers are scripted, so that their answers are not judged.
        let play = |play: &Play| {
            play.observer.called(CLERK, &get);
            act(play);
        };
        broken_by(false, play).map(|(rule, _)| rule)
    };
    let right = |play: &Play| {
        play.clerk(1, &get, None);
        play.clerk(1, &get, Some(&done));
        play.observer.returned(CLERK, "v");
        play.observer.called(CLERK, &put);
        play.clerk(3, &put, Some(&done));
        play.observer.returned(CLERK, "");
    };
    assert_eq!(clerk(&right), None);
    let renumbered = |play: &Play| {
        play.clerk(1, &get, None);
        play.clerk(2, &get, None);
    };
    assert_eq!(clerk(&renumbered), Some("one-number-one-operation"));
    let reused = |play: &Play| {
        play.clerk(1, &get, Some(&done));
        play.observer.returned(CLERK, "v");
        play.observer.called(CLERK, &get);
        play.clerk(1, &get, None);
    };
    assert_eq!(clerk(&reused), Some("one-number-one-operation"));
    let asks_for_another = |play: &Play| play.clerk(1, &put, None);
    assert_eq!(clerk(&asks_for_another), Some("clerk-returns-the-answer"));
    let invents = |play: &Play| {
        play.clerk(1, &get, Some(&Err(labrpc::kv::Refusal::NotLeader)));
        play.observer.returned(CLERK, "");
    };
    assert_eq!(clerk(&invents), Some("clerk-returns-the-answer"));
    let changes = |play: &Play| {
        play.clerk(1, &get, Some(&done));
        play.observer.returned(CLERK, "w");
    };
    assert_eq!(clerk(&changes), Some("clerk-returns-the-answer"));
}

/// Two clerks with one client id are named, and a script that plays clients is not judged.
#[test]
fn only_real_clerks_are_judged() {
    let put = Op::Put { key: "k".into(), value: "v".into() };
    let two = |are_real: bool| {
        let put = put.clone();
        move |play: &Play| {
            for end in [CLERK, CLERK + 1] {
                if are_real {
                    play.observer.called(end, &put);
                }
                let command = Command { client: ClientId(0), sequence: 1, op: put.clone() };
                play.travels(&play.message(end, 0, Port::Kv, None, wire::encode(&command)));
            }
        }
    };
    assert_eq!(rule(two(true)), Some("one-number-one-operation"));
    assert_eq!(broken(two(false)), None);
}
