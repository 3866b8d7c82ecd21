//! The events of a cluster, and the last of them as text for a failure.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use labrpc::{ApplyMsg, LogPosition, PeerId};

use crate::event_line::{At, ENTRIES_SHOWN_MAX};
use crate::{Event, EventKind};

/// All events of a cluster since recording began. Clones are the same recording.
#[derive(Clone, Default)]
pub(crate) struct Recording {
    events: Arc<Mutex<Vec<Event>>>,
    /// Of how many lines it keeps the events. `None` for all events.
    kept: Option<usize>,
}

/// What a failed run prints of its events. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Exchange {
    shown: Arc<Mutex<Option<Shown>>>,
}

struct Shown {
    recording: Recording,
    /// The servers under test.
    real: Vec<PeerId>,
}

/// A failure shows at most this many events, the last ones.
const LINES_MAX: usize = 12;
/// The events that are kept for it, at least: entries that are applied together share a line.
const RECENT_MAX: usize = 64;
/// It shows at least this many, however long it is otherwise.
const LINES_MIN: usize = 5;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    /// A recording that keeps no more than a failure shows: the last events that are news.
    pub(crate) fn of_the_last() -> Recording {
        Recording { kept: Some(RECENT_MAX), ..Recording::default() }
    }

    pub(crate) fn push(&self, event: Event) {
        let Some(kept) = self.kept else { return lock(&self.events).push(event) };
        if event.is_news() {
            let mut events = lock(&self.events);
            // Half of them at once, so that each event is moved once or twice.
            if events.len() >= 2 * kept {
                events.drain(..kept);
            }
            events.push(event);
        }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    pub(crate) fn events_from(&self, count: usize) -> Vec<Event> {
        lock(&self.events)[count..].to_vec()
    }

    /// The last events, one a line and at most `lines_max`, or nothing if there were none.
    fn text(&self, lines_max: usize) -> String {
        let lines = lines(&lock(&self.events));
        let earlier = lines.len().saturating_sub(lines_max.clamp(LINES_MIN, LINES_MAX));
        let mut text = String::new();
        match self.kept {
            None if earlier > 0 => drop(writeln!(text, "        … {earlier} earlier lines")),
            Some(_) if earlier > 0 => text += "        … earlier lines\n",
            _ => {}
        }
        lines[earlier..].iter().for_each(|line| text += &format!("{line}\n"));
        text
    }
}

/// One line for each event that is news, and one line for entries that a server applies together.
fn lines(events: &[Event]) -> Vec<String> {
    let news: Vec<&Event> = events.iter().filter(|event| event.is_news()).collect();
    news.chunk_by(|one, next| are_together(one, next)).map(line).collect()
}

/// The line of an event, or of several entries that a server applies together.
fn line(events: &[&Event]) -> String {
    let positions: Vec<LogPosition> = events.iter().filter_map(|event| applied(event)).map(|(_, at)| at).collect();
    let mut line = events[0].to_string();
    match positions[..] {
        [_, .., last] if positions.len() > ENTRIES_SHOWN_MAX => {
            let _ = write!(line, " … {} ({} entries)", At(last), positions.len());
        }
        [_, ref others @ ..] => others.iter().for_each(|at| line += &format!(" {}", At(*at))),
        [] => {}
    }
    line
}

/// The server that applies an entry, and the entry's position.
fn applied(event: &Event) -> Option<(PeerId, LogPosition)> {
    match &event.kind {
        EventKind::Applied(server, ApplyMsg::Command { at, .. }) => Some((*server, *at)),
        _ => None,
    }
}

/// Whether a server applies an entry right after the one before.
fn are_together(one: &Event, next: &Event) -> bool {
    const TOGETHER: Duration = Duration::from_micros(100);
    let servers = (applied(one).map(|(server, _)| server), applied(next).map(|(server, _)| server));
    servers.0.is_some() && servers.0 == servers.1 && next.at() - one.at() < TOGETHER
}

impl Exchange {
    /// Shows this recording if the run fails. It replaces an earlier one. `real` are the servers under
    /// test; the script sends for all others.
    pub(crate) fn show(&self, recording: Recording, real: Vec<PeerId>) {
        *lock(&self.shown) = Some(Shown { recording, real });
    }

