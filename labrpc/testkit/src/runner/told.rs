//! The story of a replayed run.

use labrpc::sim::Report;
use story::{Columns, Meta, RuleText, Story, Twin, columns, explanation, when_lost};

use super::likelihood::likelihood;
use super::repeat::Run;
use super::run::{FailedRun, Recorded, run_simulated};
use super::twin::nearest_passing;
use super::{GradedTest, Lab, origin};
use crate::environment::{Environment, misuse};
use crate::rule::{Places, Rule};
use crate::story::{Ending, StoryRecord, flip, parting, tell, write};
use crate::token::Token;

/// The rows that a replay under `cargo test` shows.
const ROWS: usize = 40;

impl Lab {
    /// Tells the story of a run that was replayed: into the file that `LAB_STORY` names, or else the end of it on the
    /// terminal.
    pub(super) fn tell(&self, token: &Token, test: &GradedTest, run: &Run) {
        let Some(mut story) = self.story(token, test.rule, run) else { return };
        if Environment::get().asks_when {
            self.tell_when(token, test, run, &mut story);
        }
        let Some(path) = &Environment::get().story else {
            let options = Columns { rows_max: Some(ROWS), ..Columns::default() };
            let (columns, explanation) = (columns(&story, &options), explanation(&story));
            let when = when_lost(&story);
            return eprintln!("\n{columns}\n{explanation}{when}\nMore of it: cargo lab replay {token}");
        };
        if let Err(error) = write(&story, path) {
            misuse(&format!("LAB_STORY={}: the file cannot be written: {error}", path.display()));
        }
    }

    /// The token of the run that differs from a run by a change of one event.
    pub(super) fn flipped(&self, token: &Token, asked: &str, test: &GradedTest, run: &Run) -> Token {
        let Some(story) = self.story(token, test.rule, run) else {
            misuse(&format!("LAB_FLIP={asked}: of this run no events are known"))
        };
        let flip = flip(&story, asked).unwrap_or_else(|complaint| misuse(&format!("LAB_FLIP={asked}: {complaint}")));
        token.clone().with_flip(flip)
    }

    /// Adds how likely the failure was from each moment on, and the nearest run that passes.
    fn tell_when(&self, token: &Token, test: &GradedTest, (outcome, report): &Run, story: &mut Story) {
        // A run of random peers follows a plan that no token has.
        let Some(failed) = outcome.as_ref().err().filter(|_| test.shorten.is_none()) else { return };
        let runs = self.runs(test);
        story.curve = Some(likelihood(runs, token, failed, report.operations));
        let Some(passing) = nearest_passing(runs, token) else { return };
        let Ok(keep) = runs.keep(&passing.token) else { return };
        let run = run_simulated(&passing.token, keep, Recorded::Silence, self.contract, test.body);
        let Some(other) = self.story(&passing.token, test.rule, &run) else { return };
        let parts = parting(story, &other);
        let end = story.events.last().map_or(0, |event| event.t);
        let events = other.events.into_iter().skip(parts).take_while(|event| event.t <= end).collect();
        story.twin = Some(Twin { token: passing.token.to_string(), without: passing.without, parts, events });
    }

    fn story(&self, token: &Token, tested: Option<&'static Rule>, (outcome, report): &Run) -> Option<Story> {
        let failed = outcome.as_ref().err();
        let record = failed.and_then(|failed| failed.record().cloned()).or_else(StoryRecord::latest)?;
        let ending = Ending {
            flips: &token.flips,
            meta: self.meta(token, tested, failed, report),
            failure: failed.map(|failed| &failed.failure),
            violation: failed.and_then(FailedRun::violation),
            wait: failed.and_then(FailedRun::wait),
            is_of_threads: failed.is_some_and(FailedRun::is_of_threads),
        };
        Some(tell(&record, self.contract?, ending))
    }

    fn meta(&self, token: &Token, tested: Option<&'static Rule>, failed: Option<&FailedRun>, report: &Report) -> Meta {
        let (_, lab) = token.test.rsplit_once('_').unwrap_or(("", &token.test));
        let rule = failed.and_then(|failed| failed.rule(tested));
        let hint = failed.and_then(|failed| failed.hint(tested));
        let verdict = match failed {
            None => "The test passes.".to_string(),
            Some(failed) => {
                let what = failed.violation().map_or(failed.failure.message.as_str(), |violation| &violation.what);
                sentence(what.lines().next().unwrap_or_default())
            }
        };
        let text = |rule: &Rule| RuleText { name: rule.name.into(), place: rule.source.into(), text: rule.text.into() };
        Meta {
            lab: lab.to_uppercase(),
            package: self.package.into(),
            test: token.test.clone(),
            token: token.to_string(),
            replay: self.replay_command(token),
            verdict,
            failed: failed.is_some(),
            cause: failed.map(|failed| failed.cause()).unwrap_or_default().into(),
            rule: rule.map(text),
            hint: hint.map(|hint| hint.look_for.to_string()).unwrap_or_default(),
            file: hint.map(|hint| Places(self.places_of(hint)).to_string()).unwrap_or_default(),
            report: failed.map(|failed| failed.story(tested, self)).unwrap_or_default(),
            sources: origin::hash(),
            trace: format!("{:016x}", report.trace),
            ..Meta::default()
        }
    }
}

/// A sentence with its capital and its full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '?', '!', ':']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}
