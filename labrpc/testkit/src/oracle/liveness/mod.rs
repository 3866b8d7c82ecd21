//! Requests are answered at any time; once nothing fails, there is a leader and entries are applied.

mod backlog;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{AppendEntries, RaftRequest};
use labrpc::{ApplyMsg, Index, PeerId, Term};

use super::interface::Oracle;
use crate::event::{Event, EventId, EventKind};
use crate::observed::{ObservedState, PendingRequest, SLACK};
use crate::rule::election::LEADER_IN_TIME;
use crate::rule::life::ANSWERS;
use crate::rule::replication::{CATCH_UP, COMMIT_AT_ONCE, START_AT_ONCE};
use crate::rule::service::ANSWERED;
use crate::violation::Violation;
use crate::waited::{Awaited, Wait};
use backlog::{Backlog, TakenCommand, time_for};

/// A server answers another server within this time: far more than it needs, even with a slow disk.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// A server answers or refuses a client within this time, even if the server is cut off.
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);
/// Once nothing fails, there is a leader within this time: several elections.
const LEADER_PATIENCE: Duration = Duration::from_secs(5);
/// Once nothing fails, committed entries are applied everywhere within this time: many round trips and heartbeats.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(2);
/// A message that travels longer counts as a failure.
const TRAVEL_MAX: Duration = Duration::from_millis(50);
/// The time between two checks.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Remembers when something last failed, and what the servers still have to do.
///
/// The more bytes are owed, the longer everything that waits for them may take: [`time_for`] these bytes.
#[derive(Default)]
pub(super) struct Liveness {
    cuts: BTreeSet<(PeerId, PeerId)>,
    failed: Option<LatestFailure>,
    checked_at: Option<Instant>,
    leader: Option<CurrentLeader>,
    backlog: Backlog,
}

/// When something last failed, and how many bytes the servers owed then.
#[derive(Clone, Copy)]
struct LatestFailure {
    at: Instant,
    owed_bytes: u64,
}

impl LatestFailure {
    /// When the servers must be done with what they owed since an event, if nothing else has failed since.
    fn deadline(self, since: Instant, owed_bytes: u64) -> Instant {
        match self.at < since {
            true => since + CATCH_UP_PATIENCE + time_for(owed_bytes),
            false => self.at + CATCH_UP_PATIENCE + time_for(owed_bytes.max(self.owed_bytes)),
        }
    }
}

/// The leader of the latest term. Entries of earlier leaders may stay uncommitted until a client
/// sends a command (§5.4.2).
struct CurrentLeader {
    server: PeerId,
    term: Term,
    /// Its latest message.
    latest: EventId,
    /// What it has announced as committed.
    announced: VecDeque<Announcement>,
}

/// A leader announces that an index is committed.
#[derive(Clone, Copy)]
struct Announcement {
    id: EventId,
    index: Index,
    /// How many bytes the servers owed then.
    owed_bytes: u64,
}

impl Liveness {
    fn note(&mut self, event: &Event) {
        let at = event.at();
        match &event.kind {
            EventKind::Cut(from, to, is_cut) => {
                self.failed(at);
                match is_cut {
                    true => self.cuts.insert((*from, *to)),
                    false => self.cuts.remove(&(*from, *to)),
                };
            }
            EventKind::Crashed(_) | EventKind::Paused(..) | EventKind::Lost(..) => self.failed(at),
            EventKind::Booted(server) => {
                self.backlog.booted(*server);
                self.failed(at);
            }
            EventKind::Arrived(envelope, _) if at - envelope.sent.at > TRAVEL_MAX => self.failed(at),
            EventKind::Sent(envelope) => {
                if let Some(&RaftRequest::AppendEntries(AppendEntries { term, leader_commit, .. })) = envelope.request()
                {
                    self.note_leader(envelope.from, term, leader_commit, event.id);
                }
            }
            EventKind::Applied(server, ApplyMsg::Command { at, command }) => {
                self.backlog.applied(*server, at.index, Some(command));
            }
            EventKind::Applied(server, ApplyMsg::Snapshot { through, .. }) => {
                self.backlog.applied(*server, through.index, None);
            }
            EventKind::Started(server, command, Ok(position)) => {
                self.backlog.took(event.id, *server, *position, command);
            }
            _ => {}
        }
    }

    fn failed(&mut self, at: Instant) {
        self.failed = Some(LatestFailure { at, owed_bytes: self.backlog.owed_bytes() });
    }

    fn note_leader(&mut self, leader: PeerId, term: Term, leader_commit: Index, id: EventId) {
        if self.leader.as_ref().is_none_or(|leadership| leadership.term < term) {
            self.leader = Some(CurrentLeader { server: leader, term, latest: id, announced: VecDeque::new() });
        }
        let Some(leadership) = self.leader.as_mut().filter(|leadership| leadership.term == term) else { return };
        leadership.latest = id;
        if leadership.announced.back().is_none_or(|announced| leader_commit > announced.index) {
            let owed_bytes = self.backlog.owed_bytes();
            leadership.announced.push_back(Announcement { id, index: leader_commit, owed_bytes });
        }
    }

