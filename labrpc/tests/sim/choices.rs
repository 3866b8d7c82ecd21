//! Random decisions are drawn by name, and can be made calm one by one.

use std::collections::{BTreeMap, BTreeSet};

use labrpc::sim::{self, Choice, Keep, Kind, Name, Preemption, Settings, draw};
use labrpc::thread;
use labrpc::time::Instant;

use crate::traffic;
use crate::worlds::{MS, POLICIES, calmly};

fn only(names: impl IntoIterator<Item = Name>) -> Keep {
    Keep::Only(names.into_iter().map(Name::id).collect())
}

fn names(choices: &[Choice]) -> BTreeSet<Name> {
    choices.iter().map(|choice| choice.name).collect()
}

/// The choices that are missing from another run, or that happened at another time there. Times that
/// differ only by the 100 ns of some operations count as the same.
fn changed<'a>(before: &'a [Choice], after: &[Choice]) -> Vec<&'a Choice> {
    let after: BTreeMap<Name, Instant> = after.iter().map(|choice| (choice.name, choice.at)).collect();
    let is_same = |then: Instant, now: Instant| now.max(then) - now.min(then) < MS;
    before.iter().filter(|was| !after.get(&was.name).is_some_and(|&at| is_same(was.at, at))).collect()
}

/// The random bits of a decision are the same on every machine, so a replay token works everywhere.
#[test]
fn draws_are_the_same_on_every_machine() {
    assert_eq!(draw(1, Name::new(Kind::Delay, 2, 3)), 13_010_491_189_060_767_372);
    assert_eq!(draw(u64::MAX, Name::new(Kind::Seed, u64::MAX, 0)), 2_724_105_138_029_701_431);
}

/// A decision does not depend on earlier decisions.
#[test]
fn a_decision_depends_on_its_name_alone() {
    let decide = |when| sim::decide(Name::new(Kind::Workload, 1, when), 0, |bits| bits);
    let forwards = calmly(|| (0..10).map(decide).collect::<Vec<_>>());
    let mut backwards = calmly(|| (0..10).rev().map(decide).collect::<Vec<_>>());
    backwards.reverse();
    assert_eq!(forwards, backwards);
}

/// A decision is wild if the keep-set holds its name, and calm otherwise.
#[test]
fn the_keep_set_decides_what_is_wild() {
    let name = |when| Name::new(Kind::Fault, 7, when);
    let settings = Settings { keep: only([name(1)]), is_recording: true, ..Settings::default() };
    let (values, report) = sim::run(settings, || [0, 1, 2].map(|when| sim::decide(name(when), "calm", |_| "wild")));
    assert_eq!(values.unwrap(), ["calm", "wild", "calm"]);
    assert_eq!(names(&report.choices), BTreeSet::from([name(1)]));
    assert_eq!(report.decisions, 3);
}

/// A decision that is calm by chance is not recorded as a choice.
#[test]
fn a_calm_draw_is_not_recorded_as_a_choice() {
    let settings = Settings { is_recording: true, ..Settings::default() };
    let name = Name::new(Kind::Fault, 7, 0);
    let (_, report) = sim::run(settings, || sim::decide(name, "calm", |_| "calm"));
    assert!(report.choices.is_empty() && report.decisions == 1);
}

/// Seeds of further randomness have no calm value: an empty keep-set does not change them.
#[test]
fn seeds_have_no_calm_value() {
    let seeds = |keep| sim::run(Settings { keep, ..Settings::default() }, || sim::seed_of(1, 2)).0.unwrap();
    assert_eq!(seeds(Keep::All), seeds(only([])));
    assert_ne!(calmly(|| sim::seed_of(1, 2)), calmly(|| sim::seed_of(1, 3)));
}

/// A run that is dealt anew from a time on is the same until then. Afterwards another seed decides, and no decision is
/// calm because of the keep-set.
#[test]
fn dealing_anew_changes_only_what_comes_later() {
    let from = Instant::ZERO + 4000 * MS;
    for keep in [Keep::All, only([])] {
        let settings = Settings { keep, is_recording: true, ..Settings::default() };
        let until = |choices: &[Choice]| choices.iter().filter(|choice| choice.at <= from).copied().collect::<Vec<_>>();
        let (usual, _) = traffic::run(settings.clone());
        let anew = |seed| traffic::run(Settings { redeal: Some((from, seed)), ..settings.clone() }).0;
        let (one, other) = (anew(2), anew(3));
        assert_eq!(until(&one.choices), until(&usual.choices));
        assert!(one.choices.len() > until(&one.choices).len() + 500, "later decisions are wild");
        assert_ne!(one.choices, other.choices);
        assert_eq!(one.trace, anew(2).trace);
    }
}

