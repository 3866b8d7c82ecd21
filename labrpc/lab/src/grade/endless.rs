//! Runs that do not come to an end by themselves. Each costs seconds until the test kit ends it, so a lab
//! with such runs is not tested to the end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::RunRecord;

/// The causes with which the test kit ends a run that would go on forever.
const ENDLESS_CAUSES: [&str; 2] = ["stuck", "operations"];

/// More runs that do not end at one place would say nothing new.
const AT_ONE_PLACE_MAX: usize = 2;

/// More of them, at any places, would take minutes.
const AT_ANY_PLACE_MAX: usize = 4;

/// A process that dies this long after its start has most likely been in a loop: other deaths are quick.
pub const SLOW_DEATH_MIN: Duration = Duration::from_millis(1_500);

/// The runs of one lab that did not come to an end by themselves.
#[derive(Debug, Default)]
pub struct EndlessRuns {
    /// How many there were at each place.
    places: BTreeMap<String, usize>,
    slow_deaths: usize,
    /// Whether the test kit runs no further test for this reason.
    has_given_up: bool,
}

impl EndlessRuns {
    /// Counts a run, if it is one of them.
    pub fn count(&mut self, record: &RunRecord) {
        if record.cause.as_deref().is_some_and(|cause| ENDLESS_CAUSES.contains(&cause)) {
            let place = record.group.clone().unwrap_or_else(|| "an unknown place".to_string());
            *self.places.entry(place).or_default() += 1;
        }
    }

    /// The test kit has refused to run a test, because too many before it did not come to an end.
    pub fn note_refusal(&mut self) {
        self.has_given_up = true;
    }

    /// Counts a process of one test that died after [`SLOW_DEATH_MIN`] without a result.
    pub fn count_slow_death(&mut self) {
        self.slow_deaths += 1;
    }

    /// Why no further test should run, if there are too many.
    pub fn reason_to_stop(&self) -> Option<String> {
        if let Some((place, count)) = self.places.iter().find(|(_, count)| **count >= AT_ONE_PLACE_MAX) {
            return Some(format!("{count} tests did not come to an end, each in {place}"));
        }
        let count = self.places.values().sum::<usize>() + self.slow_deaths;
        if self.has_given_up && count == 0 {
            return Some("too many tests before did not come to an end".to_string());
        }
        let is_enough = self.has_given_up || self.slow_deaths >= AT_ONE_PLACE_MAX || count >= AT_ANY_PLACE_MAX;
        is_enough.then(|| format!("{count} tests did not come to an end"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples::run;

    fn counted(ends: &[(&str, &str)]) -> Option<String> {
        let mut endless = EndlessRuns::default();
        for (cause, place) in ends {
            let [cause, group] = [cause, place].map(|text| Some(text.to_string()));
            endless.count(&RunRecord { cause, group, ..run("a_2a", 1, Some("no end")) });
        }
        endless.reason_to_stop()
    }

    /// Two runs at one place are enough, or four at any; failures of other causes do not count.
    #[test]
    fn endless_runs_are_counted() {
        assert_eq!(counted(&[("stuck", "a"), ("stuck", "b"), ("panic", "a"), ("blocked in std", "a")]), None);
        let reason = "2 tests did not come to an end, each in a";
        assert_eq!(counted(&[("stuck", "a"), ("stuck", "b"), ("operations", "a")]).as_deref(), Some(reason));
        let reason = "4 tests did not come to an end";
        let ends = [("stuck", "a"), ("stuck", "b"), ("stuck", "c"), ("operations", "d")];
        assert_eq!(counted(&ends).as_deref(), Some(reason));
    }

    /// Processes that die late count, too.
    #[test]
    fn slow_deaths_are_counted() {
        let mut endless = EndlessRuns::default();
        endless.count_slow_death();
        assert_eq!(endless.reason_to_stop(), None);
        endless.count_slow_death();
        assert_eq!(endless.reason_to_stop().as_deref(), Some("2 tests did not come to an end"));
    }
}
