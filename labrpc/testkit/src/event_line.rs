//! An event in one line of text: who, what, and all numbers that matter.
//!
//! A position is written `index:term`, so `4:3` is the entry at index 4, of term 3.

use std::fmt::{self, Display, Formatter};

use labrpc::kv::{Answer, Command, Op};
use labrpc::network::Lost;
use labrpc::time::Instant;
use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, InstallSnapshot, RequestVote, RequestVoteReply};
use labrpc::{ApplyMsg, Entry, Index, LogPosition, PeerId, RaftReply, RaftRequest};

use crate::{DiskChange, Envelope, Event, EventKind, Payload};

/// Displays a position as `index:term`.
pub(crate) struct At(pub(crate) LogPosition);

/// Of more entries than this, only the first and the last are shown.
pub(crate) const ENTRIES_SHOWN_MAX: usize = 8;

/// Displays entries as positions, the first of them at an index.
pub(crate) struct Entries<'a>(pub(crate) Index, pub(crate) &'a [Entry]);

/// Displays indices: `entries 1 to 5 and 7 to 9`. Of many ranges only the first are shown.
pub(crate) struct Indices<'a>(pub(crate) &'a [Index]);

/// The first index at which two parts of a log differ, in words; `None` if they do not. Each begins at its index.
pub(crate) fn first_difference(got: (Index, &[Entry]), expected: (Index, &[Entry])) -> Option<String> {
    if got.0 != expected.0 {
        return Some(format!("the first is entry {}, and should be entry {}", got.0, expected.0));
    }
    let place = got.1.iter().zip(expected.1).position(|(got, right)| got != right);
    let place = place.unwrap_or(got.1.len().min(expected.1.len()));
    let index = got.0 + place as Index;
    Some(match (got.1.get(place), expected.1.get(place)) {
        (None, None) => return None,
        (Some(_), None) => format!("entry {index} should not be there"),
        (None, Some(_)) => format!("entry {index} is missing"),
        (Some(got), Some(right)) if got.term != right.term => {
            format!("entry {index} is of term {} and should be of term {}", got.term, right.term)
        }
        (Some(got), Some(right)) => {
            format!("entry {index} holds {:?} and should hold {:?}", got.command, right.command)
        }
    })
}

/// Displays a request between servers.
pub(crate) struct Request<'a>(pub(crate) &'a RaftRequest);

/// Displays a reply between servers.
pub(crate) struct Reply<'a>(pub(crate) &'a RaftReply);

/// Displays who sends a message to whom.
pub(crate) struct Direction(pub(crate) PeerId, pub(crate) PeerId);

impl Event {
    /// Whether the line of this event tells something that no earlier line did. An ordinary arrival
    /// does not: the message was told when it left.
    pub(crate) fn is_news(&self) -> bool {
        !matches!(&self.kind, EventKind::Arrived(_, 0) | EventKind::Waited)
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = (self.at() - Instant::ZERO).as_secs_f64();
        write!(f, "{seconds:>9.3} s  {}", self.kind)
    }
}

