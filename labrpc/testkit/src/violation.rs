//! What an oracle says when a rule is broken.

use std::fmt;

use labrpc::time::Instant;

use crate::rule::Rule;

/// A point in a run: an event, by its place among all events, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The event's place, from 0.
    pub event: usize,
    /// In virtual time.
    pub at: Instant,
}

/// A broken rule: which, by whom, and the events that clash.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule.
    pub rule: &'static Rule,
    /// What happened, in a sentence with servers, terms and indices.
    pub what: String,
    /// The two or three events that cannot both be right, in order of time.
    pub clash: Vec<(EventId, String)>,
}

impl Violation {
    /// A verdict without its events.
    pub fn new(rule: &'static Rule, what: impl Into<String>) -> Violation {
        Violation { rule, what: what.into(), clash: Vec::new() }
    }

    /// Adds an event that clashes with another, and what happened then.
    pub fn with(mut self, id: EventId, note: impl Into<String>) -> Violation {
        self.clash.push((id, note.into()));
        self.clash.sort_by_key(|(id, _)| id.event);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { rule, what, clash } = self;
        let mut envelopes = what.chars();
        let first = envelopes.next().map(|first| first.to_ascii_uppercase()).unwrap_or_default();
        writeln!(f, "{first}{} ({}).", envelopes.as_str(), rule.place)?;
        for (id, note) in clash {
            let seconds = (id.at - Instant::ZERO).as_secs_f64();
            writeln!(f, "  {seconds:>9.3} s  {note}")?;
        }
        writeln!(f, "{}: {}.", rule.name, rule.text)?;
        write!(f, "Look at: {}", rule.hint)
    }
}
