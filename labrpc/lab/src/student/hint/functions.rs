//! In which functions a mistake may be, and whether what failed decides it.
//!
//! Two kinds of evidence lead to a function: mistakes that fail alike changed it, and failed tests say to look there. A
//! function's score is the sum of both. Often it points in several directions, since a rule names up to five places, and few
//! known mistakes are alike. A hint that named the first three all the same would often be wrong: instead it lists what
//! is possible, and says that it does not decide.

use std::collections::BTreeMap;

use super::matching::{Likely, NAMED_MAX};
use super::pattern::RedTest;

/// How many of the likeliest mistakes speak for the functions that they change.
const SPEAKERS_MAX: usize = 8;

/// Functions that have this share of all scores together are enough: the rest is left out. With 0.7, more hints decide and
/// more are wrong; with 0.8, fewer. `cargo lab bugs --hints` counts both.
const ENOUGH_SHARE: f64 = 0.75;

/// How many functions are named at most if several are possible: as many as a rule names.
const POSSIBLE_MAX: usize = 5;

/// Scores that differ by less are equal.
const EQUAL_WITHIN: f64 = 1e-9;

/// The functions in which a mistake may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LikelyFunctions {
    /// The functions as `file: item`, the likeliest first; none if no known mistake is near.
    pub items: Vec<String>,
    /// Whether they are few enough to say that it is one of them: at most [`NAMED_MAX`].
    pub is_decided: bool,
}

impl LikelyFunctions {
    /// The functions to which the mistakes that are alike and the failed tests lead.
    ///
    /// The likeliest mistakes count with the square of their likeness, and all together as much as the first of them
    /// is alike. The places of the failed tests count 1 together.
    pub fn of(likely: &[Likely<'_>], red: &[RedTest]) -> LikelyFunctions {
        let Some(first) = likely.first() else { return LikelyFunctions::default() };
        let speakers = likely.iter().take(SPEAKERS_MAX);
        let mut scores = shares(speakers.flat_map(spoken_for), first.likeness);
        for (item, share) in shares(red.iter().flat_map(sent_to), 1.0) {
            *scores.entry(item).or_default() += share;
        }
        let mut scores: Vec<(&str, f64)> = scores.into_iter().collect();
        scores.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let needed = enough(&scores);
        let items = scores.iter().take(needed.min(POSSIBLE_MAX)).map(|(item, _)| item.to_string()).collect();
        LikelyFunctions { items, is_decided: needed <= NAMED_MAX }
    }
}

/// How many functions are enough, with those that are as likely as the last of them.
fn enough(scores: &[(&str, f64)]) -> usize {
    let all: f64 = scores.iter().map(|(_, score)| score).sum();
    let mut sum = 0.0;
    let mut last = f64::INFINITY;
    let is_needed = |(_, score): &&(&str, f64)| {
        let is_needed = sum < all * ENOUGH_SHARE - EQUAL_WITHIN || *score > last - EQUAL_WITHIN;
        (sum, last) = (sum + score, *score);
        is_needed
    };
    scores.iter().take_while(is_needed).count()
}

/// The items that a mistake changes, which share its weight.
fn spoken_for<'a>(Likely { mistake, likeness }: &Likely<'a>) -> impl Iterator<Item = (&'a str, f64)> + use<'a> {
    let weight = likeness.powi(2) / mistake.changes.len() as f64;
    mistake.changes.iter().map(move |item| (item.as_str(), weight))
}

/// The places of a failed test, which share its weight of 1: the first has twice that of the second, and three times
/// that of the third. Rules and backtraces name the likeliest place first.
fn sent_to(red: &RedTest) -> impl Iterator<Item = (&str, f64)> {
    let by_rank = |rank: usize| 1.0 / (rank + 1) as f64;
    let all: f64 = (0..red.places.len()).map(by_rank).sum();
    red.places.iter().enumerate().map(move |(rank, place)| (place.as_str(), by_rank(rank) / all))
}

/// The weight of each item, scaled so that all together have this much.
fn shares<'a>(weights: impl Iterator<Item = (&'a str, f64)>, all_together: f64) -> BTreeMap<&'a str, f64> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    weights.for_each(|(item, weight)| *shares.entry(item).or_default() += weight);
    let all: f64 = shares.values().sum();
    shares.values_mut().for_each(|share| *share *= all_together / all);
    shares
}

