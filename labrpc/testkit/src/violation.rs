//! A broken rule, as an oracle or a test reports it.

use std::fmt;

use labrpc::PeerId;
use labrpc::time::Instant;

use crate::event::EventId;
use crate::rule::{Hint, Rule};
use crate::waited::Wait;

/// A broken rule: which one, what happened, and the events that show it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule.
    pub rule: &'static Rule,
    /// What happened, in a sentence with servers, terms and indices.
    pub what: String,
    /// The two or three events that contradict each other, in order of time, each with a note.
    pub clash: Vec<(EventId, String)>,
    /// The clients' operations that contradict each other, if the rule is about them.
    pub operations: Vec<ClashingOperation>,
    /// Where to look, if what was seen tells more than the rule alone.
    pub hint: &'static Hint,
    /// What was waited for, if something did not happen in time.
    pub(crate) wait: Option<Box<Wait>>,
    /// What the test is about, if it did not happen.
    pub(crate) missing: Option<String>,
}

/// An operation of a client that contradicts others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClashingOperation {
    /// The client's end of the network.
    pub end: PeerId,
    /// When the client began it.
    pub called: Instant,
    /// Whether it reads. What a read returned is wrong; the effect of a write was missed.
    pub is_read: bool,
}

impl Violation {
    /// A violation without events.
    pub fn new(rule: &'static Rule, what: impl Into<String>) -> Violation {
        Violation {
            rule,
            what: what.into(),
            clash: Vec::new(),
            operations: Vec::new(),
            hint: &rule.hint,
            wait: None,
            missing: None,
        }
    }

    /// Looks elsewhere than the rule's own hint says.
    pub fn look_at(self, hint: &'static Hint) -> Violation {
        Violation { hint, ..self }
    }

    /// It is broken because this has not come in time.
    pub fn waiting(self, wait: Wait) -> Violation {
        Violation { wait: Some(Box::new(wait)), ..self }
    }

    /// Names the clients' operations that contradict each other.
    pub fn between(self, operations: Vec<ClashingOperation>) -> Violation {
        Violation { operations, ..self }
    }

    /// Adds an event, with a note that says what happened there.
    pub fn with(mut self, id: EventId, note: impl Into<String>) -> Violation {
        self.clash.push((id, note.into()));
        self.clash.sort_by_key(|(id, _)| id.event);
        self
    }
}

/// What happened, and the events that show it.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.what.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase()).unwrap_or_default();
        write!(f, "{first}{}.", letters.as_str())?;
        for (id, note) in &self.clash {
            let seconds = (id.at - Instant::ZERO).as_secs_f64();
            write!(f, "\n  {seconds:>9.3} s  {note}")?;
        }
        Ok(())
    }
}
