//! Which known mistakes fail like this: a likeness of two lists of failed tests.
//!
//! What failed is taken apart into *signals*: that a test failed, and that a test failed by a rule. The likeness of two
//! failures is the share of their signals that they have in common, each by its weight: a signal that few known
//! mistakes give says more than one that many give.

use std::collections::{BTreeMap, BTreeSet};

use super::known::KnownMistake;
use super::pattern::RedTest;

/// What is less like is not near: there is nothing to say then but the rule.
pub const NEAR_MIN: f64 = 0.2;

/// How many known mistakes are named at most, and functions.
pub const NAMED_MAX: usize = 3;

/// What is this close to the best one ties with it.
const TIE_SHARE: f64 = 0.8;

/// A known mistake, and how much alike it fails: from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct Likely<'a> {
    /// The mistake.
    pub mistake: &'a KnownMistake,
    /// How much alike it fails.
    pub likeness: f64,
}

/// What a failure is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Signal<'a> {
    /// A test failed.
    Test(&'a str),
    /// A test failed by a rule.
    Rule(&'a str, &'a str),
}

/// The known mistakes in the order of their likeness to what failed, the most alike first, without those that are not near.
/// Only tests that `has_result` count, since nothing is known of the others.
pub fn likely<'a>(
    red: &[RedTest],
    has_result: impl Fn(&str) -> bool,
    mistakes: impl IntoIterator<Item = &'a KnownMistake>,
) -> Vec<Likely<'a>> {
    let is_counted = |red: &&RedTest| has_result(&red.test);
    let signals_of =
        |red: &'a [RedTest]| -> BTreeSet<Signal<'a>> { red.iter().filter(is_counted).flat_map(signals).collect() };
    let known: Vec<(&KnownMistake, BTreeSet<Signal<'_>>)> =
        mistakes.into_iter().map(|mistake| (mistake, signals_of(&mistake.red))).collect();
    let mut counts: BTreeMap<Signal<'_>, usize> = BTreeMap::new();
    known.iter().flat_map(|(_, signals)| signals).for_each(|signal| *counts.entry(*signal).or_default() += 1);
    let all = known.len() as f64;
    let weight = |signal: &Signal<'_>| (all / counts.get(signal).map_or(0.5, |count| *count as f64)).ln().max(0.0);
    let own: BTreeSet<Signal<'_>> = red.iter().filter(is_counted).flat_map(signals).collect();
    let mut likely: Vec<Likely<'a>> = known
        .iter()
        .map(|(mistake, signals)| {
            let common: f64 = own.intersection(signals).map(weight).sum();
            let either: f64 = own.union(signals).map(weight).sum();
            Likely { mistake, likeness: if either > 0.0 { common / either } else { 0.0 } }
        })
        .filter(|likely| likely.likeness >= NEAR_MIN)
        .collect();
    likely.sort_by(|one, other| other.likeness.total_cmp(&one.likeness));
    likely
}

fn signals(red: &RedTest) -> [Signal<'_>; 2] {
    [Signal::Test(&red.test), Signal::Rule(&red.test, &red.by)]
}

/// The first of them, and those that tie with it: at most [`NAMED_MAX`].
pub fn first_and_ties<'a>(likely: &[Likely<'a>]) -> Vec<Likely<'a>> {
    let best = likely.first().map_or(0.0, |first| first.likeness);
    likely.iter().take_while(|likely| likely.likeness >= best * TIE_SHARE).take(NAMED_MAX).copied().collect()
}

/// The functions that the likely mistakes change, the likeliest first, with those that tie with it: at most [`NAMED_MAX`].
pub fn functions(likely: &[Likely<'_>]) -> Vec<String> {
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for likely in likely.iter().take(NAMED_MAX) {
        for item in &likely.mistake.changes {
            *scores.entry(item).or_default() += likely.likeness / likely.mistake.changes.len() as f64;
        }
    }
    let mut scores: Vec<(&str, f64)> = scores.into_iter().collect();
    scores.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let best = scores.first().map_or(0.0, |(_, score)| *score);
    let ties = scores.iter().take_while(|(_, score)| *score >= best * TIE_SHARE);
    ties.take(NAMED_MAX).map(|(item, _)| item.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red(failed: &[(&str, &str)]) -> Vec<RedTest> {
        let red =
            |(test, by): &(&str, &str)| RedTest { test: test.to_string(), by: by.to_string(), places: Vec::new() };
        failed.iter().map(red).collect()
    }

    fn mistake(id: &str, change: &str, failed: &[(&str, &str)]) -> KnownMistake {
        let (id, changes) = (id.to_string(), vec![change.to_string()]);
        KnownMistake { id, changes, red: red(failed), ..KnownMistake::default() }
    }

    fn mistakes() -> Vec<KnownMistake> {
        vec![
            mistake("A", "vote", &[("rare", "once"), ("common", "late")]),
            mistake("B", "tick", &[("other", "work"), ("common", "late")]),
            mistake("C", "tick", &[("third", "work"), ("common", "late")]),
            mistake("D", "step", &[("fourth", "once")]),
        ]
    }

    fn ids(failed: &[(&str, &str)], has_result: impl Fn(&str) -> bool) -> Vec<String> {
        let mistakes = mistakes();
        likely(&red(failed), has_result, &mistakes).iter().map(|likely| likely.mistake.id.clone()).collect()
    }

    /// A test that few mistakes fail says more than one that most fail.
    #[test]
    fn rare_signals_weigh_more() {
        assert_eq!(ids(&[("rare", "once"), ("common", "late")], |_| true)[0], "A");
        assert_eq!(ids(&[("other", "work"), ("common", "late")], |_| true)[0], "B");
        assert!(ids(&[("fifth", "sixth")], |_| true).is_empty(), "nothing is near");
    }

    /// A test without a result says nothing about a mistake, whichever it is.
    #[test]
    fn tests_without_a_result_do_not_count() {
        assert_eq!(ids(&[("common", "late")], |test| test == "common"), ["A", "B", "C"]);
    }

    /// The functions of the likeliest mistakes are named, those of ties with them.
    #[test]
    fn functions_are_those_of_the_likeliest() {
        let mistakes = mistakes();
        let likely = |likeness: [f64; 3]| -> Vec<Likely<'_>> {
            mistakes.iter().zip(likeness).map(|(mistake, likeness)| Likely { mistake, likeness }).collect()
        };
        assert_eq!(functions(&likely([0.9, 0.5, 0.4])), ["tick", "vote"], "two in one function count together");
        assert_eq!(functions(&likely([0.9, 0.5, 0.2])), ["vote"]);
        assert_eq!(first_and_ties(&likely([0.9, 0.8, 0.4])).len(), 2);
        assert!(functions(&[]).is_empty());
    }
}
