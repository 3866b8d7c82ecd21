//! What commands add up to: the service alone, over a Raft that a script plays.

use testkit::rule::service::{EARNED, EXACTLY_ONCE, MAPPING, REPLICAS};
use testkit::script::{append, get, put};

use super::scripted_raft::Service;
use crate::lab::LAB;

/// The client that looks what the others have brought about.
const READER: u64 = 99;

/// Get reads a key, Put replaces it, Append extends it; a key that was never written is empty.
#[test]
fn get_put_append_3a() {
    LAB.rule(&MAPPING, |_| {
        let service = Service::new();
        assert_eq!(service.done(get(0, 1, "k")), "", "nobody has written the key yet");
        service.done(append(0, 2, "k", "a"));
        assert_eq!(service.done(get(0, 3, "k")), "a", "an Append to a key that was never written writes it");
        service.done(put(0, 4, "k", "b"));
        assert_eq!(service.done(get(0, 5, "k")), "b", "a Put replaces what was there");
        service.done(append(0, 6, "k", "c"));
        assert_eq!(service.done(get(0, 7, "k")), "bc", "an Append adds at the end");
        assert_eq!(service.done(get(0, 8, "other")), "", "another key is another key");
    });
}

/// A write that stands in the log again, early or late, changes nothing.
#[test]
fn copies_change_nothing_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        let service = Service::new();
        let (first, second) = (append(0, 1, "k", "a"), append(0, 2, "k", "b"));
        for request in [&first, &first, &second, &first, &second] {
            service.apply(request);
        }
        let value = service.done(get(READER, 1, "k"));
        assert_eq!(value, "ab", "the log says: append a, a again, append b, a again, b again");
    });
}

/// A late copy of a Put does not bring back what was written over.
#[test]
fn a_late_put_is_no_news_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        let service = Service::new();
        let late = put(0, 1, "k", "old");
        for request in [&late, &put(0, 2, "other", "x"), &put(1, 1, "k", "new"), &late] {
            service.apply(request);
        }
        let value = service.done(get(READER, 1, "k"));
        assert_eq!(value, "new", "client 0 wrote old before client 1 wrote new; a copy came after it");
    });
}

/// Clients count each for itself: a number that one has used is another's own.
#[test]
fn clients_count_apart_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        let service = Service::new();
        for request in [append(0, 5, "k", "a"), append(1, 5, "k", "b"), append(2, 1, "k", "c")] {
            service.apply(&request);
        }
        assert_eq!(service.done(get(READER, 1, "k")), "abc", "three clients have appended once each");
    });
}

/// A client is not forgotten because others have come since.
#[test]
fn no_session_is_dropped_3a() {
    LAB.rule(&EXACTLY_ONCE, |_| {
        const CLIENTS: u64 = 1000;
        let service = Service::new();
        (0..CLIENTS).for_each(|client| service.apply(&append(client, 1, "k", "x")));
        service.apply(&append(0, 1, "k", "x"));
        let length = service.done(get(CLIENTS, 1, "k")).len() as u64;
        assert_eq!(length, CLIENTS, "{CLIENTS} clients have appended one x each; then came a copy of the first");
    });
}

/// A Get that stands in the log twice is told what its key holds, the second time, too.
#[test]
fn a_copy_of_a_get_reads_3a() {
    LAB.rule(&EARNED, |_| {
        let service = Service::new();
        service.apply(&put(0, 1, "k", "v"));
        service.apply(&get(0, 2, "k"));
        service.settle(); // Nobody waits for this copy.
        let value = service.done(get(0, 2, "k"));
        assert_eq!(value, "v", "the first copy was applied when nobody waited for it; the client asks again");
    });
}

/// A server that has only followed so far holds all that was committed.
#[test]
fn followers_apply_3a() {
    LAB.rule(&REPLICAS, |_| {
        let service = Service::new();
        service.raft().stand(2, false);
        (1..=10).for_each(|nth| service.apply(&append(0, nth, "k", &nth.to_string())));
        service.settle();
        service.raft().stand(3, true);
        let value = service.done(get(READER, 1, "k"));
        assert_eq!(value, "12345678910", "ten Appends were committed while this server followed");
    });
}