impl Display for EventKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            EventKind::Sent(envelope) => envelope.fmt(f),
            EventKind::Arrived(envelope, 0) => write!(f, "{envelope}  (arrives)"),
            EventKind::Arrived(envelope, _) => write!(f, "{envelope}  (arrives once more)"),
            EventKind::Lost(envelope, why) => write!(f, "{envelope}  (lost: {})", reason(*why)),
            EventKind::Saved(server, change) => write!(f, "{}saves{change}", By(*server)),
            EventKind::Applied(server, ApplyMsg::Command { at, .. }) => write!(f, "{}applies {}", By(*server), At(*at)),
            EventKind::Applied(server, ApplyMsg::Snapshot { through, snapshot }) => {
                write!(f, "{}applies {} through {}", By(*server), a_snapshot(snapshot), At(*through))
            }
            EventKind::Started(server, _, Ok(at)) => write!(f, "{}takes a command as entry {}", By(*server), At(*at)),
            EventKind::Started(server, _, Err(_)) => write!(f, "{}refuses a command: it does not lead", By(*server)),
            EventKind::Compacted(server, through) => {
                write!(f, "{}cuts its log: its service's snapshot goes through index {through}", By(*server))
            }
            EventKind::Booted(server) => write!(f, "{}boots", By(*server)),
            EventKind::Crashed(server) => write!(f, "{}crashes", By(*server)),
            EventKind::Paused(server, true) => write!(f, "{}is paused", By(*server)),
            EventKind::Paused(server, false) => write!(f, "{}goes on after a pause", By(*server)),
            EventKind::ShutDown(server) => write!(f, "{}is shut down", By(*server)),
            EventKind::Cut(from, to, true) => write!(f, "{}the link is cut", Direction(*from, *to)),
            EventKind::Called(end, op) => write!(f, "the clerk at end {end} is called: {}", Operation(op)),
            EventKind::Returned(end, value) => {
                write!(f, "the clerk at end {end} returns {:?}", Short(value).to_string())
            }
            EventKind::Service(server, step) => write!(f, "{}{step}", By(*server)),
            EventKind::Waited => f.write_str("the test looks for what is overdue"),
            EventKind::Cut(from, to, false) => write!(f, "{}the link works again", Direction(*from, *to)),
        }
    }
}

fn reason(why: Lost) -> &'static str {
    match why {
        Lost::Dropped => "the network dropped it",
        Lost::Cut => "the link is cut",
        Lost::Down => "its receiver is down",
        Lost::GivenUp => "nobody waits for it any more",
    }
}

impl Display for Envelope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let direction = Direction(self.from, self.to);
        match &self.payload {
            Payload::Request(request) => write!(f, "{direction}{}", Request(request)),
            Payload::Reply(reply) => write!(f, "{direction}{}", Reply(reply)),
            Payload::ClerkRequest(command) => {
                write!(f, "client {} → {}  {}", command.client, self.to, Asked(command))
            }
            Payload::ClerkAnswer(answer) => match self.answers.as_ref().map(|request| &request.payload) {
                Some(Payload::ClerkRequest(command)) => {
                    write!(f, "{} → client {}  {}", self.from, command.client, Told(answer))
                }
                _ => write!(f, "{direction}{}", Told(answer)),
            },
            Payload::Unreadable => write!(f, "{direction}a message that the tests cannot read"),
        }
    }
}

impl Display for Direction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}  ", self.0, self.1)
    }
}

/// Displays a server that does something by itself, as wide as a [`Direction`].
struct By(PeerId);

impl Display for By {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}      ", self.0)
    }
}

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.index, self.0.term)
    }
}

impl Display for Entries<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Entries(first, entries) = *self;
        let at = |place: usize| LogPosition { index: first + place as Index, term: entries[place].term };
        match entries.len() {
            0 => f.write_str("none"),
            count if count > ENTRIES_SHOWN_MAX => write!(f, "{} … {} ({count} entries)", At(at(0)), At(at(count - 1))),
            count => (0..count).try_for_each(|place| {
                let space = if place == 0 { "" } else { " " };
                write!(f, "{space}{}", At(at(place)))
            }),
        }
    }
}

impl Display for Indices<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        /// With more ranges than this, only the first are shown.
        const RANGES_MAX: usize = 6;
        let ranges: Vec<&[Index]> = self.0.chunk_by(|one, next| one + 1 == *next).collect();
        match self.0 {
            [] => return f.write_str("nothing"),
            [index] => return write!(f, "entry {index}"),
            _ => f.write_str("entries ")?,
        }
        for (nth, range) in ranges.iter().take(RANGES_MAX).enumerate() {
            let between = match nth {
                0 => "",
                _ if nth + 1 == ranges.len() => " and ",
                _ => ", ",
            };
            f.write_str(between)?;
            match range {
                [index] => write!(f, "{index}")?,
                range => write!(f, "{} to {}", range[0], range[range.len() - 1])?,
            }
        }
        if ranges.len() > RANGES_MAX { write!(f, " … ({} entries)", self.0.len()) } else { Ok(()) }
    }
}

