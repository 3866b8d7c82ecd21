//! The state that the commands in the log produce: the service alone, over a scripted Raft.

use testkit::rule::service::{EARNED, EXACTLY_ONCE, MAPPING, REPLICAS};
use testkit::script::{append, get, put};

use super::setup::{READER, service};
use crate::lab::LAB;

/// Get reads a key, Put replaces it, Append extends it. A key that was never written is empty.
#[test]
fn get_put_append_3a() {
    LAB.rule(&MAPPING, |_| {
        let service = service();
        service.expect_value(get(0, 1, "k"), "", "nobody has written the key yet");
        service.do_command(append(0, 2, "k", "a"));
        service.expect_value(get(0, 3, "k"), "a", "an Append to a key that was never written writes it");
        service.do_command(put(0, 4, "k", "b"));
        service.expect_value(get(0, 5, "k"), "b", "a Put replaces the value");
        service.do_command(append(0, 6, "k", "c"));
        service.expect_value(get(0, 7, "k"), "bc", "an Append adds to the end of the value");
        service.expect_value(get(0, 8, "other"), "", "the other key was never written");
    });
}

/// The empty string is a value, and a key, like any other.
#[test]
fn empty_strings_are_values_3a() {
    LAB.rule(&MAPPING, |_| {
        let service = service();
        service.do_command(put(0, 1, "k", "a"));
        service.do_command(put(0, 2, "k", ""));
        service.expect_value(get(0, 3, "k"), "", "a Put of the empty string replaces the value");
        service.do_command(append(0, 4, "k", ""));
        service.expect_value(get(0, 5, "k"), "", "an Append of nothing adds nothing");
        service.do_command(append(0, 6, "k", "b"));
        service.expect_value(get(0, 7, "k"), "b", "the value was empty, and b was added");
        service.do_command(put(0, 8, "", "c"));
        service.expect_value(get(0, 9, ""), "c", "the empty key was written");
        service.expect_value(get(0, 10, "k"), "b", "the empty key is another one");
        service.do_command(append(0, 11, "k", ""));
        service.expect_value(get(0, 12, "k"), "b", "an Append of nothing adds nothing");
    });
}

/// Names and numbers that differ only in their high bits, or only in their low ones.
const SIZES: [u64; 7] = [1, 2, 1 << 16 | 1, 1 << 32, 1 << 32 | 1, 1 << 63 | 1, u64::MAX];

/// Clients and operations are told apart by their whole names and numbers, however large these are.
#[test]
fn names_of_any_size_are_told_apart_3a() {
    LAB.rule(&EARNED, |_| {
        const HIGH: u64 = 1 << 32;
        let names = SIZES.windows(2).map(|pair| ((pair[0], 1), (pair[1], 1)));
        let numbers = SIZES.windows(2).map(|pair| ((1, pair[0]), (1, pair[1])));
        let both = [((1, 1), (1 + HIGH, 1)), ((1, 1 + HIGH), (2, 1)), ((HIGH, 2), (HIGH, 2 + HIGH))];
        for (one, other) in both.into_iter().chain(names).chain(numbers) {
            let (service, applied) = (service(), put(other.0, other.1, "k", "v"));
            let index = service.raft().push(&applied);
            let waiting = service.ask(get(one.0, one.1, "k"));
            service.commit(index, &applied);
            assert!(
                !waiting.is_finished(),
                "operation {} of client {} was applied, and operation {} of client {} is told a result",
                other.1,
                other.0,
                one.1,
                one.0
            );
            waiting.expect_no_result("its own command was never applied");
        }
    });
}

/// A second copy of a write changes nothing, whether it comes right after the first or much later.
#[test]
fn copies_change_nothing_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        let service = service();
        let (first, second) = (append(0, 1, "k", "a"), append(0, 2, "k", "b"));
        for request in [&first, &first, &second, &first, &second] {
            service.apply(request);
        }
        service.expect_value(get(READER, 1, "k"), "ab", "the log is: append a, a again, append b, a again, b again");
    });
}

/// A late copy of a Put does not bring an old value back.
#[test]
fn a_late_copy_of_a_put_changes_nothing_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        let service = service();
        let late = put(0, 1, "k", "old");
        for request in [&late, &put(0, 2, "other", "x"), &put(1, 1, "k", "new"), &late] {
            service.apply(request);
        }
        service.expect_value(
            get(READER, 1, "k"),
            "new",
            "client 0 wrote old, then client 1 wrote new, then came a copy of client 0's write",
        );
    });
}

/// Each client has its own numbers: two clients may use the same number.
#[test]
fn each_client_has_its_own_numbers_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        let service = service();
        for request in [append(0, 5, "k", "a"), append(1, 5, "k", "b"), append(2, 1, "k", "c")] {
            service.apply(&request);
        }
        service.expect_value(get(READER, 1, "k"), "abc", "three clients have appended once each");
    });
}

/// Two clients are two clients, and two operations two operations, if their names or numbers differ in any bit.
#[test]
fn names_and_numbers_of_all_sizes_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        let mut numbers = SIZES;
        numbers.sort_unstable();
        let service = service();
        let mut right = String::new();
        for number in numbers {
            for client in SIZES {
                service.apply(&append(client, number, "k", "x"));
                right.push('x');
            }
        }
        // Late copies of everything.
        for (client, number) in SIZES.into_iter().zip(numbers) {
            service.apply(&append(client, number, "k", "again"));
        }
        let why = format!("{} clients have appended {} times each", SIZES.len(), numbers.len());
        service.expect_value(get(READER, 1, "k"), &right, why);
    });
}

/// A client's session is kept, even after a thousand other clients.
#[test]
fn no_session_is_dropped_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        const CLIENTS: u64 = 1000;
        let service = service();
        (0..CLIENTS).for_each(|client| service.apply(&append(client, 1, "k", "x")));
        service.apply(&append(0, 1, "k", "x"));
        let length = service.do_command(get(CLIENTS, 1, "k")).len() as u64;
        assert_eq!(length, CLIENTS, "{CLIENTS} clients have appended one x each, then came a copy of the first");
    });
}

/// If a Get is in the log twice, a request that waits for the second copy gets the value, too.
#[test]
fn a_copy_of_a_get_reads_3a() {
    LAB.rule(&EARNED, |_| {
        let service = service();
        service.apply(&put(0, 1, "k", "v"));
        service.apply(&get(0, 2, "k"));
        service.let_threads_run(); // No client waits for this copy.
        service.expect_value(
            get(0, 2, "k"),
            "v",
            "the first copy was applied when no client waited for it, and the client asks again",
        );
    });
}

/// A follower applies everything that is committed, so it can read all of it when it becomes leader.
#[test]
fn followers_apply_3a() {
    LAB.rule(&REPLICAS, |_| {
        let service = service();
        service.raft().set_status(2, false);
        (1..=10).for_each(|nth| service.apply(&append(0, nth, "k", &nth.to_string())));
        service.let_threads_run();
        service.raft().set_status(3, true);
        service.expect_value(get(READER, 1, "k"), "12345678910", "ten Appends were applied while this server followed");
    });
}
