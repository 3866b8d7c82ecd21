//! A broken rule, as an oracle or a test reports it.

use std::fmt;

use labrpc::time::Instant;

use crate::event::EventId;
use crate::rule::Rule;

/// A broken rule: which one, what happened, and the events that show it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule.
    pub rule: &'static Rule,
    /// What happened, in a sentence with servers, terms and indices.
    pub what: String,
    /// The two or three events that contradict each other, in order of time, each with a note.
    pub clash: Vec<(EventId, String)>,
}

impl Violation {
    /// A violation without events.
    pub fn new(rule: &'static Rule, what: impl Into<String>) -> Violation {
        Violation { rule, what: what.into(), clash: Vec::new() }
    }

    /// Adds an event, with a note that says what happened there.
    pub fn with(mut self, id: EventId, note: impl Into<String>) -> Violation {
        self.clash.push((id, note.into()));
        self.clash.sort_by_key(|(id, _)| id.event);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { rule, what, clash } = self;
        let mut letters = what.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase()).unwrap_or_default();
        writeln!(f, "{first}{} ({}).", letters.as_str(), rule.place)?;
        for (id, note) in clash {
            let seconds = (id.at - Instant::ZERO).as_secs_f64();
            writeln!(f, "  {seconds:>9.3} s  {note}")?;
        }
        writeln!(f, "{}: {}.", rule.name, rule.text)?;
        write!(f, "Look at: {}", rule.hint)
    }
}