    /// Checks that requests are answered, even while the network fails: no lock may be held for long.
    fn check_answers(&self, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let client_patience = CLIENT_PATIENCE + time_for(self.backlog.owed_bytes());
        for (server, state) in observed.servers.iter().enumerate().filter(|(_, state)| state.is_real) {
            let is_late =
                |since: &EventId, patience| id.at - since.at > patience && observed.ran_since(server, since.at);
            let unanswered = |rule, since, sender, patience: Duration| {
                let what = format!("server {server} does not answer a request of a {sender}");
                Err(Violation::new(rule, what)
                    .with(since, format!("the request arrives at server {server}"))
                    .with(id, format!("{patience:?} later it is still not answered"))
                    .waiting(Wait::new(Awaited::Reply(server, Some(since)), id.at - since.at)))
            };
            let late = |pending: &&PendingRequest| is_late(&pending.arrived, ANSWER_PATIENCE);
            if let Some(pending) = state.pending.iter().find(late) {
                let sender = if pending.envelope.from < observed.servers.len() { "server" } else { "client" };
                return unanswered(&ANSWERS, pending.arrived, sender, ANSWER_PATIENCE);
            }
            if let Some(since) = state.clerk_requests().find(|since| is_late(since, client_patience)) {
                return unanswered(&ANSWERED, since, "client", client_patience);
            }
        }
        Ok(())
    }

    /// Checks that `start` returns, whatever fails: it waits for no other server.
    ///
    /// A save that goes on may take some time, which is known only when it ends.
    fn check_starts(id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let for_a_save = if observed.has_disks { ANSWER_PATIENCE } else { Duration::ZERO };
        for (server, state) in observed.servers.iter().enumerate() {
            let is_late = |began: &EventId| {
                let patience = observed.slack(server, began.at) + for_a_save;
                id.at - began.at > patience && observed.ran_since(server, began.at)
            };
            if let Some(began) = state.offers().find(is_late) {
                let what = format!("server {server} does not return from `start`");
                let waited = id.at - began.at;
                return Err(Violation::new(&START_AT_ONCE, what)
                    .with(began, format!("`start` was called on server {server}"))
                    .with(id, format!("{waited:.0?} later it has not returned; it may take {SLACK:?}"))
                    .waiting(Wait::new(Awaited::Return(server, "start".into()), waited)));
            }
        }
        Ok(())
    }

    fn check_all(&mut self, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        self.check_answers(id, observed)?;
        Self::check_starts(id, observed)?;
        let is_undisturbed =
            self.cuts.is_empty() && observed.is_whole && observed.servers.iter().all(|server| server.is_running());
        let Some(failed) = self.failed.filter(|_| is_undisturbed) else {
            self.failed(id.at);
            return Ok(());
        };
        let is_undisturbed_for = |patience| id.at - failed.at > patience;
        if observed.majority() > 1 && is_undisturbed_for(LEADER_PATIENCE) {
            let is_led = self.leader.as_ref().is_some_and(|leadership| id.at - leadership.latest.at <= LEADER_PATIENCE);
            if !is_led {
                let what = format!("nothing fails, but no server has led for {LEADER_PATIENCE:?}");
                let since = self.leader.as_ref().map_or(failed.at, |leadership| leadership.latest.at.max(failed.at));
                let wait = Wait::new(Awaited::Leader, id.at - since).among(0..observed.servers.len());
                let violation = Violation::new(&LEADER_IN_TIME, what).waiting(wait);
                return Err(violation.with(id, "no server sends messages as a leader"));
            }
        }
        if !is_undisturbed_for(CATCH_UP_PATIENCE) {
            return Ok(());
        }
        let Some(leadership) = &mut self.leader else { return Ok(()) };
        let is_late = |since: EventId, owed_bytes| id.at > failed.deadline(since.at, owed_bytes);
        let is_due = |announced: &Announcement| is_late(announced.id, announced.owed_bytes);
        while leadership.announced.get(1).is_some_and(is_due) {
            leadership.announced.pop_front();
        }
        let due = leadership.announced.front().filter(|announced| is_due(announced));
        if let Some((announced, (server, applied))) = due.and_then(|due| Some((due, self.backlog.behind(due.index)?))) {
            let committed = announced.index;
            let what = format!(
                "nothing fails, but server {server} has applied only {applied} of {committed} committed entries"
            );
            let announces = format!("server {} announces that entry {committed} is committed", leadership.server);
            return Err(Violation::new(&CATCH_UP, what)
                .with(announced.id, announces)
                .with(id, format!("server {server} has applied entries through {applied}"))
                .waiting(Wait::new(Awaited::CatchUp(server, committed), id.at - announced.id.at)));
        }
        let (leader, term) = (leadership.server, leadership.term);
        match self.backlog.waits_longest(term) {
            Some(command) if command.leader == leader && is_late(command.id, command.owed_bytes) => {
                let TakenCommand { id: taken, index, .. } = command;
                let what =
                    format!("nothing fails, but the command that server {leader} took at index {index} is not applied");
                Err(Violation::new(&COMMIT_AT_ONCE, what)
                    .with(taken, format!("server {leader} takes it in term {term}"))
                    .with(id, "no server has applied it")
                    .waiting(Wait::new(Awaited::Applied(Some(index), 1), id.at - taken.at)))
            }
            _ => Ok(()),
        }
    }
}

impl Oracle for Liveness {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        self.note(event);
        if let EventKind::Started(..) = &event.kind {
            Self::check_starts(event.id, observed)?;
        }
        if self.checked_at.is_none_or(|looked| event.at() - looked >= LOOK_INTERVAL) {
            self.checked_at = Some(event.at());
            return self.check_all(event.id, observed);
        }
        Ok(())
    }
}
