//! What the script expects of the real server's state: its status, what it applied, and its disk.

use std::fmt::Display;
use std::sync::Arc;

use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Entry, Index, LogPosition, PeerId, RaftRequest, Replicate, Status, Term, thread,
};

use super::cluster::REAL;
use super::steps::{about, expect_eq, fail, late};
use super::{ScriptedCluster, TRAVEL};
use crate::event_line::{At, ENTRIES_SHOWN_MAX, Entries, Indices, first_difference};
use crate::rule::election::STATUS;
use crate::rule::snapshots::CUT;
use crate::waited::{Awaited, Wait, waited_for};
use crate::world::BackgroundTask;
use crate::{Envelope, Event, EventKind};

fn describe(status: Status) -> String {
    match status {
        Status { term, is_leader: true } => format!("leader of term {term}"),
        Status { term, is_leader: false } => format!("not the leader, in term {term}"),
    }
}

impl<R: Elect> ScriptedCluster<R> {
    /// A thread that [watches](ScriptedCluster::watch) the real server is told this status at once.
    #[track_caller]
    pub fn expect_news(&self, watcher: BackgroundTask<Option<Status>>, status: Status, why: impl Display) {
        expect_eq("what a watcher is told", watcher.join_within(3 * TRAVEL).flatten(), Some(status), why);
    }

    /// The real server believes that it leads `term`.
    ///
    /// # Panics
    ///
    /// When it does not. So do all checks here.
    #[track_caller]
    pub fn expect_leader(&self, term: Term, why: impl Display) {
        self.expect_status(Status { term, is_leader: true }, why);
    }

    /// The real server is in `term`, and does not lead it.
    #[track_caller]
    pub fn expect_no_leader(&self, term: Term, why: impl Display) {
        self.expect_status(Status { term, is_leader: false }, why);
    }

    /// The real server does not lead, whatever its term.
    #[track_caller]
    pub fn expect_not_leading(&self, why: impl Display) {
        let Status { term, .. } = self.status();
        self.expect_status(Status { term, is_leader: false }, why);
    }

    #[track_caller]
    fn expect_status(&self, expected: Status, why: impl Display) {
        let got = self.status();
        if got != expected {
            let said = contradiction(&self.events(), got).unwrap_or_default();
            if !said.is_empty() {
                about(&STATUS);
            }
            let rows: [(&str, &dyn Display); 4] =
                [("expected", &describe(expected)), ("because", &why), ("got", &describe(got)), ("although", &said)];
            fail(&format!("the status of server {REAL} is wrong"), &rows);
        }
    }

    /// The entries on disk are exactly these, the first of them right after the base.
    #[track_caller]
    pub fn expect_entries_on_disk(&self, expected: &[Entry], why: impl Display) {
        let disk = self.disk();
        let got: Vec<Entry> = disk.entries.into();
        let first = disk.head.base.index + 1;
        expect_entries("the log on disk is wrong", (first, &got), (first, expected), &why);
    }

    /// The log on disk begins right after this position.
    #[track_caller]
    pub fn expect_base_on_disk(&self, expected: LogPosition, why: impl Display) {
        let got = self.disk().head.base;
        if got != expected {
            let (expected, got) = (format!("a log that begins after {}", At(expected)), At(got));
            fail("the log on disk is wrong", &[("expected", &expected), ("because", &why), ("got", &got)]);
        }
    }

    /// Term and vote on disk are these.
    #[track_caller]
    pub fn expect_ballot_on_disk(&self, term: Term, voted_for: Option<PeerId>, why: impl Display) {
        let got = self.disk().head.ballot;
        if (got.term, got.voted_for) != (term, voted_for) {
            let describe = |term, vote: Option<PeerId>| match vote {
                Some(candidate) => format!("term {term}, vote for {candidate}"),
                None => format!("term {term}, no vote"),
            };
            let (expected, got) = (describe(term, voted_for), describe(got.term, got.voted_for));
            fail("term and vote on disk are wrong", &[("expected", &expected), ("because", &why), ("got", &got)]);
        }
    }
}

impl<R: Replicate> ScriptedCluster<R> {
    /// The real server takes a command, as the entry at this position.
    #[track_caller]
    pub fn expect_taken(&self, command: impl Into<Bytes>, at: LogPosition, why: impl Display) {
        let got = self.start(command);
        if got != Ok(at) {
            let got = got.map_or("refused: it does not lead".to_string(), |at| format!("taken as entry {}", At(at)));
            let expected = format!("taken as entry {}", At(at));
            fail("`start` is wrong", &[("expected", &expected), ("because", &why), ("got", &got)]);
        }
    }

    /// The real server refuses a command, because it does not lead.
    #[track_caller]
    pub fn expect_not_taken(&self, command: impl Into<Bytes>, why: impl Display) {
        if let Ok(at) = self.start(command) {
            let got = format!("taken as entry {}", At(at));
            fail("`start` is wrong", &[("expected", &"refused"), ("because", &why), ("got", &got)]);
        }
    }

