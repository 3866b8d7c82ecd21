//! The methods compared with each other and with brute force, on thousands of histories.

use std::collections::BTreeSet;
use std::ops::Range;

use kvkit::linear::generate::{Random, StoreFault, Values, Workload};
use kvkit::linear::{
    Budget, CheckError, Contradiction, ContradictionKind, History, Input, check, check_by_search,
    check_by_unique_values,
};

use crate::brute_force::first_broken;

/// How many histories of a size are generated: enough to try every mix of faults, values and lost
/// responses often, and few enough to take a second in total.
const SMALL_HISTORIES: u64 = 6_000;
const MIDDLING_HISTORIES: u64 = 400;
const LONG_HISTORIES: u64 = 150;

/// Brute force agrees with both methods on small histories, right and wrong, and on the moment at
/// which a wrong one became wrong.
#[test]
fn brute_force_agrees_on_small_histories() {
    brute_force_agrees(SMALL_HISTORIES, 5, 5..11);
}

/// The same on histories that are long enough for a write to be hidden and missed much later.
#[test]
fn brute_force_agrees_on_middling_histories() {
    brute_force_agrees(MIDDLING_HISTORIES, 4, 20..40);
}

fn brute_force_agrees(histories: u64, clients_max: u64, operations: Range<u64>) {
    let mut random = Random::new(1);
    let (mut sound, mut broken, mut unique) = (0, 0, 0);
    for seed in 0..histories {
        let workload = any_workload(&mut random, clients_max, operations.clone());
        let history = with_answers_mixed_up(workload.generate(seed), &mut random);
        let expected = first_broken(&history);
        *(if expected.is_some() { &mut broken } else { &mut sound }) += 1;

        let search = check_by_search(&history, Budget::default());
        assert_eq!(broken_at(search), expected, "the search on seed {seed}: {history:#?}");
        if let Some(verdict) = check_by_unique_values(&history) {
            unique += 1;
            assert_eq!(broken_at(verdict), expected, "unique values on seed {seed}: {history:#?}");
        }
    }
    assert!(sound > histories / 4, "vacuous: only {sound} histories were sound");
    assert!(broken > histories / 4, "vacuous: only {broken} histories were broken");
    assert!(unique > histories / 4, "vacuous: only {unique} histories had unique values");
}

/// The witness alone shows the contradiction: without the responses of all other operations the
/// history is still wrong, from the same moment on.
#[test]
fn the_witness_is_enough() {
    let mut random = Random::new(5);
    let (mut judged, mut sizes) = (0, BTreeSet::new());
    for seed in 0..SMALL_HISTORIES {
        let workload = Workload { values: Values::Unique, ..any_workload(&mut random, 5, 8..25) };
        let history = with_answers_mixed_up(workload.generate(seed), &mut random);
        let Some(Err(violation)) = check_by_unique_values(&history) else { continue };
        let found = contradiction(violation);
        let mut told = History::with_unit(history.time_unit());
        for (id, operation) in history.iter() {
            let copy = told.call(operation.client, &operation.key, operation.input.clone(), operation.called);
            if let Some(answer) = operation.response.as_ref().filter(|_| found.witness.contains(&id)) {
                told.returned(copy, &answer.value, answer.at);
            }
        }
        let verdict = check_by_search(&told, Budget::default());
        assert_eq!(broken_at(verdict), Some(found.at), "seed {seed}: {} {history:#?}", found.sentence);
        judged += 1;
        sizes.insert(found.witness.len());
    }
    assert!(judged > SMALL_HISTORIES / 4, "vacuous: only {judged} histories were broken");
    assert!(sizes.is_superset(&BTreeSet::from([1, 2, 3, 4])), "vacuous: all witnesses had one of the sizes {sizes:?}");
}

/// The two methods agree on histories that are too long for brute force.
#[test]
fn unique_values_and_search_agree() {
    let mut random = Random::new(2);
    let mut broken = 0;
    for seed in 0..LONG_HISTORIES {
        let workload = Workload { values: Values::Unique, ..any_workload(&mut random, 12, 50..250) };
        let history = with_answers_mixed_up(workload.generate(seed), &mut random);
        let unique = broken_at(check_by_unique_values(&history).expect("the values are unique"));
        let search = broken_at(check_by_search(&history, Budget::default()));
        assert_eq!(unique, search, "{workload:?} with seed {seed}");
        broken += u64::from(unique.is_some());
    }
    assert!(broken > LONG_HISTORIES / 4, "vacuous: only {broken} histories were broken");
    assert!(broken < LONG_HISTORIES * 9 / 10, "vacuous: {broken} histories were broken");
}

