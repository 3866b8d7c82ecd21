//! What a snapshot holds, and what a service does with one that it receives.

use std::panic;
use std::time::Duration;

use testkit::rule::service::{EARNED, LABEL, RESTORED, SESSIONS};
use testkit::script::{TakenSnapshot, append, get, put};

use super::setup::{READER, read_after_copy, service, service_with_disk, snapshot_of};
use crate::lab::{LAB, RAFT_STATE_BYTES_MAX, state};

/// A snapshot holds the effect of exactly the entries through its index, however far Raft is ahead of
/// the service.
#[test]
fn a_snapshot_holds_exactly_its_entries_3b() {
    LAB.rule(&LABEL, |_| {
        const COMMANDS: u64 = 300;
        let service = service();
        let command = |index| append(0, index, "k", &format!("{index},"));
        (1..=COMMANDS).for_each(|index| service.apply(&command(index)));
        service.let_threads_run();
        let snapshots = service.raft().snapshots();
        assert!(!snapshots.is_empty(), "the log has grown far beyond its limit, and no snapshot was taken");
        for TakenSnapshot { through, snapshot, .. } in snapshots {
            let right: String = (1..=through).map(|index| format!("{index},")).collect();
            let found = read_after_copy(&snapshot, &command(through), "k");
            assert_eq!(found, right, "the snapshot through entry {through} is not the store after it");
        }
    });
}

/// A service that has restored a snapshot knows which writes are done: it does not repeat one when a
/// late copy comes.
#[test]
fn a_restored_store_knows_old_writes_3b() {
    LAB.rule(&SESSIONS, |_| {
        let service = service();
        service.install(2, snapshot_of([append(0, 1, "k", "a"), append(0, 2, "k", "b")]));
        service.apply(&append(0, 2, "k", "b"));
        service.expect_value(get(READER, 1, "k"), "ab", "entry 3 is a copy of a write that the snapshot holds");
    });
}

/// A snapshot also replaces what the service knew of finished writes.
#[test]
fn a_snapshot_replaces_the_sessions_3b() {
    LAB.rule(&SESSIONS, |_| {
        let service = service();
        let write = |nth| append(0, nth, "k", &nth.to_string());
        service.apply(&write(1));
        service.install(3, snapshot_of((1..=3).map(write)));
        service.apply(&write(3));
        service.apply(&write(2));
        service.expect_value(
            get(READER, 1, "k"),
            "123",
            "entry 1 was applied, then a snapshot through entry 3, then copies of writes 3 and 2",
        );
    });
}

/// A snapshot replaces the store, and the entries after it are applied to the new one. So does the
/// next snapshot.
#[test]
fn an_installed_snapshot_replaces_the_store_3b() {
    LAB.rule(&RESTORED, |_| {
        let service = service();
        let write = |nth| append(0, nth, "k", &format!("{nth},"));
        service.apply(&write(1));
        for through in [4, 8] {
            service.install(through, snapshot_of((1..=through).map(write)));
            service.apply(&write(through + 1));
        }
        service.expect_value(
            get(READER, 1, "k"),
            "1,2,3,4,5,6,7,8,9,",
            "nine Appends, of which 2 to 4 and 6 to 8 came in snapshots",
        );
    });
}

/// Keys and values that a text format would have to escape, or that it might take for its own.
const STRINGS: [&str; 20] = [
    "",
    "=",
    "a=b",
    "a",
    ":",
    ",",
    ";",
    "\n",
    "a\nb=c",
    "\r\n",
    "\t",
    " ",
    "\"",
    "'",
    "\\n",
    "%3D",
    "\0",
    "a\0b",
    "é€🦀",
    "\u{feff}end",
];

/// Keys and values are any strings: a snapshot brings all of them back, and keeps them apart. So does a snapshot of
/// the store that it restored.
#[test]
fn any_strings_survive_a_cut_3b() {
    LAB.rule(&RESTORED, |world| {
        let (service, persister) = service_with_disk(Duration::ZERO);
        let long = "=\n\"é\0".repeat(1000);
        let strings: Vec<&str> = STRINGS.into_iter().chain([long.as_str()]).collect();
        let value_of = |nth: usize, round: usize| strings[(nth + round) % strings.len()];
        for round in 1..=2 {
            for (nth, key) in strings.iter().enumerate() {
                let sequence = round * strings.len() + nth;
                service.apply(&put(0, sequence as u64, key, value_of(nth, round)));
            }
            // A large command is cut as soon as it is applied, with all before it.
            let last = put(1, round as u64, "large", &"x".repeat(3 * RAFT_STATE_BYTES_MAX));
            service.apply(&last);
            service.let_threads_run();
            let snapshot = persister.image().map(|image| image.snapshot).unwrap_or_default();
            world.assert_covered("a snapshot", !snapshot.is_empty());
            for (nth, key) in strings.iter().enumerate() {
                let right = value_of(nth, round);
                let found = read_after_copy(&snapshot, &last, key);
                assert!(
                    found == right,
                    "{right:.40?} was put at key {key:.40?}; a store that is restored from the snapshot has {found:.40?} there"
                );
            }
            // What follows begins with the restored store.
            service.install(service.raft().last_index() + 1, snapshot);
        }
    });
}

/// A snapshot that cannot be read stops the server: the log no longer holds the entries that it covers.
#[test]
fn a_damaged_snapshot_stops_the_server_3b() {
    LAB.rule(&RESTORED, |_| {
        let copy = append(0, 1, "k", "a");
        let whole = snapshot_of([copy.clone()]);
        assert_eq!(read_after_copy(&whole, &copy, "k"), "a", "this snapshot is whole, and holds an Append of a");
        for length in 0..whole.len() {
            let outcome = panic::catch_unwind(|| drop(state(Some(&whole[..length]))));
            assert!(
                outcome.is_err(),
                "only {length} of a snapshot's {} bytes are left, and the service restores it; it must panic, because \
                 nothing can replace the snapshot",
                whole.len()
            );
        }
    });
}

/// A Get whose first copy is covered by a snapshot is told the value of its key when the client asks again.
#[test]
fn a_covered_get_is_read_again_3b() {
    LAB.rule(&EARNED, |_| {
        let service = service();
        service.install(2, snapshot_of([put(0, 1, "k", "v"), get(0, 2, "k")]));
        service.let_threads_run(); // No client waits when it comes.
        service.expect_value(
            get(0, 2, "k"),
            "v",
            "the answer to the first copy was lost, and the second is applied after the snapshot",
        );
    });
}

/// A snapshot answers only requests for writes that it holds: no other write, and no Get.
#[test]
fn a_snapshot_answers_only_its_own_writes_3b() {
    LAB.rule(&EARNED, |_| {
        service().expect_work();
        let service = service();
        let (write, read) = (service.ask(put(0, 1, "k", "lost")), service.ask(get(1, 1, "k")));
        service.install(9, snapshot_of([put(2, 1, "k", "v")]));
        write.expect_no_result("the snapshot that came while it waited does not hold this Put");
        read.expect_no_result("a Get is done only when its own command is applied");
    });
}