impl Display for Request<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            RaftRequest::RequestVote(RequestVote { term, last_log, .. }) => {
                write!(f, "RequestVote      term {term}  log ends at {}", At(*last_log))
            }
            RaftRequest::AppendEntries(AppendEntries { term, prev, entries, leader_commit, .. }) => {
                write!(f, "AppendEntries    term {term}  after {}  ", At(*prev))?;
                match entries.is_empty() {
                    true => f.write_str("no entries")?,
                    false => write!(f, "entries {}", Entries(prev.index + 1, entries))?,
                }
                write!(f, "  commit {leader_commit}")
            }
            RaftRequest::InstallSnapshot(InstallSnapshot { term, last_included, snapshot, .. }) => {
                let bytes = snapshot.len();
                write!(f, "InstallSnapshot  term {term}  through {}  ({bytes} bytes)", At(*last_included))
            }
        }
    }
}

impl Display for Reply<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let term = self.0.term();
        match self.0 {
            RaftReply::RequestVote(RequestVoteReply { granted: true, .. }) => write!(f, "vote granted     term {term}"),
            RaftReply::RequestVote(RequestVoteReply { .. }) => write!(f, "vote denied      term {term}"),
            RaftReply::AppendEntries(AppendEntriesReply { outcome, .. }) => match outcome {
                AppendOutcome::Through(index) => write!(f, "agrees           term {term}  through {index}"),
                AppendOutcome::RetryFrom(index) => write!(f, "refuses          term {term}  retry from {index}"),
                AppendOutcome::StaleTerm => write!(f, "stale term       term {term}"),
            },
        }
    }
}

/// Displays what a client asks, without the client.
pub(crate) struct Asked<'a>(pub(crate) &'a Command);

impl Display for Asked<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Command { sequence, op, .. } = self.0;
        write!(f, "operation {sequence}: {}", Operation(op))
    }
}

/// Displays an operation.
pub(crate) struct Operation<'a>(pub(crate) &'a Op);

impl Display for Operation<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Op::Get { key } => write!(f, "Get {}", Key(key)),
            Op::Put { key, value } => write!(f, "Put {} = {:?}", Key(key), Short(value).to_string()),
            Op::Append { key, value } => write!(f, "Append {} + {:?}", Key(key), Short(value).to_string()),
        }
    }
}

/// Displays a key, which may be empty.
struct Key<'a>(&'a str);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_word = !self.0.is_empty() && self.0.chars().all(char::is_alphanumeric);
        if is_word { f.write_str(self.0) } else { write!(f, "{:?}", self.0) }
    }
}

/// Displays what a client is told.
pub(crate) struct Told<'a>(pub(crate) &'a Answer);

impl Display for Told<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(value) => write!(f, "done: {:?}", Short(value).to_string()),
            Err(refusal) => write!(f, "refused: {refusal:?}"),
        }
    }
}

/// Displays the beginning of a text.
struct Short<'a>(&'a str);

impl Display for Short<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 24;
        match self.0.char_indices().nth(CHARS_MAX) {
            None => f.write_str(self.0),
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
        }
    }
}

/// A snapshot without any bytes is said to be empty.
fn a_snapshot(snapshot: &[u8]) -> &'static str {
    if snapshot.is_empty() { "an empty snapshot" } else { "a snapshot" }
}

