//! The findings on the variants.

use std::collections::BTreeSet;
use std::time::Duration;

use super::catalogue::{Unplantable, Variant};
use crate::course::test_kind::TestKind;
use crate::source_item::SourceItem;
use crate::student::hint::pattern::RedTest;

/// A variant, and the result of its trial.
#[derive(Debug)]
pub struct TriedVariant<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// The functions, constants and types that it changes.
    pub changed: &'a BTreeSet<SourceItem>,
    /// What happened.
    pub outcome: TrialOutcome,
    /// How long it took.
    pub real_time: Duration,
}

/// What happened to a variant.
#[derive(Debug, PartialEq, Eq)]
pub enum TrialOutcome {
    /// A test failed.
    Caught(Catch),
    /// All tests passed.
    Passed,
    /// It could not be built: what is wrong with the list, and the compiler's output.
    Unbuildable { reason: String, compiler_output: String },
}

/// How a variant was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catch {
    /// The test that failed, or `tests/graded` if something outside of the tests failed.
    pub test: String,
    /// The kind of the test.
    pub kind: TestKind,
    /// The seed with which it failed; `None` if it gave no verdict.
    pub seed: Option<u64>,
    /// The rule that it named.
    pub rule: Option<String>,
    /// Where it says to look, as items of the edited files.
    pub places: Vec<SourceItem>,
    /// The report for the student.
    pub failure: String,
    /// Whether one seed of each test was enough.
    pub is_at_once: bool,
    /// The token of the run; `None` if there was none.
    pub token: Option<String>,
    /// Every test that ran, if all ran that hints compare.
    pub ran: Vec<String>,
    /// Every one of them that failed.
    pub red: Vec<RedTest>,
    /// The story of the run, if stories are asked for and it could be told.
    pub story: Option<StoryFigures>,
}

/// What is counted of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryFigures {
    /// The events that tell something.
    pub news: usize,
    /// Whether the replay broke the same rule.
    pub is_same: bool,
}

/// A story of more events is not read.
pub const STORY_EVENTS_MAX: usize = 40;

/// The findings on all chosen variants.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The variants that were tried, in the order of the lists.
    pub tried: Vec<TriedVariant<'a>>,
    /// The bugs that cannot be planted.
    pub unplantable: Vec<&'a Unplantable>,
    /// Whether failures say where to look, as they do in the guided track.
    pub has_places: bool,
}

/// The verdict on a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariantVerdict {
    /// A bug that a test found.
    Caught,
    /// A bug that no test found.
    Missed,
    /// A lawful variant that passed every test.
    Passed,
    /// A lawful variant that failed a test.
    FalseAlarm,
    /// A variant that does not compile.
    Unbuildable,
}

impl VariantVerdict {
    /// Whether the verdict is a good one.
    pub fn is_good(self) -> bool {
        matches!(self, VariantVerdict::Caught | VariantVerdict::Passed)
    }
}

impl TriedVariant<'_> {
    /// The verdict on this variant.
    pub fn verdict(&self) -> VariantVerdict {
        match (&self.outcome, self.variant.is_lawful()) {
            (TrialOutcome::Unbuildable { .. }, _) => VariantVerdict::Unbuildable,
            (TrialOutcome::Caught(_), false) => VariantVerdict::Caught,
            (TrialOutcome::Passed, false) => VariantVerdict::Missed,
            (TrialOutcome::Passed, true) => VariantVerdict::Passed,
            (TrialOutcome::Caught(_), true) => VariantVerdict::FalseAlarm,
        }
    }

    /// How it was caught, if it was.
    pub fn catch(&self) -> Option<&Catch> {
        match &self.outcome {
            TrialOutcome::Caught(catch) => Some(catch),
            _ => None,
        }
    }

    /// Whether the failed test sent the student to something that the variant changes.
    pub fn is_place_right(&self) -> bool {
        self.catch().is_some_and(|catch| catch.places.iter().any(|place| self.changed.contains(place)))
    }

    /// Whether the failed test named one of the expected rules.
    pub fn is_rule_right(&self) -> bool {
        self.catch().and_then(|catch| catch.rule.as_ref()).is_some_and(|rule| self.variant.rules().contains(rule))
    }
}

impl Findings<'_> {
    /// Whether every bug was caught and every lawful variant passed.
    pub fn is_good(&self) -> bool {
        self.tried.iter().all(|tried| tried.verdict().is_good())
    }

    /// How many have this verdict.
    pub fn count(&self, verdict: VariantVerdict) -> usize {
        self.count_if(|tried| tried.verdict() == verdict)
    }

    /// How many meet a condition.
    pub fn count_if(&self, is_counted: impl Fn(&TriedVariant<'_>) -> bool) -> usize {
        self.tried.iter().filter(|tried| is_counted(tried)).count()
    }

    /// How long the stories are, if there are any.
    fn stories(&self) -> Option<String> {
        let stories = self.tried.iter().filter_map(|tried| tried.catch()?.story.as_ref());
        let mut news: Vec<usize> = stories.clone().map(|story| story.news).collect();
        news.sort_unstable();
        let median = news.get(news.len() / 2)?;
        let short = news.iter().filter(|news| **news <= STORY_EVENTS_MAX).count();
        let same = stories.filter(|story| story.is_same).count();
        let count = news.len();
        Some(format!(
            "{count} stories, {short} of at most {STORY_EVENTS_MAX} events, {median} at the median, {same} break the same rule"
        ))
    }

    /// The counts in one line.
    pub fn summary(&self) -> String {
        let bugs = self.count_if(|tried| !tried.variant.is_lawful());
        let lawful = self.tried.len() - bugs;
        let mut parts = Vec::new();
        if bugs > 0 {
            let is_caught = |tried: &TriedVariant<'_>| tried.verdict() == VariantVerdict::Caught;
            let at_once =
                self.count_if(|tried| is_caught(tried) && tried.catch().is_some_and(|catch| catch.is_at_once));
            let right = self.count_if(|tried| is_caught(tried) && tried.is_rule_right());
            let at_place = self.count_if(|tried| is_caught(tried) && tried.is_place_right());
            let caught = self.count(VariantVerdict::Caught);
            parts.push(format!("{caught} of {bugs} caught; {at_once} on the first seed; {right} with the right rule"));
            if self.has_places {
                parts.push(format!("{at_place} with the right place"));
            }
        }
        if lawful > 0 {
            parts.push(format!("{} of {lawful} lawful variants passed", self.count(VariantVerdict::Passed)));
        }
        parts.extend(self.stories());
        match self.count(VariantVerdict::Unbuildable) {
            0 => {}
            count => parts.push(format!("{count} could not be built")),
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructor::bugs::examples;

    /// A false alarm does not count as caught.
    #[test]
    fn the_summary_counts() {
        let catalogue = examples::catalogue_of_each_outcome();
        let findings = examples::findings_of_each_outcome(&catalogue);
        let expected = "2 of 4 caught; 1 on the first seed; 1 with the right rule; 1 with the right place; \
                        1 of 2 lawful variants passed; 1 could not be built";
        assert_eq!(findings.summary(), expected);
        assert!(!findings.is_good());
        let good = Findings { tried: Vec::new(), unplantable: Vec::new(), has_places: true };
        assert!(good.is_good());
        assert_eq!(good.summary(), "");
    }
}
