//! Each operation takes effect once, however often it stands in the log.

use testkit::rule::service::EXACTLY_ONCE;

use crate::lab::LAB;
use crate::preludes::{append, follower_after, lead, put, read};

/// A write that stands in the log again, early or late, changes nothing.
#[test]
fn copies_change_nothing_3a() {
    LAB.rule(&EXACTLY_ONCE, "copies_change_nothing_3a", |world| {
        let (first, second) = (append(0, 1, "k", "a"), append(0, 2, "k", "b"));
        let log = [first.clone(), first.clone(), second.clone(), first, second];
        let stage = follower_after(world, log);
        lead(&stage);
        assert_eq!(read(&stage, "k"), "ab", "the log says: append a, a again, append b, a again, b again");
    });
}

/// A late copy of a Put does not bring back what was written over.
#[test]
fn a_late_put_is_no_news_3a() {
    LAB.rule(&EXACTLY_ONCE, "a_late_put_is_no_news_3a", |world| {
        let log = [put(0, 1, "k", "old"), put(0, 2, "other", "x"), put(1, 1, "k", "new"), put(0, 1, "k", "old")];
        let stage = follower_after(world, log);
        lead(&stage);
        assert_eq!(read(&stage, "k"), "new", "client 0 wrote old before client 1 wrote new; a copy came after it");
    });
}

/// Clients count each for itself: a number that one has used is another's own.
#[test]
fn clients_count_apart_3a() {
    LAB.rule(&EXACTLY_ONCE, "clients_count_apart_3a", |world| {
        let log = [append(0, 5, "k", "a"), append(1, 5, "k", "b"), append(2, 1, "k", "c")];
        let stage = follower_after(world, log);
        lead(&stage);
        assert_eq!(read(&stage, "k"), "abc", "three clients have appended once each");
    });
}

/// A client is not forgotten because others have come since.
#[test]
fn no_session_is_dropped_3a() {
    LAB.rule(&EXACTLY_ONCE, "no_session_is_dropped_3a", |world| {
        const CLIENTS: u64 = 90;
        let each_once = (0..CLIENTS).map(|client| append(client, 1, "k", "x"));
        let stage = follower_after(world, each_once.chain([append(0, 1, "k", "x")]));
        lead(&stage);
        let value = read(&stage, "k");
        assert_eq!(value.len() as u64, CLIENTS, "{CLIENTS} clients have appended one x each; then came a copy");
    });
}
