//! The linearizability checker: what it accepts, what it rejects, and its messages.

#[path = "linear/agreement.rs"]
mod agreement;
#[path = "linear/brute_force.rs"]
mod brute_force;
#[path = "linear/drawing.rs"]
mod drawing;
#[path = "linear/limits.rs"]
mod limits;
#[path = "linear/stale.rs"]
mod stale;
#[path = "linear/text.rs"]
mod text;

use kvkit::linear::{Budget, CheckError, Contradiction, ContradictionKind, check, check_by_search};

use drawing::drawn;

/// Asserts that both methods and brute force accept a history.
#[track_caller]
fn assert_sound(drawing: &str) {
    let history = drawn(drawing);
    assert_eq!(check(&history, Budget::default()), Ok(()));
    assert_eq!(check_by_search(&history, Budget::default()), Ok(()));
    assert!(brute_force::explains(&history, u64::MAX));
}

/// The contradiction in a wrong history. Both methods and brute force must find it at the same time.
#[track_caller]
fn broken(drawing: &str) -> Contradiction {
    let history = drawn(drawing);
    let found = contradiction(check(&history, Budget::default()));
    let searched = contradiction(check_by_search(&history, Budget::default()));
    assert_eq!(found.at, searched.at, "{}\n{}", found.sentence, searched.sentence);
    assert_eq!(Some(found.at), brute_force::first_broken(&history), "{}", found.sentence);
    found
}

#[track_caller]
fn contradiction(verdict: Result<(), CheckError>) -> Contradiction {
    match verdict {
        Err(CheckError::NotLinearizable(contradiction)) => contradiction,
        other => panic!("the history is broken, but the verdict is {other:?}"),
    }
}

/// The lines of the drawing that the witness consists of.
fn witness(contradiction: &Contradiction) -> Vec<usize> {
    contradiction.witness.iter().map(|id| id.index()).collect()
}

/// Operations that overlap may have happened in either order.
#[test]
fn overlapping_writes_may_happen_in_either_order() {
    assert_sound(
        "1 append a   |-----|
         2 append b     |-----|
         3 get ba               |-|",
    );
    assert_sound(
        "1 append a   |-----|
         2 append b     |-----|
         3 get ab               |-|",
    );
}

/// An operation that returns in the same instant in which another is called overlaps with it.
#[test]
fn touching_is_overlapping() {
    assert_sound(
        "1 append a   |---|
         2 get -          |---|",
    );
}

/// A write without a response may happen late or never; a Get without one is ignored.
#[test]
fn what_never_returned_may_have_happened_or_not() {
    assert_sound(
        "1 append a   |---
         2 get -            |---|
         3 get b               |-------",
    );
    assert_sound(
        "1 append a   |---
         2 get -            |---|
         2 put c                  |---|
         2 get ca                       |---|",
    );
    let twice = broken(
        "1 append a   |---
         2 get a            |---|
         2 put c                  |---|
         2 get ca                       |---|",
    );
    assert_eq!((twice.kind, witness(&twice)), (ContradictionKind::DoubledWrite, vec![1, 3, 0]));
}

/// A value that shows a write twice is wrong, unless two clients wrote it.
#[test]
fn a_doubled_write() {
    let doubled = broken(
        "1 append a   |---|
         2 get aa           |---|",
    );
    assert_eq!(
        doubled.sentence,
        "Doubled write to key \"x\": client 2's Get that returned \"aa\" (0.019 s to 0.023 s) shows client 1's Append of \
         \"a\" (0.013 s to 0.017 s) twice; a write must take effect once, even if it is sent several times."
    );
    assert_sound(
        "1 append a   |---|
         3 append a     |-------|
         2 get aa           |---|",
    );
}

/// A doubled write is reported even if another Get shows it only once.
#[test]
fn a_doubled_write_that_others_saw_once() {
    let doubled = broken(
        "1 append a   |---|
         1 append b         |---|
         2 get ab                 |---|
         3 get aa                 |----|",
    );
    assert_eq!((doubled.kind, witness(&doubled)), (ContradictionKind::DoubledWrite, vec![3, 0]));
}

/// A Get cannot return a value that no client writes, or one that is written only later.
#[test]
fn a_value_that_was_never_written() {
    let invented = broken(
        "1 append a   |---|
         2 get ac           |---|
         3 append c               |---|",
    );
    assert_eq!(
        invented.sentence,
        "A value that was never written to key \"x\": client 2's Get that returned \"ac\" (0.019 s to 0.023 s) has \
         \"c\" from byte 1 on, which no client had written; a Get must return only what Puts and Appends have written."
    );
    assert_eq!((invented.kind, witness(&invented)), (ContradictionKind::NeverWritten, vec![1]));
    assert_sound(
        "1 append a   |---|
         2 get ac           |---|
         3 append c           |---|",
    );
}