    /// Since the last check, the service has received exactly the entries of these terms, the first
    /// at index `first`; see [`entries`](super::entries). Waits one millisecond for the last of them.
    #[track_caller]
    pub fn expect_applied(&self, first: Index, terms: &[Term], why: impl Display) {
        thread::sleep(TRAVEL);
        let expected = super::entries(first, terms);
        let applied: Vec<(Index, Entry)> = self.applied().into_iter().filter_map(command).collect();
        let start = applied.first().map_or(first, |(index, _)| *index);
        let indices: Vec<Index> = applied.iter().map(|(index, _)| *index).collect();
        let got: Vec<Entry> = applied.into_iter().map(|(_, entry)| entry).collect();
        let is_in_order = (start..).zip(&indices).all(|(right, index)| right == *index);
        if !is_in_order {
            let expected = Entries(first, &expected);
            let got = format!("{}, in this order", Indices(&indices));
            let rows: [(&str, &dyn Display); 3] = [("expected", &expected), ("because", &why), ("got", &got)];
            fail("what was applied is wrong", &rows);
        }
        if start == first && got.len() < expected.len() && expected.starts_with(&got) {
            late();
            let last = first + expected.len() as Index - 1;
            waited_for(Wait::new(Awaited::CatchUp(REAL, last), TRAVEL));
        }
        expect_entries("what was applied is wrong", (start, &got), (first, &expected), &why);
    }

    /// Since the last check, the service has received nothing. Waits one millisecond.
    #[track_caller]
    pub fn expect_nothing_applied(&self, why: impl Display) {
        self.expect_applied(1, &[], why);
    }

    /// Since the last check, the service has received the entries at exactly these indices.
    #[track_caller]
    pub fn expect_applied_indices(&self, expected: impl IntoIterator<Item = Index>, why: impl Display) {
        let (got, expected) = (self.applied_indices(), Vec::from_iter(expected));
        if got != expected {
            if let Some(last) = expected.last().filter(|_| got.len() < expected.len() && expected.starts_with(&got)) {
                late();
                waited_for(Wait::new(Awaited::CatchUp(REAL, *last), TRAVEL));
            }
            let place = got.iter().zip(&expected).take_while(|(got, right)| got == right).count();
            let (told, right) = (Indices(&got).to_string(), Indices(&expected).to_string());
            let differs = match told == right {
                true => format!("after the first {place}: {}", Indices(&got[place..])),
                false => String::new(),
            };
            let rows: [(&str, &dyn Display); 4] =
                [("expected", &right), ("because", &why), ("got", &told), ("differs", &differs)];
            fail("what was applied is wrong", &rows);
        }
    }
}

impl<R: Compact> ScriptedCluster<R> {
    /// The service gives its server a snapshot, as [`snapshot`](ScriptedCluster::snapshot) does, and the server cuts
    /// its log there. If it does not, that breaks [`CUT`], whatever the test is about: the steps that follow are about
    /// a log that was cut.
    #[track_caller]
    pub fn cut(&self, through: Index, snapshot: impl Into<Bytes>) {
        self.snapshot(through, snapshot);
        let base = self.disk().head.base;
        if base.index != through {
            about(&CUT);
            let expected = format!("a log that begins after index {through}");
            let why = "the service has taken a snapshot through that index";
            fail("the log is not cut", &[("expected", &expected), ("because", &why), ("got", &At(base))]);
        }
    }
}

fn command(message: ApplyMsg) -> Option<(Index, Entry)> {
    match message {
        ApplyMsg::Command { at, command } => Some((at.index, Entry { term: at.term, command })),
        ApplyMsg::Snapshot { .. } => None,
    }
}

/// What the real server has said of itself since it booted, if that contradicts a status that it reports now.
fn contradiction(events: &[Event], status: Status) -> Option<String> {
    let boot = events.iter().rposition(|event| matches!(event.kind, EventKind::Booted(REAL))).unwrap_or(0);
    let sent = events[boot..].iter().filter_map(|event| match &event.kind {
        EventKind::Sent(envelope) if envelope.from == REAL => Some(envelope),
        _ => None,
    });
    let newest = sent.clone().filter_map(|envelope| envelope.term()).max()?;
    if newest > status.term {
        return Some(format!("it has sent a message of term {newest}"));
    }
    let as_leader = |envelope: &&Arc<Envelope>| {
        envelope.term() == Some(status.term)
            && matches!(envelope.request(), Some(RaftRequest::AppendEntries(_) | RaftRequest::InstallSnapshot(_)))
    };
    let has_led = newest == status.term && !status.is_leader && sent.clone().any(|envelope| as_leader(&envelope));
    has_led.then(|| format!("it has sent a message as the leader of term {newest}, and nothing of a newer term"))
}

