//! Requests are answered at any time; once nothing fails, there is a leader and entries are applied.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{AppendEntries, RaftRequest};
use labrpc::{ApplyMsg, Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind, Payload};
use crate::observed::ObservedState;
use crate::rule::election::LEADER_IN_TIME;
use crate::rule::life::ANSWERS;
use crate::rule::replication::{CATCH_UP, COMMIT_AT_ONCE};
use crate::rule::service::ANSWERED;
use crate::violation::Violation;

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
#[derive(Default)]
pub(super) struct Liveness {
    cuts: BTreeSet<(PeerId, PeerId)>,
    /// When something last failed.
    failed_at: Option<Instant>,
    checked_at: Option<Instant>,
    leader: Option<CurrentLeader>,
    applied: FxHashMap<PeerId, Index>,
    /// Commands that a leader took and that no server has applied: event, leader, position.
    not_applied: VecDeque<(EventId, PeerId, LogPosition)>,
}

/// The leader of the latest term. Entries of earlier leaders may stay uncommitted until a client
/// sends a command (§5.4.2).
struct CurrentLeader {
    server: PeerId,
    term: Term,
    /// Its latest message.
    latest: EventId,
    /// The indices that it has announced as committed, and when.
    announced: VecDeque<(EventId, Index)>,
}

impl Liveness {
    fn note(&mut self, event: &Event) {
        let at = event.at();
        match &event.kind {
            EventKind::Cut(from, to, is_cut) => {
                self.failed_at = Some(at);
                match is_cut {
                    true => self.cuts.insert((*from, *to)),
                    false => self.cuts.remove(&(*from, *to)),
                };
            }
            EventKind::Crashed(_) | EventKind::Paused(..) | EventKind::Lost(..) => self.failed_at = Some(at),
            EventKind::Booted(server) => {
                self.failed_at = Some(at);
                self.applied.insert(*server, 0);
            }
            EventKind::Arrived(envelope, _) if at - envelope.sent.at > TRAVEL_MAX => self.failed_at = Some(at),
            EventKind::Sent(envelope) => {
                if let Some(&RaftRequest::AppendEntries(AppendEntries { term, leader_commit, .. })) = envelope.request()
                {
                    self.note_leader(envelope.from, term, leader_commit, event.id);
                }
            }
            EventKind::Applied(server, message) => {
                let index = match message {
                    ApplyMsg::Command { at, .. } => at.index,
                    ApplyMsg::Snapshot { through, .. } => through.index,
                };
                self.applied.insert(*server, index);
                self.not_applied.retain(|(_, _, position)| position.index > index);
            }
            EventKind::Started(server, _, Ok(position))
                if self.applied.values().all(|applied| *applied < position.index) =>
            {
                self.not_applied.push_back((event.id, *server, *position));
            }
            _ => {}
        }
    }

    fn note_leader(&mut self, leader: PeerId, term: Term, leader_commit: Index, id: EventId) {
        if self.leader.as_ref().is_none_or(|leadership| leadership.term < term) {
            self.leader = Some(CurrentLeader { server: leader, term, latest: id, announced: VecDeque::new() });
        }
        let Some(leadership) = self.leader.as_mut().filter(|leadership| leadership.term == term) else { return };
        leadership.latest = id;
        if leadership.announced.back().is_none_or(|(_, index)| leader_commit > *index) {
            leadership.announced.push_back((id, leader_commit));
        }
    }

    /// Checks that requests are answered, even while the network fails: no lock may be held for long.
    fn check_answers(id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        for (server, state) in observed.servers.iter().enumerate().filter(|(_, state)| state.is_real) {
            for pending in &state.pending {
                let envelope: &Envelope = &pending.envelope;
                let (rule, patience) = match envelope.payload {
                    Payload::ClerkRequest(_) => (&ANSWERED, CLIENT_PATIENCE),
                    _ => (&ANSWERS, ANSWER_PATIENCE),
                };
                let since = pending.arrived;
                if id.at - since.at > patience && observed.ran_since(server, since.at) {
                    let sender = if envelope.from < observed.servers.len() { "server" } else { "client" };
                    let what = format!("server {server} does not answer a request of a {sender}");
                    return Err(Violation::new(rule, what)
                        .with(since, format!("the request arrives at server {server}"))
                        .with(id, format!("{patience:?} later it is still not answered")));
                }
            }
        }
        Ok(())
    }

    fn check_all(&mut self, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        Liveness::check_answers(id, observed)?;
        let is_undisturbed =
            self.cuts.is_empty() && observed.is_whole && observed.servers.iter().all(|server| server.is_running());
        let Some(since) = self.failed_at.filter(|_| is_undisturbed) else {
            self.failed_at = Some(id.at);
            return Ok(());
        };
        let is_undisturbed_for = |patience| id.at - since > patience;
        if observed.majority() > 1 && is_undisturbed_for(LEADER_PATIENCE) {
            let is_led = self.leader.as_ref().is_some_and(|leadership| id.at - leadership.latest.at <= LEADER_PATIENCE);
            if !is_led {
                let what = format!("nothing fails, but no server has led for {LEADER_PATIENCE:?}");
                return Err(Violation::new(&LEADER_IN_TIME, what).with(id, "no server sends messages as a leader"));
            }
        }
        if !is_undisturbed_for(CATCH_UP_PATIENCE) {
            return Ok(());
        }
        let Some(leadership) = &mut self.leader else { return Ok(()) };
        while leadership.announced.get(1).is_some_and(|(since, _)| id.at - since.at > CATCH_UP_PATIENCE) {
            leadership.announced.pop_front();
        }
        let due = leadership.announced.front().filter(|(since, _)| id.at - since.at > CATCH_UP_PATIENCE);
        let behind = |committed: Index| self.applied.iter().find(move |(_, applied)| **applied < committed);
        if let Some((&(announced, committed), (server, applied))) = due.and_then(|due| Some((due, behind(due.1)?))) {
            let what = format!(
                "nothing fails, but server {server} has applied only {applied} of {committed} committed entries"
            );
            return Err(Violation::new(&CATCH_UP, what)
                .with(announced, format!("server {} announces that entry {committed} is committed", leadership.server))
                .with(id, format!("server {server} has applied entries through {applied}")));
        }
        if let Some(&(taken, leader, position)) = self.not_applied.front()
            && id.at - taken.at > CATCH_UP_PATIENCE
            && (leader, position.term) == (leadership.server, leadership.term)
        {
            let what = format!(
                "nothing fails, but the command that server {leader} took at index {} is not applied",
                position.index
            );
            return Err(Violation::new(&COMMIT_AT_ONCE, what)
                .with(taken, format!("server {leader} takes it in term {}", position.term))
                .with(id, "no server has applied it"));
        }
        self.not_applied.retain(|(_, _, position)| position.term >= leadership.term);
        Ok(())
    }
}

impl Oracle for Liveness {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        self.note(event);
        if self.checked_at.is_none_or(|looked| event.at() - looked >= LOOK_INTERVAL) {
            self.checked_at = Some(event.at());
            return self.check_all(event.id, observed);
        }
        Ok(())
    }
}
