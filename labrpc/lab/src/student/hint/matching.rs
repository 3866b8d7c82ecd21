//! Which known mistakes fail like this: a likeness of two lists of failed tests.
//!
//! What failed is taken apart into *signals*: that a test failed, and that a test failed by a rule. A signal that few known
//! mistakes give says more than one that many give: its weight is the square of the logarithm of how many mistakes there
//! are for each that gives it. Two failures are as much alike as the weight of what they have in common, measured by the
//! geometric mean of their own weights: 1 if they are the same, 0 if they have nothing in common. To this comes the share of
//! the failed tests that name a rule which the mistake is known to break.

use std::collections::{BTreeMap, BTreeSet};

use super::known::KnownMistake;
use super::pattern::RedTest;

/// What is less like is not near: there is nothing to say then but the rule.
pub const NEAR_MIN: f64 = 0.2;

/// How much the rules count that a mistake is known to break; the signals count the rest.
const RULES_SHARE: f64 = 0.25;

/// How many known mistakes are named at most as the likeliest, and functions.
pub const NAMED_MAX: usize = 3;

/// What is this close to the best known mistake ties with it.
const TIE_SHARE: f64 = 0.8;

/// What counts for a signal that no known mistake gives: as if half a mistake gave it.
const UNSEEN: f64 = 0.5;

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
    let own = signals(red, &has_result);
    let known: Vec<(&KnownMistake, BTreeSet<Signal<'_>>)> =
        mistakes.into_iter().map(|mistake| (mistake, signals(&mistake.red, &has_result))).collect();
    let mut counts: BTreeMap<Signal<'_>, f64> = BTreeMap::new();
    known.iter().flat_map(|(_, signals)| signals).for_each(|signal| *counts.entry(*signal).or_default() += 1.0);
    let weight = |signal: &Signal<'_>| {
        let seen = counts.get(signal).copied().unwrap_or(UNSEEN);
        (known.len() as f64 / seen).ln().powi(2)
    };
    let own_weight: f64 = own.iter().map(weight).sum();
    let by_signals = |signals: &BTreeSet<Signal<'_>>| {
        let common: f64 = own.intersection(signals).map(weight).sum();
        let mean = (own_weight * signals.iter().map(weight).sum::<f64>()).sqrt();
        if mean > 0.0 { common / mean } else { 0.0 }
    };
    let counted: Vec<&RedTest> = red.iter().filter(|red| has_result(&red.test)).collect();
    let by_rules = |mistake: &KnownMistake| {
        let named = counted.iter().filter(|red| mistake.rules.contains(&red.by)).count();
        named as f64 / counted.len().max(1) as f64
    };
    let likeness = |(mistake, signals): &(&'a KnownMistake, BTreeSet<Signal<'_>>)| {
        (1.0 - RULES_SHARE) * by_signals(signals) + RULES_SHARE * by_rules(mistake)
    };
    let mut likely: Vec<Likely<'a>> =
        known.iter().map(|known| Likely { mistake: known.0, likeness: likeness(known) }).collect();
    likely.retain(|likely| likely.likeness >= NEAR_MIN);
    likely.sort_by(|one, other| other.likeness.total_cmp(&one.likeness));
    likely
}

fn signals<'a>(red: &'a [RedTest], has_result: &impl Fn(&str) -> bool) -> BTreeSet<Signal<'a>> {
    let counted = red.iter().filter(|red| has_result(&red.test));
    counted.flat_map(|red| [Signal::Test(&red.test), Signal::Rule(&red.test, &red.by)]).collect()
}

/// The first of them, and those that tie with it: at most [`NAMED_MAX`].
pub fn first_and_ties<'a>(likely: &[Likely<'a>]) -> Vec<Likely<'a>> {
    let best = likely.first().map_or(0.0, |first| first.likeness);
    likely.iter().take_while(|likely| likely.likeness >= best * TIE_SHARE).take(NAMED_MAX).copied().collect()
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

    /// Of mistakes that fail alike, and not much like this, the one is near that is known to break the rule.
    #[test]
    fn rules_that_are_known_to_break_count() {
        let mut mistakes = mistakes();
        mistakes[2].rules = vec!["late".to_string()];
        let failed = red(&[("common", "late")]);
        let likely = likely(&failed, |_| true, &mistakes);
        assert_eq!(likely.iter().map(|likely| likely.mistake.id.as_str()).collect::<Vec<&str>>(), ["C"]);
    }

    /// A test without a result says nothing about a mistake, whichever it is.
    #[test]
    fn tests_without_a_result_do_not_count() {
        assert_eq!(ids(&[("common", "late")], |test| test == "common"), ["A", "B", "C"]);
    }

    /// A mistake that is nearly as much alike as the first one is named with it.
    #[test]
    fn ties_are_named_together() {
        let mistakes = mistakes();
        let likely: Vec<Likely<'_>> =
            mistakes.iter().zip([0.9, 0.8, 0.4]).map(|(mistake, likeness)| Likely { mistake, likeness }).collect();
        assert_eq!(first_and_ties(&likely).len(), 2);
    }
}