#[track_caller]
fn expect_entries(what: &str, got: (Index, &[Entry]), expected: (Index, &[Entry]), why: &dyn Display) {
    if got.1 == expected.1 && (got.0 == expected.0 || got.1.is_empty()) {
        return;
    }
    let (told, right) = (Entries(got.0, got.1).to_string(), Entries(expected.0, expected.1).to_string());
    let is_shown = told != right && got.1.len().max(expected.1.len()) <= ENTRIES_SHOWN_MAX;
    let differs = if is_shown { None } else { first_difference(got, expected) };
    let differs = differs.unwrap_or_default();
    let rows: [(&str, &dyn Display); 4] =
        [("expected", &right), ("because", why), ("got", &told), ("differs", &differs)];
    fail(what, &rows);
}

#[cfg(test)]
mod tests {
    use labrpc::sim::Keep;
    use labrpc::time::Instant;
    use labrpc::wire::WireError;
    use labrpc::{NotLeader, Service};

    use super::*;
    use crate::cluster::Booted;
    use crate::contract::{Contract, TEST_TIMING};
    use crate::rule::snapshots::SENT;
    use crate::runner::{Lab, Recorded, run_simulated};
    use crate::script::agrees;
    use crate::token::Token;
    use crate::world::World;
    use crate::{EventId, Payload};

    /// What contradicts a status: messages of a newer term, or of a leader in the same one, since the last boot.
    #[test]
    fn a_status_is_compared_with_what_was_said() {
        let id = EventId { event: 0, at: Instant::ZERO };
        let event = |kind| Event { id, kind };
        let envelope =
            |(from, to), answers, payload| Arc::new(Envelope { number: 0, answers, from, to, sent: id, payload });
        let sends = |payload| event(EventKind::Sent(envelope((REAL, 1), None, payload)));
        let append = |term| {
            let append = labrpc::AppendEntries {
                term,
                leader: REAL,
                prev: LogPosition::ZERO,
                entries: Vec::new(),
                leader_commit: 0,
            };
            Payload::Request(RaftRequest::AppendEntries(append))
        };
        let is_told = |events: &[Event], term, is_leader| contradiction(events, Status { term, is_leader });
        let asked = envelope((1, REAL), None, append(3));
        let reply = envelope((REAL, 1), Some(asked), Payload::Reply(agrees(3, 0)));
        let answers = [event(EventKind::Booted(REAL)), event(EventKind::Sent(reply))];
        assert_eq!(is_told(&answers, 2, false).as_deref(), Some("it has sent a message of term 3"));
        assert_eq!(is_told(&answers, 3, false), None);
        let led = [sends(append(3))];
        let said = "it has sent a message as the leader of term 3, and nothing of a newer term";
        assert_eq!(is_told(&led, 3, false).as_deref(), Some(said));
        assert_eq!((is_told(&led, 3, true), is_told(&led, 4, false)), (None, None));
        let [sent] = led;
        assert_eq!(is_told(&[sent, event(EventKind::Booted(REAL))], 2, false), None, "it has booted since");
    }

    static WITH_DISK: Contract = Contract::new(TEST_TIMING).with_disk();

    /// A server that does nothing, so it does not cut its log either.
    struct Idle;

    impl Elect for Idle {
        fn status(&self) -> Status {
            Status { term: 0, is_leader: false }
        }

        fn watch(&self, _: Status) -> Option<Status> {
            None
        }

        fn shutdown(&self) {}
    }

    impl Replicate for Idle {
        fn start(&self, _: Bytes) -> Result<LogPosition, NotLeader> {
            Err(NotLeader)
        }
    }

    impl Compact for Idle {
        fn snapshot(&self, _: Index, _: Bytes) {}
    }

    impl Service for Idle {
        fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
            Ok(None)
        }
    }

    /// A log that is not cut is told as that, by the step that cuts it, in a test of something that comes later.
    #[test]
    fn a_cut_that_only_prepares_a_test_has_its_own_rule() {
        let token = Token::of_seed("cut", 1);
        let body = |world: &World| {
            ScriptedCluster::new(world, 3, |_| Booted::raft(Idle)).cut(6, "state");
        };
        let outcome = run_simulated(&token, Keep::All, Recorded::Nothing, Some(&WITH_DISK), &body).0;
        let failed = outcome.expect_err("the server does not cut its log");
        assert_eq!(failed.rule(Some(&SENT)), Some(&CUT));
        let story = failed.story(Some(&SENT), &Lab::guided("lab2d-snapshot"));
        assert!(
            story.contains("expected  a log that begins after index 6") && story.contains("got       0:0"),
            "{story}"
        );
        assert!(story.contains("Look at: `compact` in lab2d-snapshot/src/compacting.rs"), "{story}");
    }
}