#[cfg(test)]
mod tests {
    use super::super::known::KnownMistake;
    use super::*;

    fn mistake(changes: &[&str]) -> KnownMistake {
        KnownMistake { changes: strings(changes), ..KnownMistake::default() }
    }

    fn failed(places: &[&str]) -> RedTest {
        RedTest { test: "test".to_string(), by: "rule".to_string(), places: strings(places) }
    }

    fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(ToString::to_string).collect()
    }

    /// What is said if these mistakes are this much alike, and tests failed with these places.
    fn said(mistakes: &[(&KnownMistake, f64)], red: &[RedTest]) -> (String, bool) {
        let likely: Vec<Likely<'_>> =
            mistakes.iter().map(|&(mistake, likeness)| Likely { mistake, likeness }).collect();
        let LikelyFunctions { items, is_decided } = LikelyFunctions::of(&likely, red);
        (items.join(" "), is_decided)
    }

    fn decided(items: &str) -> (String, bool) {
        (items.to_string(), true)
    }

    fn undecided(items: &str) -> (String, bool) {
        (items.to_string(), false)
    }

    /// Mistakes that are much alike decide, and those in one function count together.
    #[test]
    fn mistakes_that_are_alike_decide() {
        let (vote, tick) = (mistake(&["vote"]), mistake(&["tick"]));
        assert_eq!(said(&[(&vote, 0.9), (&tick, 0.3), (&tick, 0.3)], &[]), decided("vote"));
        assert_eq!(said(&[(&vote, 0.9), (&tick, 0.7), (&tick, 0.7)], &[]), decided("tick vote"));
        assert_eq!(said(&[(&mistake(&["lead", "vote"]), 0.9), (&vote, 0.8)], &[]), decided("vote lead"));
        assert_eq!(said(&[], &[failed(&["vote"])]), undecided(""), "nothing is near");
    }

    /// The first place of a failure counts more than those that follow, and a place that several failures name first
    /// decides between them.
    #[test]
    fn the_order_of_places_counts() {
        let campaign = mistake(&["campaign"]);
        let late = failed(&["tick", "due", "campaign", "step"]);
        assert_eq!(said(&[(&campaign, 0.3)], std::slice::from_ref(&late)), decided("tick campaign due"));
        let early = failed(&["due", "tick"]);
        assert_eq!(said(&[(&campaign, 0.3)], &[early.clone(), early, late]), decided("due tick campaign"));
    }

    /// A mistake that is hardly alike does not outweigh what the failure itself says; one that is nearly the same does.
    #[test]
    fn mistakes_count_as_much_as_they_are_alike() {
        let (step, red) = (mistake(&["step"]), [failed(&["tick", "due"])]);
        assert_eq!(said(&[(&step, 0.3)], &red), decided("tick due"));
        assert_eq!(said(&[(&step, 0.95)], &red), decided("step tick"));
    }

    /// If more functions are needed than a hint names, or if several are as likely as the last of them, it is left open.
    #[test]
    fn scattered_evidence_leaves_it_open() {
        let apart: Vec<KnownMistake> = ["a", "b", "c", "d"].iter().map(|item| mistake(&[item])).collect();
        let alike: Vec<(&KnownMistake, f64)> = apart.iter().map(|mistake| (mistake, 0.5)).collect();
        assert_eq!(said(&alike[..3], &[]), decided("a b c"));
        assert_eq!(said(&alike, &[]), undecided("a b c d"), "three have enough, but the fourth is as likely");
        let many: Vec<RedTest> = ["e", "f", "g"].iter().map(|place| failed(&[place])).collect();
        assert_eq!(said(&alike[..2], &many), undecided("e f g a b"));
    }
}