/// Seeds of further randomness are drawn anew as well.
#[test]
fn dealing_anew_changes_seeds() {
    let seeds = |redeal| {
        let draw = || [0, 1].map(|_| (sim::seed_of(1, 2), thread::sleep(MS)).0);
        sim::run(Settings { redeal, ..Settings::default() }, draw).0.unwrap()
    };
    let (usual, anew) = (seeds(None), seeds(Some((Instant::ZERO + MS / 2, 9))));
    assert_eq!(usual[0], anew[0]);
    assert_ne!(usual[1], anew[1]);
}

/// Keeping exactly the recorded wild decisions makes the same run.
#[test]
fn keeping_all_recorded_choices_replays_the_run() {
    for preemption in POLICIES {
        let settings = Settings { preemption, is_recording: true, ..Settings::default() };
        let (whole, journals) = traffic::run(settings.clone());
        let keep = only(names(&whole.choices));
        let (replayed, replayed_journals) = traffic::run(Settings { keep, ..settings });
        assert_eq!(whole.trace, replayed.trace, "{preemption:?}");
        assert_eq!(whole.choices, replayed.choices, "{preemption:?}");
        assert_eq!(journals, replayed_journals, "{preemption:?}");
    }
}

/// With an empty keep-set the seed makes no difference: no loss, no copies, the shortest delays, and
/// every thread runs until it blocks.
#[test]
fn a_calm_run_is_the_same_for_every_seed() {
    for preemption in POLICIES {
        let calm = |seed| traffic::run(Settings { seed, keep: only([]), preemption, ..Settings::default() });
        let ((first, journals), (second, _)) = (calm(1), calm(2));
        assert_eq!(first.trace, second.trace, "{preemption:?}");
        // Each of 3 servers gets requests and replies from 2 others, in 100 rounds.
        assert!(journals.iter().all(|journal| journal.len() == 400), "{preemption:?}: a message was lost or doubled");
    }
}

/// Calming one decision changes no other decisions but the dependent ones: those about the reply to a
/// message that now arrives at another time, or not at all.
#[test]
fn calming_one_decision_changes_only_dependent_ones() {
    /// The calmed one, and the dependent ones: delays, losses and copies of the reply to a request and
    /// of the reply to its copy.
    const CHANGED_MAX: usize = 9;
    let settings = Settings { is_recording: true, ..Settings::default() };
    let (whole, _) = traffic::run(settings.clone());
    let all = names(&whole.choices);
    assert!(all.len() > 1000, "the network is bad enough: {} choices", all.len());
    for calmed in all.iter().copied().step_by(40) {
        let keep = only(all.iter().copied().filter(|&name| name != calmed));
        let (report, _) = traffic::run(Settings { keep, ..settings.clone() });
        assert!(names(&report.choices).is_subset(&all), "a keep-set makes no new choices");
        let changed = changed(&whole.choices, &report.choices);
        assert!(changed.iter().any(|choice| choice.name == calmed));
        assert!(changed.len() <= CHANGED_MAX, "calming {calmed:?} changed {changed:?}");
    }
}

/// Calming one interruption does not change those of other threads, or of later milliseconds.
#[test]
fn calming_an_interruption_does_not_change_others() {
    let busy = || {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                thread::spawn(|| {
                    for _ in 0..50 {
                        thread::yield_now();
                        thread::sleep(MS);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    };
    let preemption = Preemption::Random { one_in: 5 };
    let settings = Settings { preemption, is_recording: true, ..Settings::default() };
    let whole = sim::run(settings.clone(), busy).1;
    let all = names(&whole.choices);
    assert!(all.len() > 50, "{} choices", all.len());
    for calmed in all.iter().copied() {
        let keep = only(all.iter().copied().filter(|&name| name != calmed));
        let (_, report) = sim::run(Settings { keep, ..settings.clone() }, busy);
        let changed = changed(&whole.choices, &report.choices);
        assert!(changed.len() <= 2, "calming {calmed:?} changed {changed:?}");
    }
}

/// Choices are listed in the order in which they were made, with their time.
#[test]
fn choices_are_listed_in_order() {
    let (report, _) = traffic::run(Settings { is_recording: true, ..Settings::default() });
    assert!(report.choices.is_sorted_by_key(|choice| choice.at));
    assert!(report.choices.last().unwrap().at > report.choices[0].at);
}