/// A Put replaces the value, and an Append does not.
#[test]
fn a_put_that_was_appended() {
    let appended = broken(
        "1 append a   |---|
         2 put b            |---|
         3 get ab                 |---|",
    );
    assert_eq!(
        appended.sentence,
        "A Put that did not replace the value of key \"x\": client 3's Get that returned \"ab\" (0.025 s to 0.029 s) \
         shows client 2's Put of \"b\" (0.019 s to 0.023 s) added to an older value; a Put must replace the whole value."
    );
    assert_eq!((appended.kind, witness(&appended)), (ContradictionKind::PutAppended, vec![2, 1]));
    assert_sound(
        "1 put a      |---|
         2 append b         |---|
         3 get ab                 |---|",
    );
}

/// A value cannot grow in two ways, even while both writes are open.
#[test]
fn a_forked_value() {
    let forked = broken(
        "1 append a   |-----------------|
         2 append b   |-----------------|
         3 get a        |---|
         4 get b          |---|",
    );
    assert_eq!(
        forked.sentence,
        "Forked value of key \"x\": client 4's Get that returned \"b\" (0.017 s to 0.021 s) and client 3's Get that \
         returned \"a\" (0.015 s to 0.019 s) agree on 0 bytes, but then one goes on with \"b\" and the other with \"a\"; all \
         clients must see the same writes in the same order."
    );
    assert_eq!(forked.kind, ContradictionKind::Forked);
    assert_sound(
        "1 append a   |-----------------|
         2 append b   |-----------------|
         3 get a        |---|
         4 get ab         |---|",
    );
}

/// A write that had returned before another was called takes effect before it.
#[test]
fn writes_out_of_order() {
    let swapped = broken(
        "1 append a   |---|
         2 append b         |---|
         3 get ba                 |---|",
    );
    assert_eq!(
        swapped.sentence,
        "Writes out of order on key \"x\": client 2's Append of \"b\" (0.019 s to 0.023 s) was called after client 1's \
         Append of \"a\" (0.013 s to 0.017 s) had returned, but client 3's Get that returned \"ba\" (0.025 s to 0.029 s) \
         shows them the other way round; a write that is called after another has returned must take effect after it."
    );
    assert_eq!((swapped.kind, witness(&swapped)), (ContradictionKind::OutOfOrder, vec![1, 0, 2]));
}

/// If values are not unique, the error names the Get that no order explains.
#[test]
fn a_get_that_no_order_explains() {
    let unexplained = broken(
        "1 put a   |---|
         2 put b         |---|
         1 put a         |---|
         3 get a               |---|
         3 get b                     |---|
         3 get a                           |---|",
    );
    assert_eq!(
        unexplained.sentence,
        "No order explains key \"x\": client 3's Get that returned \"b\" (0.028 s to 0.032 s) fits no order; when it \
         returned, the key had \"a\" or a value that no Get ever returned; one order of all operations must explain every answer."
    );
    assert_eq!((unexplained.kind, witness(&unexplained)), (ContradictionKind::NoOrder, vec![4]));
    assert_sound(
        "1 put a   |---|
         2 put b         |---------------|
         1 put a         |---|
         3 get a               |---|
         3 get b                     |---|",
    );
}

/// Values are not unique if one begins with another: `ab` may have been written in one piece or in two.
#[test]
fn values_that_begin_with_another_are_searched() {
    assert_sound(
        "1 append ab   |---|
         2 put a             |---|
         3 append b                |---|
         4 get ab                        |---|",
    );
    assert_sound(
        "1 get -   |---|
         2 put -         |---|
         3 get -               |---|",
    );
}

/// Each key has its own order, and of two wrong keys the one that was wrong first is reported.
#[test]
fn keys_are_checked_apart() {
    let history = drawn(
        "1 put k a   |---|
         2 put l a   |---|
         3 get k -               |---|
         4 get l -         |---|",
    );
    let first = contradiction(check(&history, Budget::default()));
    assert_eq!((first.key.as_str(), first.kind, first.at), ("l", ContradictionKind::LostWrite, 22_000_000));
    let history = drawn(
        "1 put k a   |---|
         2 get l -         |---|",
    );
    assert_eq!(check(&history, Budget::default()), Ok(()));
}
