//! Clients that read old values: stale reads and lost writes.

use kvkit::linear::ContradictionKind;

use crate::{assert_sound, broken, witness};

/// A Get is stale if it misses a write that another Get returned before it was called.
#[test]
fn a_get_that_misses_a_write_that_others_saw_is_stale() {
    let stale = broken(
        "1 append a   |---|
         2 append b         |---|
         3 get ab             |----|
         4 get a                  |---|",
    );
    assert_eq!(
        stale.sentence,
        "Stale read of key \"x\": client 4's Get that returned \"a\" (0.025 s to 0.029 s) was called after client 2's \
         Append of \"b\" (0.019 s to 0.023 s) had returned, but returned the value from before that Append, as \
         client 3's Get that returned \"ab\" (0.021 s to 0.026 s) shows; a Get must return the value that the key had when it was called, or a newer one."
    );
    assert_eq!((stale.kind, witness(&stale)), (ContradictionKind::StaleRead, vec![3, 1, 2]));
    assert_sound(
        "1 append a   |---|
         2 append b         |---|
         3 get ab             |----|
         4 get a               |---|",
    );
}

/// After one Get has returned a value, a later Get cannot return an older one, even while the write is open.
#[test]
fn a_get_that_misses_what_an_earlier_get_saw_is_stale() {
    let stale = broken(
        "1 append a   |-----------------|
         2 get a       |---|
         3 get -             |---|",
    );
    assert!(stale.sentence.contains("had returned, but lacks its last part, \"a\""), "{}", stale.sentence);
    assert_eq!((stale.kind, witness(&stale)), (ContradictionKind::StaleRead, vec![2, 1]));
    assert_sound(
        "1 append a   |-----------------|
         2 get a           |---|
         3 get -             |---|",
    );
}

/// A value that was replaced cannot come back, even while the write that replaced it is open.
#[test]
fn a_value_that_comes_back_is_stale() {
    let stale = broken(
        "1 put a   |---|
         2 put b   |---------------------------|
         3 get a         |---|
         3 get b               |---|
         3 get a                     |---|",
    );
    assert_eq!((stale.kind, witness(&stale)), (ContradictionKind::StaleRead, vec![4, 3, 0]));
    assert_sound(
        "1 put a   |---|
         2 put b   |---------------------------|
         3 get a         |---|
         3 get b               |---|
         3 get b                     |---|",
    );
}

/// The initial value is the oldest, whatever the order of the calls.
#[test]
fn the_initial_value_cannot_come_back() {
    let stale = broken(
        "1 put b   |------------------------------|
         2 get b    |-|
         3 get -        |------------|
         4 get b          |-|",
    );
    assert_eq!((stale.kind, witness(&stale)), (ContradictionKind::StaleRead, vec![2, 1]));
}

/// Either of two overlapping Puts may be the last, but not both.
#[test]
fn two_puts_cannot_both_be_the_last() {
    let stale = broken(
        "1 put a   |---|
         2 put b   |---|
         3 get a         |---|
         4 get b               |---|",
    );
    assert_eq!(
        stale.sentence,
        "Stale read of key \"x\": client 4's Get that returned \"b\" (0.022 s to 0.026 s) was called after client 1's \
         Put of \"a\" (0.010 s to 0.014 s) had returned, but returned an older value: client 3's Get that returned \"a\" \
         (0.016 s to 0.020 s) was called after client 2's Put of \"b\" (0.010 s to 0.014 s) had returned; a Get must return \
         the value that the key had when it was called, or a newer one."
    );
    assert_eq!((stale.kind, witness(&stale)), (ContradictionKind::StaleRead, vec![3, 0, 2, 1]));
}

/// A write that returned but that no Get ever shows is lost.
#[test]
fn a_write_that_returned_and_left_no_trace_is_lost() {
    let lost = broken(
        "1 put a      |---|
         2 append b         |---|
         3 get a                  |---|",
    );
    assert_eq!(
        lost.sentence,
        "Lost write to key \"x\": client 3's Get that returned \"a\" (0.025 s to 0.029 s) was called after client 2's \
         Append of \"b\" (0.019 s to 0.023 s) had returned, but returned an older value: that Append was called after \
         client 1's Put of \"a\" (0.013 s to 0.017 s) had returned; once a write has returned, every later operation must \
         see it."
    );
    assert_eq!((lost.kind, witness(&lost)), (ContradictionKind::LostWrite, vec![2, 1, 0]));
    // It overlaps the Put, which may have replaced it.
    assert_sound(
        "1 put a      |-----|
         2 append b       |---|
         3 get a                |---|",
    );
}

/// A later Append can show that a write was lost.
#[test]
fn an_append_that_skips_a_write_shows_that_it_was_lost() {
    let lost = broken(
        "1 append a   |---|
         2 append b         |---|
         3 append c               |---|
         4 get ac     |------------------|",
    );
    assert_eq!(
        lost.sentence,
        "Lost write to key \"x\": client 3's Append of \"c\" (0.025 s to 0.029 s) was called after client 2's Append of \
         \"b\" (0.019 s to 0.023 s) had returned, but was added to an older value, as can be seen from client 4's Get \
         that returned \"ac\" (0.013 s to 0.032 s); once a write has returned, every later operation must see it."
    );
    assert_eq!((lost.kind, witness(&lost)), (ContradictionKind::LostWrite, vec![2, 1, 3]));
}

/// The same with the initial value, which a later Put must have replaced.
#[test]
fn an_append_to_the_initial_value_shows_that_a_put_was_lost() {
    let lost = broken(
        "1 put b      |---|
         2 append a         |-----------|
         3 get a        |-----------|",
    );
    assert_eq!((lost.kind, witness(&lost)), (ContradictionKind::LostWrite, vec![1, 0, 2]));
    assert_sound(
        "1 put b      |-----|
         2 append a         |-----------|
         3 get a        |-----------|",
    );
}
