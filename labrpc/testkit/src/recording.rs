//! The events of a cluster, and the last of them as text for a failure.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::observer::Event;

/// All events of a cluster since recording began. Clones are the same recording.
#[derive(Clone, Default)]
pub(crate) struct Recording {
    events: Arc<Mutex<Vec<Event>>>,
}

/// What a failed run prints of its events. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Exchange {
    shown: Arc<Mutex<Option<Recording>>>,
}

/// A failure shows at most this many events, the last ones.
const LINES_MAX: usize = 20;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    pub(crate) fn push(&self, event: Event) {
        lock(&self.events).push(event);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// The last events, one a line, or nothing if there were none.
    fn text(&self) -> String {
        let events = lock(&self.events);
        let news: Vec<_> = events.iter().filter(|event| event.is_news()).collect();
        let earlier = news.len().saturating_sub(LINES_MAX);
        let mut text = String::new();
        if earlier > 0 {
            let _ = writeln!(text, "{:>9}    {earlier} earlier events", "…");
        }
        for event in &news[earlier..] {
            let _ = writeln!(text, "{event}");
        }
        text
    }
}

impl Exchange {
    /// Shows this recording if the run fails. It replaces an earlier one.
    pub(crate) fn show(&self, recording: Recording) {
        *lock(&self.shown) = Some(recording);
    }

    /// The last events of the recording to show, with a heading; empty if there is none.
    pub(crate) fn text(&self) -> String {
        let text = lock(&self.shown).as_ref().map(Recording::text).unwrap_or_default();
        if text.is_empty() { text } else { format!("What happened (positions are index:term):\n{text}\n") }
    }
}
