//! After a crash a server continues with the state that it saved, and with nothing else.

use std::time::Duration;

use labrpc::{ApplyMsg, Ballot, Bytes, Entry, Head, Index, LogPosition, Term, thread};
use testkit::rule::persistence::{COMMIT_FORGOTTEN, REFUSES_TO_BOOT, REMEMBERS, SAVED_LOG};
use testkit::rule::replication::TAKES_A_LOG;
use testkit::script::{
    ReceivedRequest, ScriptedCluster, at, cut_short, entries, entry, expect_eq, lengthen, look_at, prepare,
};
use testkit::{DiskState, World};

use crate::lab::{LAB, Server, boot};

/// The log of most scripts here: the terms of its entries.
const TERMS: [Term; 4] = [1, 1, 2, 3];

/// The command that the service receives.
#[track_caller]
fn command(message: ApplyMsg) -> Bytes {
    match message {
        ApplyMsg::Command { command, .. } => command,
        other => panic!("only commands are committed, and the service receives {other:?}"),
    }
}

/// A server in term 3 whose log holds entries of [`TERMS`]. The server does not know any of them to be committed.
#[track_caller]
fn server_with_a_log(world: &World) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::replicating(world, 3, boot);
    let sent = prepare("server 0 follows a leader and takes its log");
    look_at(&TAKES_A_LOG);
    let leader = script.leader(1).in_term(3);
    leader.entries_of_terms(&TERMS).send().expect_agreement(4, "entries from index 1 on fit any log");
    sent.done();
    script
}

/// A restarted server knows its term: it refuses older terms, and campaigns in the next one.
#[test]
fn the_term_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.leader(1).in_term(7).heartbeat();
        script.restart();
        assert_eq!(script.status().term, 7, "server 0 was in term 7 before its crash");
        script.leader(2).in_term(6).heartbeat().expect_stale(7, "server 0 was in term 7 before its crash");
        let (term, _unanswered) = script.expect_campaign();
        assert_eq!(term, 8, "server 0 was in term 7 before its crash, and campaigns in the next term");
    });
}

/// A restarted server knows whom it voted for, and votes for nobody else in that term.
#[test]
fn the_vote_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        script.candidate(2).in_term(3).asks_for_vote().expect_vote("nobody has the vote of term 3 yet");
        script.restart();
        script.candidate(1).in_term(3).asks_for_vote().expect_no_vote("server 2 has the vote of term 3");
        script.candidate(2).in_term(3).asks_for_vote().expect_vote("server 2 has this vote, and asks for it again");

        let (term, _unanswered) = script.expect_campaign();
        script.restart();
        let answer = script.candidate(1).in_term(term).asks_for_vote();
        answer.expect_no_vote(format!("server 0 has voted for itself in term {term}"));
    });
}

/// A restarted server has its log: every entry, with its index, its term and its command.
#[test]
fn the_log_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = server_with_a_log(world);
        script.restart();
        let leader = script.leader(1).in_term(3);
        for (index, term) in (1..).zip(TERMS) {
            leader
                .clone()
                .after(at(index, term))
                .send()
                .expect_agreement(index, "the entry was saved before the crash");
            let answer = leader.clone().after(at(index, 9)).send();
            answer.expect_refusal(format!("its entry {index} is of term {term}, not of term 9"));
        }
        let answer = leader.clone().after(at(5, 3)).send();
        answer.expect_retry_from(5, "its log ended at index 4 before the crash");

        leader.after(at(4, 3)).entries_of_terms(&[3]).commit(5).send();
        thread::sleep(Duration::from_millis(1));
        let applied: Vec<_> = script.applied().into_iter().map(command).collect();
        let expected: Vec<_> = entries(1, &[1, 1, 2, 3, 3]).into_iter().map(|entry| entry.command).collect();
        expect_eq("the applied commands", applied, expected, "four were saved before the crash, and one came after it");
    });
}

/// A command is any bytes: it is saved, read back, applied and sent again unchanged, whatever it holds and however
/// long it is.
#[test]
fn commands_survive_as_they_are_2c() {
    LAB.rule(&SAVED_LOG, |world| {
        let large = (0..=u8::MAX).cycle().take(20_000).collect();
        let commands = (0..=u8::MAX).map(|byte| vec![byte]).chain([vec![], (0..=u8::MAX).rev().collect(), large]);
        let entries: Vec<Entry> = commands.map(|command| entry(1, command)).collect();
        let last = entries.len() as Index;
        let script = ScriptedCluster::replicating(world, 3, boot);
        let leader = script.leader(1).in_term(1);
        let sent = leader.clone().with_entries(entries.clone()).send();
        sent.expect_agreement(last, "entries from index 1 on fit any log");
        script.expect_entries_on_disk(&entries, "these were sent, each with another command");

        script.restart();
        script.expect_entries_on_disk(&entries, "they were saved before the crash");
        leader.after(at(last, 1)).commit(last).send().expect_agreement(last, "its log was saved before the crash");
        thread::sleep(Duration::from_millis(1));
        let applied: Vec<Bytes> = script.applied().into_iter().map(command).collect();
        let saved: Vec<Bytes> = entries.iter().map(|entry| entry.command.clone()).collect();
        let wrong = (1..).zip(applied.iter().zip(&saved)).find(|(_, (applied, saved))| applied != saved);
        if let Some((index, (applied, saved))) = wrong {
            panic!("the command of entry {index} was {saved:?} before the crash, and {applied:?} is applied after it");
        }
        assert_eq!(applied.len(), saved.len(), "all entries are committed");

        let (_, heartbeats) = script.elect();
        let first = heartbeats.into_iter().find(|received| received.to == 2).expect("a heartbeat to server 2");
        first.retry_from(1);
        let mut held = 0;
        while held < last {
            let received = script.expect_append_to(2, "entries to server 2, which asks for all of them");
            let (prev, sent) = (received.append().prev.index, received.append().entries.clone());
            if prev == held && !sent.is_empty() {
                let why = format!("these are its entries from {} on", prev + 1);
                let right = &entries[prev as usize..][..sent.len()];
                expect_eq("the entries that are sent", sent.as_slice(), right, why);
                held += sent.len() as Index;
                received.agree();
            } else if prev > held {
                received.retry_from(held + 1);
            }
        }
    });
}