/// The histories of correct stores pass.
#[test]
fn a_sound_store_passes() {
    let mut random = Random::new(3);
    for seed in 0..LONG_HISTORIES {
        let workload = Workload { fault: None, keys: 3, ..any_workload(&mut random, 12, 50..250) };
        let verdict = check(&workload.generate(seed), Budget::default());
        assert_eq!(verdict, Ok(()), "{workload:?} with seed {seed}");
    }
}

/// A store's mistake is found, and named correctly.
#[test]
fn a_broken_store_is_found_out() {
    let kinds_of = |fault| match fault {
        StoreFault::StaleRead => &[ContradictionKind::StaleRead][..],
        // A later Append may be the first to show that the write is missing.
        StoreFault::LostWrite => &[ContradictionKind::LostWrite],
        StoreFault::DoubledWrite => &[ContradictionKind::DoubledWrite],
        // A client that has read the other order sees a fork.
        StoreFault::SwappedAppends => &[ContradictionKind::OutOfOrder, ContradictionKind::Forked],
        StoreFault::InventedValue => &[ContradictionKind::NeverWritten],
        StoreFault::SplitBrain => &[
            ContradictionKind::StaleRead,
            ContradictionKind::LostWrite,
            ContradictionKind::Forked,
            ContradictionKind::OutOfOrder,
            ContradictionKind::DoubledWrite,
        ],
    };
    for fault in StoreFault::ALL {
        let mut found = 0;
        for seed in 0..20 {
            let workload =
                Workload { clients: 4, operations: 120, puts_percent: 2, fault: Some(fault), ..Workload::default() };
            let Err(violation) = check(&workload.generate(seed), Budget::default()) else { continue };
            let kind = contradiction(violation).kind;
            assert!(kinds_of(fault).contains(&kind), "{fault:?} with seed {seed} must not be called {kind:?}");
            found += 1;
        }
        assert!(found >= 15, "{fault:?} was found in {found} of 20 histories only");
    }
}

/// The search needs few configurations for fifteen clients on one key. If it needs more than this, it
/// has lost one of the ideas that make it fast.
#[test]
fn the_search_stays_cheap() {
    // More operations than can be open at once, so that a slot that never becomes free is noticed.
    let workload = Workload { clients: 15, operations: 1_500, ..Workload::default() };
    for seed in 0..5 {
        let verdict = check_by_search(&workload.generate(seed), Budget { configurations_max: 5_000 });
        assert_eq!(verdict, Ok(()), "seed {seed}");
    }
}

fn any_workload(random: &mut Random, clients_max: u64, operations: Range<u64>) -> Workload {
    let puts_percent = [0, 5, 40][random.below(3) as usize];
    Workload {
        clients: 1 + random.below(clients_max),
        keys: 1,
        operations: (operations.start + random.below(operations.end - operations.start)) as usize,
        puts_percent,
        appends_percent: 20 + random.below(40),
        unanswered_percent: [0, 10][random.below(2) as usize],
        values: [Values::Unique, Values::Few(2)][random.below(2) as usize],
        fault: StoreFault::ALL.get(random.below(2 * StoreFault::ALL.len() as u64) as usize).copied(),
    }
}

/// Lets two Gets exchange their answers, or leaves the history as it is.
fn with_answers_mixed_up(history: History, random: &mut Random) -> History {
    let gets: Vec<usize> = history
        .iter()
        .filter(|(_, operation)| operation.input == Input::Get && operation.response.is_some())
        .map(|(id, _)| id.index())
        .collect();
    if gets.is_empty() || random.percent(40) {
        return history;
    }
    let mut any_get = || gets[random.below(gets.len() as u64) as usize];
    let (one, other) = (any_get(), any_get());
    let mut mixed = History::with_unit(history.time_unit());
    for (id, operation) in history.iter() {
        let source = match id.index() {
            index if index == one => other,
            index if index == other => one,
            index => index,
        };
        let copy = mixed.call(operation.client, &operation.key, operation.input.clone(), operation.called);
        let answers = (&operation.response, &history.operations()[source].response);
        if let (Some(own), Some(answer)) = answers {
            mixed.returned(copy, &answer.value, own.at);
        }
    }
    mixed
}

fn broken_at(verdict: Result<(), CheckError>) -> Option<u64> {
    verdict.err().map(|violation| contradiction(violation).at)
}

fn contradiction(violation: CheckError) -> Contradiction {
    match violation {
        CheckError::NotLinearizable(contradiction) => contradiction,
        undecided @ CheckError::Undecided { .. } => panic!("{undecided}"),
    }
}
