//! Which wild decisions a failure needs: delta debugging (Zeller and Hildebrandt, 2002) over the list of them.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use labrpc::sim::{Choice, Kind};
use rustc_hash::{FxHashSet, FxHasher};

/// What a run with some of the decisions has shown.
pub(in crate::runner) enum Attempt {
    /// It fails in the same way, and these of the decisions have come up in it. The others make no difference.
    Same(Vec<usize>),
    /// It passes, or fails in another way.
    Other,
    /// It was not made: the budget is used up.
    Refused,
}

/// Kinds that are left out together at first, those that rarely matter first.
const KINDS: [&[Kind]; 5] = [
    &[Kind::Preempt, Kind::Order, Kind::Priority],
    &[Kind::Delay, Kind::Duplicate],
    &[Kind::Loss],
    &[Kind::Workload],
    &[Kind::Fault, Kind::CrashAtSave],
];
/// Of at most this many decisions all subsets are tried, the smallest first.
const EXHAUSTIVE_MAX: usize = 6;
/// Of at most this many decisions any two are left out together as well.
const PAIRS_MAX: usize = 24;

/// The decisions that are left, as places in `choices`: fewer than all of them, or all if nothing can be left out.
/// `attempt` makes a run that keeps the given places, in ascending order. Unless the budget ends the search, the
/// failure needs each of them.
pub(in crate::runner) fn search(choices: &[Choice], attempt: impl FnMut(&[usize]) -> Attempt) -> Vec<usize> {
    let all = (0..choices.len()).collect();
    let mut search = Search { choices, kept: all, tried: FxHashSet::default(), is_over: false, attempt };
    if search.try_keeping(Vec::new()) {
        return search.kept;
    }
    for kinds in KINDS {
        search.try_without(|choice| kinds.contains(&choice.name.kind));
    }
    // A link, a client or a task at a time.
    search.reduce(search.by_subject());
    // Then by time: early decisions make later ones come up, so the latest are left out first.
    loop {
        search.reduce(search.kept.iter().map(|&place| vec![place]).collect());
        if !search.try_small_subsets() && !search.try_without_pairs() {
            return search.kept;
        }
    }
}

struct Search<'a, F> {
    choices: &'a [Choice],
    /// The smallest list so far whose run fails in the same way, ascending.
    kept: Vec<usize>,
    /// Hashes of the lists that were tried.
    tried: FxHashSet<u64>,
    is_over: bool,
    attempt: F,
}

impl<F: FnMut(&[usize]) -> Attempt> Search<'_, F> {
    /// Makes the run that keeps these. Whether it fails in the same way; then it is the smallest so far.
    fn try_keeping(&mut self, kept: Vec<usize>) -> bool {
        if self.is_over || kept.len() >= self.kept.len() || !self.tried.insert(hash_of(&kept)) {
            return false;
        }
        match (self.attempt)(&kept) {
            Attempt::Same(used) => {
                self.kept = used.into_iter().filter(|place| kept.binary_search(place).is_ok()).collect();
                true
            }
            Attempt::Other => false,
            Attempt::Refused => {
                self.is_over = true;
                false
            }
        }
    }

    fn try_without(&mut self, is_left_out: impl Fn(&Choice) -> bool) -> bool {
        let choices = self.choices;
        let kept = self.kept.iter().copied().filter(|&place| !is_left_out(&choices[place])).collect();
        self.try_keeping(kept)
    }

    /// The decisions of one kind about one thing form a unit. The units that end latest come last.
    fn by_subject(&self) -> Vec<Vec<usize>> {
        let mut units: BTreeMap<(Kind, u64), Vec<usize>> = BTreeMap::new();
        for &place in &self.kept {
            let name = self.choices[place].name;
            units.entry((name.kind, name.what)).or_default().push(place);
        }
        let mut units: Vec<_> = units.into_values().collect();
        units.sort_by_key(|unit| unit.last().copied());
        units
    }

    /// Leaves out neighbouring units together, in smaller and smaller groups, until no single one can be left out.
    fn reduce(&mut self, mut units: Vec<Vec<usize>>) {
        let mut count = units.len().div_ceil(2);
        while !self.is_over && !units.is_empty() {
            let mut is_smaller = false;
            let mut end = units.len();
            while end > 0 && !self.is_over {
                let start = end.saturating_sub(count);
                let left_out: FxHashSet<usize> = units[start..end].iter().flatten().copied().collect();
                let kept = self.kept.iter().copied().filter(|place| !left_out.contains(place)).collect();
                end = start;
                if self.try_keeping(kept) {
                    is_smaller = true;
                    // With some decisions, others that depend on them have gone.
                    let is_left = |unit: &Vec<usize>| unit.iter().any(|place| self.kept.binary_search(place).is_ok());
                    end = units[..start].iter().filter(|unit| is_left(unit)).count();
                    units.retain(is_left);
                }
            }
            match (count, is_smaller) {
                (1, false) => return,
                (1, true) => {}
                _ => count = count.div_ceil(2).min(units.len().div_ceil(2)).max(1),
            }
        }
    }

    /// Tries all subsets, if there are few. Whether one of them is enough.
    fn try_small_subsets(&mut self) -> bool {
        let count = self.kept.len();
        if count > EXHAUSTIVE_MAX {
            return false;
        }
        let mut subsets: Vec<u32> = (0..1 << count).collect();
        subsets.sort_by_key(|subset| subset.count_ones());
        let places = self.kept.clone();
        let kept = |subset: u32| (0..count).filter(|at| subset >> at & 1 == 1).map(|at| places[at]).collect();
        subsets.into_iter().any(|subset| self.try_keeping(kept(subset)))
    }

    /// Tries to leave out any two decisions together, if there are few. Whether that is possible.
    fn try_without_pairs(&mut self) -> bool {
        let places = self.kept.clone();
        if places.len() > PAIRS_MAX {
            return false;
        }
        let pairs =
            places.iter().enumerate().flat_map(|(at, &one)| places[..at].iter().map(move |&other| (one, other)));
        let pairs: Vec<(usize, usize)> = pairs.collect();
        let without = |pair: (usize, usize)| {
            places.iter().copied().filter(|&place| place != pair.0 && place != pair.1).collect::<Vec<_>>()
        };
        pairs.into_iter().any(|pair| self.try_keeping(without(pair)))
    }
}

