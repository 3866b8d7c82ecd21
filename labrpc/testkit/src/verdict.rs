//! What an oracle says when a rule is broken.

use std::fmt;

use labrpc::time::Instant;

use crate::rule::Rule;

/// A point in a run: an event, by its place among all events, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The event's place, from 0.
    pub event: usize,
    /// In virtual time.
    pub at: Instant,
}

/// A broken rule: which, by whom, and the events that clash.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The rule.
    pub rule: &'static Rule,
    /// What happened, in a sentence with servers, terms and indices.
    pub what: String,
    /// The two or three events that cannot both be right, in order of time.
    pub clash: Vec<(Moment, String)>,
}

impl Verdict {
    /// A verdict without its events.
    pub fn new(rule: &'static Rule, what: impl Into<String>) -> Verdict {
        Verdict { rule, what: what.into(), clash: Vec::new() }
    }

    /// Adds an event that clashes with another, and what happened then.
    pub fn with(mut self, moment: Moment, note: impl Into<String>) -> Verdict {
        self.clash.push((moment, note.into()));
        self.clash.sort_by_key(|(moment, _)| moment.event);
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { rule, what, clash } = self;
        let mut letters = what.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase()).unwrap_or_default();
        writeln!(f, "{first}{} ({}).", letters.as_str(), rule.place)?;
        for (moment, note) in clash {
            let seconds = (moment.at - Instant::ZERO).as_secs_f64();
            writeln!(f, "  {seconds:>9.3} s  {note}")?;
        }
        writeln!(f, "{}: {}.", rule.name, rule.text)?;
        write!(f, "Look at: {}", rule.hint)
    }
}