/// A restarted server uses its saved log when it grants votes and when it campaigns.
#[test]
fn the_logs_end_survives_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = server_with_a_log(world);
        script.restart();
        let candidate = |term, last_log| script.candidate(1).in_term(term).with_log_through(last_log).asks_for_vote();
        candidate(4, at(9, 2)).expect_no_vote("the voter's log ends at 4:3, in a later term");
        candidate(5, at(3, 3)).expect_no_vote("the voter's log ends at 4:3, and is longer");
        candidate(6, at(4, 3)).expect_vote("both logs end at 4:3");
        let (term, requests) = script.expect_campaign();
        assert_eq!(term, 7, "server 0 was in term 6");
        requests.into_iter().for_each(ReceivedRequest::deny);
    });
}

/// After a restart no entry is applied until a leader says that the entry is committed: an entry on
/// disk may still be replaced.
#[test]
fn commitment_is_relearned_2c() {
    LAB.rule(&COMMIT_FORGOTTEN, |world| {
        let script = server_with_a_log(world);
        let leader = script.leader(1).in_term(3).after(at(4, 3));
        leader.clone().commit(2).send();
        thread::sleep(Duration::from_millis(1));
        script.expect_applied_indices([1, 2], "the leader has said that two entries are committed");
        script.restart();
        thread::sleep(Duration::from_millis(100));
        script.expect_applied_indices([], "no leader has sent anything since the crash");
        leader.clone().commit(0).send();
        thread::sleep(Duration::from_millis(1));
        script.expect_applied_indices([], "the leader has not said that anything is committed");
        leader.commit(3).send();
        thread::sleep(Duration::from_millis(1));
        script.expect_applied_indices([1, 2, 3], "a restarted service has nothing, and needs every entry from 1 on");
    });
}

/// A server boots from any consistent disk, and booting does not change the disk.
#[test]
fn boots_change_nothing_2c() {
    LAB.rule(&REMEMBERS, |world| {
        let script = ScriptedCluster::replicating(world, 3, boot);
        for voted_for in [None, Some(0), Some(1), Some(2)] {
            let head = Head { ballot: Ballot { term: 4, voted_for }, base: LogPosition::ZERO };
            script.restart_from(&DiskState { head, entries: entries(1, &TERMS).into(), ..DiskState::default() });
            for boots in 2..=4 {
                script.restart();
                let why = format!("this is boot number {boots} from this disk, and booting changes nothing");
                expect_eq("the head on disk", script.disk().head, head, &why);
                script.expect_entries_on_disk(&entries(1, &TERMS), &why);
            }
            let answer = script.leader(1).in_term(4).after(at(4, 3)).send();
            answer.expect_agreement(4, "its log on disk ends at 4:3");
        }
    });
}

/// A disk with a head and the log of [`TERMS`].
fn whole_disk() -> DiskState {
    let head = Head { ballot: Ballot { term: 4, voted_for: Some(1) }, base: LogPosition::ZERO };
    DiskState { head, entries: entries(1, &TERMS).into(), ..DiskState::default() }
}

/// A server that cannot read its term and its vote refuses to boot: it might vote twice.
#[test]
fn a_damaged_head_is_refused_2c() {
    LAB.rule(&REMEMBERS, |world| {
        look_at(&REFUSES_TO_BOOT);
        let script = ScriptedCluster::replicating(world, 3, boot);
        let disk = whole_disk();
        script.expect_no_boot(&disk, |image| cut_short(&mut image.head), "the last byte of the head is missing");
        script.expect_no_boot(&disk, |image| lengthen(&mut image.head), "there is a byte after the head");
        script.expect_no_boot(&disk, |image| image.head = Bytes::default(), "the head is empty");
        script.restart_from(&disk);
        let candidate = script.candidate(1).in_term(4).with_log_through(at(4, 3));
        candidate.asks_for_vote().expect_vote("this disk is whole, and holds the vote for server 1 in term 4");
    });
}

/// A server that cannot read an entry of its log refuses to boot: it has agreed to this entry.
#[test]
fn a_damaged_entry_is_refused_2c() {
    LAB.rule(&REMEMBERS, |world| {
        look_at(&REFUSES_TO_BOOT);
        let script = ScriptedCluster::replicating(world, 3, boot);
        let disk = whole_disk();
        for slot in 0..TERMS.len() {
            let entry = format!("entry {}", slot + 1);
            let missing = format!("the last byte of {entry} is missing");
            script.expect_no_boot(&disk, |image| cut_short(&mut image.entries[slot]), missing);
            let more = format!("there is a byte after {entry}");
            script.expect_no_boot(&disk, |image| lengthen(&mut image.entries[slot]), more);
            let empty = format!("{entry} is empty");
            script.expect_no_boot(&disk, |image| image.entries[slot] = Bytes::default(), empty);
        }
        script.restart_from(&disk);
        let answer = script.leader(1).in_term(4).after(at(4, 3)).send();
        answer.expect_agreement(4, "this disk is whole, and its log ends at 4:3");
    });
}