fn hash_of(kept: &[usize]) -> u64 {
    let mut hasher = FxHasher::default();
    kept.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use labrpc::sim::Name;
    use labrpc::time::Instant;

    use super::*;

    fn choices(count: usize) -> Vec<Choice> {
        let kinds = [Kind::Delay, Kind::Preempt, Kind::Loss, Kind::Fault];
        let choice = |place: usize| Choice {
            name: Name::new(kinds[place % 4], place as u64 % 7, place as u64),
            about: None,
            at: Instant::from_nanos(place as u64),
        };
        (0..count).map(choice).collect()
    }

    /// Searches with a run that fails if `fails` says so of what is kept. Returns what is left, and the number of runs.
    fn found(count: usize, fails: impl Fn(&[usize]) -> bool) -> (Vec<usize>, usize) {
        let mut runs = 0;
        let attempt = |kept: &[usize]| {
            runs += 1;
            if fails(kept) { Attempt::Same(kept.to_vec()) } else { Attempt::Other }
        };
        (search(&choices(count), attempt), runs)
    }

    /// A failure that needs no chance is found with one run.
    #[test]
    fn nothing_is_kept_if_nothing_is_needed() {
        assert_eq!(found(10_000, |_| true), (vec![], 1));
    }

    /// Of ten thousand decisions the few that matter are found with some hundred runs.
    #[test]
    fn the_needed_decisions_are_found() {
        for needed in [vec![17], vec![0, 9_999], vec![5, 77, 78, 4_000, 8_123]] {
            let (left, runs) = found(10_000, |kept| needed.iter().all(|place| kept.contains(place)));
            assert_eq!(left, needed);
            assert!(runs <= 150, "{runs} runs for {needed:?}");
        }
    }

    /// If nothing can be left out, everything is kept.
    #[test]
    fn everything_is_kept_if_everything_is_needed() {
        assert_eq!(found(40, |kept| kept.len() == 40).0.len(), 40);
    }

    /// What can only be left out in pairs is left out.
    #[test]
    fn pairs_are_left_out() {
        let (left, _) = found(40, |kept| kept.contains(&3) && kept.contains(&20) == kept.contains(&31));
        assert_eq!(left, [3]);
    }

    /// A small set is minimal: no subset is enough.
    #[test]
    fn small_sets_are_minimal() {
        // Six decisions are needed, of which one alone would be enough.
        let six = [1, 5, 9, 13, 17, 21];
        let (left, _) = found(24, |kept| kept == [9] || six.iter().all(|place| kept.contains(place)));
        assert_eq!(left, [9]);
    }

    /// A decision that does not come up is not kept.
    #[test]
    fn decisions_that_do_not_come_up_are_dropped() {
        let mut runs = 0;
        let left = search(&choices(1_000), |kept| {
            runs += 1;
            let used = kept.iter().copied().filter(|place| place % 100 == 0).collect();
            if kept.contains(&500) && kept.contains(&900) { Attempt::Same(used) } else { Attempt::Other }
        });
        assert_eq!(left, [500, 900]);
        assert!(runs < 40, "{runs} runs");
    }

    /// When the budget is used up, the search ends with the best that it has.
    #[test]
    fn the_search_ends_with_its_budget() {
        let mut left_to_make = 3;
        let left = search(&choices(1_000), |kept| match left_to_make {
            0 => panic!("it goes on after a refusal"),
            1 => {
                left_to_make = 0;
                Attempt::Refused
            }
            _ => {
                left_to_make -= 1;
                if kept.is_empty() { Attempt::Other } else { Attempt::Same(kept.to_vec()) }
            }
        });
        assert_eq!(left.len(), 750, "the decisions of one kind were left out");
    }
}