impl Display for DiskChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (old, new) = (self.old_head, self.head);
        let first = self.kept_through + 1;
        if old.ballot != new.ballot {
            write!(f, " term {}", new.ballot.term)?;
            match new.ballot.voted_for {
                Some(candidate) => write!(f, ", vote for {candidate}")?,
                None => f.write_str(", no vote")?,
            }
        }
        if !self.cut.is_empty() {
            write!(f, "  without {}", Entries(first, &self.cut))?;
        }
        if !self.appended.is_empty() {
            write!(f, "  entries {}", Entries(first, &self.appended))?;
        }
        if let Some(snapshot) = &self.snapshot {
            write!(f, "  {}, so that the log begins after {}", a_snapshot(snapshot), At(new.base))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{at, entries};

    fn append(prev: LogPosition, entries: Vec<Entry>) -> RaftRequest {
        RaftRequest::AppendEntries(AppendEntries { term: 3, leader: 2, prev, entries, leader_commit: 4 })
    }

    /// A request names each of its entries by index and term.
    #[test]
    fn a_request_is_one_line() {
        let line = Request(&append(at(3, 2), entries(4, &[3, 3]))).to_string();
        assert_eq!(line, "AppendEntries    term 3  after 3:2  entries 4:3 5:3  commit 4");
    }

    /// Indices are told as ranges, and of many ranges only the first.
    #[test]
    fn indices_are_told_as_ranges() {
        let text = |indices: &[Index]| Indices(indices).to_string();
        assert_eq!(text(&[]), "nothing");
        assert_eq!(text(&[4]), "entry 4");
        assert_eq!(text(&[1, 2]), "entries 1 to 2");
        assert_eq!(text(&[1, 3, 4, 5, 2]), "entries 1, 3 to 5 and 2");
        assert_eq!(text(&(1..=2_000).collect::<Vec<_>>()), "entries 1 to 2000");
        let even: Vec<Index> = (1..=50).map(|n| 2 * n).collect();
        assert_eq!(text(&even), "entries 2, 4, 6, 8, 10, 12 … (50 entries)");
    }

    /// Of two logs, the first difference is told, wherever it is.
    #[test]
    fn the_first_difference_is_told() {
        let right = entries(1, &[1; 20]);
        let difference = |got: &[Entry]| first_difference((1, got), (1, &right)).unwrap_or_default();
        assert_eq!(difference(&right), "");
        assert_eq!(difference(&right[..12]), "entry 13 is missing");
        assert_eq!(difference(&entries(1, &[1; 21])), "entry 21 should not be there");
        let mut other = right.clone();
        other[9].term = 2;
        assert_eq!(difference(&other), "entry 10 is of term 2 and should be of term 1");
        other[9] = Entry { term: 1, command: "x".into() };
        assert_eq!(difference(&other), "entry 10 holds b\"x\" and should hold b\"10 of term 1\"");
        assert_eq!(first_difference((2, &right), (1, &right)).unwrap(), "the first is entry 2, and should be entry 1");
    }

    /// What is empty can be seen, and a value's own full stop ends no sentence.
    #[test]
    fn empty_strings_and_snapshots_are_shown() {
        let put = |key: &str, value: &str| Operation(&Op::Put { key: key.into(), value: value.into() }).to_string();
        assert_eq!(put("k", "1."), "Put k = \"1.\"");
        assert_eq!(put("", ""), "Put \"\" = \"\"");
        assert_eq!(Operation(&Op::Get { key: String::new() }).to_string(), "Get \"\"");
        let applied = |snapshot: &'static [u8]| {
            EventKind::Applied(0, ApplyMsg::Snapshot { through: at(4, 1), snapshot: snapshot.into() }).to_string()
        };
        assert_eq!(applied(b"x"), "0      applies a snapshot through 4:1");
        assert_eq!(applied(b""), "0      applies an empty snapshot through 4:1");
    }

    /// Many entries are shown by the first and the last of them.
    #[test]
    fn many_entries_stay_on_one_line() {
        let line = Request(&append(LogPosition::ZERO, entries(1, &[1; 200]))).to_string();
        assert_eq!(line, "AppendEntries    term 3  after 0:0  entries 1:1 … 200:1 (200 entries)  commit 4");
    }
}