    /// The last events of the recording to show, in about `lines_max` lines with their heading; empty if
    /// there is none.
    pub(crate) fn text(&self, lines_max: usize) -> String {
        let shown = lock(&self.shown);
        let Some(Shown { recording, real }) = &*shown else { return String::new() };
        let text = recording.text(lines_max.saturating_sub(3));
        if text.is_empty() {
            return text;
        }
        let yours = match real[..] {
            [server] => Some(format!("your server is {server}")),
            _ => None,
        };
        let positions = has_positions(&text).then(|| POSITIONS.to_string());
        let notes: Vec<String> = yours.into_iter().chain(positions).collect();
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", and ")) };
        format!("The last events{notes}:\n{text}")
    }
}

const POSITIONS: &str = "index:term is a position in the log";

/// Whether event lines name a position, such as `4:1`.
fn has_positions(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_position =
        |word: &str| word.split_once(':').is_some_and(|(index, term)| is_number(index) && is_number(term));
    text.split_whitespace().any(is_position)
}

#[cfg(test)]
mod tests {
    use labrpc::Bytes;
    use labrpc::time::Instant;

    use super::*;
    use crate::EventId;
    use crate::script::at;

    fn applied(event: usize, index: u64) -> Event {
        let kind = EventKind::Applied(0, ApplyMsg::Command { at: at(index, 1), command: Bytes::default() });
        Event { id: EventId { event, at: Instant::ZERO }, kind }
    }

    /// Of many entries that are applied together, the first and the last are shown.
    #[test]
    fn many_entries_share_a_short_line() {
        let recording = Recording::default();
        (1..=1_024).for_each(|nth| recording.push(applied(nth, nth as u64)));
        assert_eq!(recording.text(LINES_MAX), "    0.000 s  0      applies 1:1 … 1024:1 (1024 entries)\n");
    }

    /// A recording of the last events keeps enough of them, and not all.
    #[test]
    fn the_last_events_are_enough() {
        let recording = Recording::of_the_last();
        for nth in 1..=1_000 {
            recording.push(Event { kind: EventKind::Crashed(nth), ..applied(nth, 0) });
            recording.push(Event { kind: EventKind::Waited, ..applied(nth, 0) });
        }
        assert!((RECENT_MAX..=2 * RECENT_MAX).contains(&recording.events().len()));
        let text = recording.text(LINES_MAX);
        assert_eq!(text.lines().count(), LINES_MAX + 1);
        assert!(text.starts_with("        … earlier lines\n") && text.contains("  1000      crashes\n"), "{text}");
    }

    /// The heading explains positions if there are any.
    #[test]
    fn positions_are_explained_where_there_are_some() {
        let heading = |event: Event| {
            let (exchange, recording) = (Exchange::default(), Recording::default());
            recording.push(event);
            exchange.show(recording, vec![0]);
            exchange.text(LINES_MAX).lines().next().map(str::to_string)
        };
        let with = heading(applied(1, 1));
        assert_eq!(
            with.as_deref(),
            Some("The last events (your server is 0, and index:term is a position in the log):")
        );
        let without = heading(Event { kind: EventKind::Crashed(1), ..applied(1, 0) });
        assert_eq!(without.as_deref(), Some("The last events (your server is 0):"));
    }

    /// Entries that are applied together share a line, and only the last lines are shown.
    #[test]
    fn the_last_events_are_shown() {
        let recording = Recording::default();
        assert_eq!(recording.text(LINES_MAX), "");
        (1..=3).for_each(|nth| recording.push(applied(nth, nth as u64)));
        assert_eq!(recording.text(LINES_MAX), "    0.000 s  0      applies 1:1 2:1 3:1\n");
        for nth in 4..=24 {
            recording.push(Event { kind: EventKind::Crashed(1), ..applied(nth, 0) });
        }
        let text = recording.text(LINES_MAX);
        assert_eq!(text.lines().count(), LINES_MAX + 1);
        assert!(text.starts_with("        … 10 earlier lines\n    0.000 s  1      crashes\n"), "{text}");
    }
}
