//! What is in a snapshot, and what becomes of it where it is taken in.

use std::panic;

use lab3b_kvsnap::snapshot;
use testkit::rule::service::{EARNED, LABEL, RESTORED, SESSIONS};
use testkit::script::{append, get, put};

use super::scripted_raft::Service;
use super::stores::store_of;
use crate::lab::LAB;

/// The client that looks what the others have brought about.
const READER: u64 = 99;

/// A snapshot holds the effect of exactly the entries that its index names, however far Raft is
/// ahead of the service.
#[test]
fn a_snapshot_is_what_it_says_3b() {
    LAB.rule(&LABEL, |_| {
        const COMMANDS: u64 = 300;
        let service = Service::new();
        let command = |index| append(0, index, "k", &format!("{index},"));
        (1..=COMMANDS).for_each(|index| service.apply(&command(index)));
        service.settle();
        let snapshots = service.snapshots();
        assert!(!snapshots.is_empty(), "the log has grown far beyond its limit, and no snapshot was taken");
        for (through, bytes) in snapshots {
            let (found, right) = (snapshot::decode(&bytes), store_of((1..=through).map(command)));
            assert!(found == right, "the snapshot through entry {through} is not the store after it, but {found:?}");
        }
    });
}

/// Who restores a snapshot knows which writes are done: a late copy of one is not done again.
#[test]
fn a_snapshot_knows_what_is_done_3b() {
    LAB.rule(&SESSIONS, |_| {
        let service = Service::new();
        service.install(2, &store_of([append(0, 1, "k", "a"), append(0, 2, "k", "b")]));
        service.apply(&append(0, 2, "k", "b"));
        assert_eq!(service.done(get(READER, 1, "k")), "ab", "entry 3 is a copy of a write that the snapshot holds");
    });
}

/// A snapshot replaces which writes are done as well, where there was a store before.
#[test]
fn a_snapshot_replaces_the_sessions_3b() {
    LAB.rule(&SESSIONS, |_| {
        let service = Service::new();
        let write = |nth| append(0, nth, "k", &nth.to_string());
        service.apply(&write(1));
        service.install(3, &store_of((1..=3).map(write)));
        service.apply(&write(3));
        service.apply(&write(2));
        let value = service.done(get(READER, 1, "k"));
        assert_eq!(value, "123", "entry 1 was applied, then came a snapshot through entry 3, then copies of 3 and 2");
    });
}

/// A snapshot takes the place of the store, and the entries right behind it are applied to it; and
/// so does the next one.
#[test]
fn a_snapshot_takes_the_place_of_the_store_3b() {
    LAB.rule(&RESTORED, |_| {
        let service = Service::new();
        let write = |nth| append(0, nth, "k", &format!("{nth},"));
        service.apply(&write(1));
        for through in [4, 8] {
            service.install(through, &store_of((1..=through).map(write)));
            service.apply(&write(through + 1));
        }
        let value = service.done(get(READER, 1, "k"));
        assert_eq!(value, "1,2,3,4,5,6,7,8,9,", "after entry 9: entries 2 to 4 and 6 to 8 came in snapshots");
    });
}

/// A snapshot that cannot be read is the end of this server: the log no longer holds what it stands
/// for.
#[test]
fn a_damaged_snapshot_is_the_end_3b() {
    LAB.rule(&RESTORED, |_| {
        let whole = snapshot::encode(&store_of([append(0, 1, "k", "a")]));
        let damaged = &whole[..whole.len() - 1];
        let outcome = panic::catch_unwind(|| snapshot::decode(damaged));
        assert!(
            outcome.is_err(),
            "the last byte of a snapshot is missing, and decode makes {outcome:?} of it; there is nothing to go on \
             with, and it is to panic"
        );
    });
}

/// A Get whose first copy a snapshot covers is told what its key holds when the client asks again.
#[test]
fn a_covered_get_is_read_again_3b() {
    LAB.rule(&EARNED, |_| {
        let service = Service::new();
        service.install(2, &store_of([put(0, 1, "k", "v"), get(0, 2, "k")]));
        service.settle(); // Nobody waits when it comes.
        let value = service.done(get(0, 2, "k"));
        assert_eq!(value, "v", "the answer to the first copy was lost; the second is applied after the snapshot");
    });
}

/// A snapshot tells nobody of success whose write it does not hold, nor anybody who reads.
#[test]
fn a_snapshot_answers_no_others_3b() {
    LAB.rule(&EARNED, |_| {
        let service = Service::new();
        let (write, read) = (service.ask(put(0, 1, "k", "lost")), service.ask(get(1, 1, "k")));
        service.settle();
        service.install(9, &store_of([put(2, 1, "k", "v")]));
        for (what, asked) in [("a Put that is not in the snapshot", write), ("a Get", read)] {
            let told = asked.join().expect("a request ends with an answer");
            assert!(!matches!(told, Some(Ok(_))), "{what} waited when a snapshot came, and is told {told:?}");
        }
    });
}
