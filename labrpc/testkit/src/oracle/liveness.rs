//! What should happen does happen: answers at any time, all else once nothing is in the way.

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
use crate::rule::life::STUCK;
use crate::rule::replication::{CATCH_UP, COMMIT_AT_ONCE};
use crate::rule::service::ANSWERED;
use crate::violation::Violation;

/// A server answers another within this: far more than it needs, even with a slow disk.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// A server answers or refuses a client within this, even one that is cut off.
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);
/// Once nothing is in the way, there is a leader within this: several elections.
const LEADER_PATIENCE: Duration = Duration::from_secs(5);
/// And what its log holds is applied everywhere within this: many round trips and heartbeats.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(2);
/// A message that travels longer is in the way of others.
const TRAVEL_MAX: Duration = Duration::from_millis(50);
/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Since when nothing is in anybody's way, and what is still owed.
#[derive(Default)]
pub(super) struct Liveness {
    cuts: BTreeSet<(PeerId, PeerId)>,
    trouble: Option<Instant>,
    looked: Option<Instant>,
    led: Option<Leadership>,
    applied: FxHashMap<PeerId, Index>,
    /// Commands that a leader took, and that nobody has applied.
    owed: VecDeque<(EventId, PeerId, LogPosition)>,
}

/// What the present leader owes. What an earlier one left behind may stay uncommitted until a
/// client comes with a command (§5.4.2).
struct Leadership {
    leader: PeerId,
    term: Term,
    spoken: EventId,
    /// What it has said to be committed, and since when.
    announced: VecDeque<(EventId, Index)>,
}

impl Liveness {
    fn sees(&mut self, event: &Event) {
        let at = event.at();
        match &event.kind {
            EventKind::Cut(from, to, is_cut) => {
                self.trouble = Some(at);
                match is_cut {
                    true => self.cuts.insert((*from, *to)),
                    false => self.cuts.remove(&(*from, *to)),
                };
            }
            EventKind::Crashed(_) | EventKind::Paused(..) | EventKind::Lost(..) => self.trouble = Some(at),
            EventKind::Booted(server) => {
                self.trouble = Some(at);
                self.applied.insert(*server, 0);
            }
            EventKind::Arrived(envelope, _) if at - envelope.sent.at > TRAVEL_MAX => self.trouble = Some(at),
            EventKind::Sent(envelope) => {
                if let Some(&RaftRequest::AppendEntries(AppendEntries { term, leader_commit, .. })) = envelope.request()
                {
                    self.speaks(envelope.from, term, leader_commit, event.id);
                }
            }
            EventKind::Applied(server, message) => {
                let index = match message {
                    ApplyMsg::Command { at, .. } => at.index,
                    ApplyMsg::Snapshot { through, .. } => through.index,
                };
                self.applied.insert(*server, index);
                self.owed.retain(|(_, _, position)| position.index > index);
            }
            EventKind::Started(server, _, Ok(position))
                if self.applied.values().all(|applied| *applied < position.index) =>
            {
                self.owed.push_back((event.id, *server, *position));
            }
            _ => {}
        }
    }

    fn speaks(&mut self, leader: PeerId, term: Term, leader_commit: Index, id: EventId) {
        if self.led.as_ref().is_none_or(|leadership| leadership.term < term) {
            self.led = Some(Leadership { leader, term, spoken: id, announced: VecDeque::new() });
        }
        let Some(leadership) = self.led.as_mut().filter(|leadership| leadership.term == term) else { return };
        leadership.spoken = id;
        if leadership.announced.back().is_none_or(|(_, index)| leader_commit > *index) {
            leadership.announced.push_back((id, leader_commit));
        }
    }

    /// Requests are answered whatever the network does: no lock is held for long.
    fn answers(id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        for (server, state) in observed.servers.iter().enumerate().filter(|(_, state)| state.is_real) {
            for pending in &state.pending {
                let envelope: &Envelope = &pending.envelope;
                let (rule, patience) = match envelope.payload {
                    Payload::ClerkRequest(_) => (&ANSWERED, CLIENT_PATIENCE),
                    _ => (&STUCK, ANSWER_PATIENCE),
                };
                let since = pending.arrived;
                if id.at - since.at > patience && observed.ran_since(server, since.at) {
                    let what = format!("server {server} does not answer server or client {}", envelope.from);
                    return Err(Violation::new(rule, what)
                        .with(since, format!("a request of {} reaches server {server}", envelope.from))
                        .with(id, format!("{patience:?} later it is not answered")));
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        Liveness::answers(id, observed)?;
        let is_calm =
            self.cuts.is_empty() && observed.is_whole && observed.servers.iter().all(|server| server.is_running());
        let Some(since) = self.trouble.filter(|_| is_calm) else {
            self.trouble = Some(id.at);
            return Ok(());
        };
        let is_calm_for = |patience| id.at - since > patience;
        if observed.majority() > 1 && is_calm_for(LEADER_PATIENCE) {
            let is_led = self.led.as_ref().is_some_and(|leadership| id.at - leadership.spoken.at <= LEADER_PATIENCE);
            if !is_led {
                let what = format!("nothing is in the way, but for {LEADER_PATIENCE:?} nobody has led");
                return Err(Violation::new(&LEADER_IN_TIME, what).with(id, "no leader speaks"));
            }
        }
        if !is_calm_for(CATCH_UP_PATIENCE) {
            return Ok(());
        }
        let Some(leadership) = &mut self.led else { return Ok(()) };
        while leadership.announced.get(1).is_some_and(|(since, _)| id.at - since.at > CATCH_UP_PATIENCE) {
            leadership.announced.pop_front();
        }
        let due = leadership.announced.front().filter(|(since, _)| id.at - since.at > CATCH_UP_PATIENCE);
        let behind = |height: Index| self.applied.iter().find(move |(_, applied)| **applied < height);
        if let Some((&(reached, height), (server, applied))) = due.and_then(|due| Some((due, behind(due.1)?))) {
            let what =
                format!("nothing is in the way, but server {server} has applied only {applied} of {height} entries");
            return Err(Violation::new(&CATCH_UP, what)
                .with(reached, format!("server {} says that entry {height} is committed", leadership.leader))
                .with(id, format!("server {server} has applied entries through {applied}")));
        }
        if let Some(&(taken, leader, position)) = self.owed.front()
            && id.at - taken.at > CATCH_UP_PATIENCE
            && (leader, position.term) == (leadership.leader, leadership.term)
        {
            let what = format!(
                "nothing is in the way, but the command that server {leader} took at index {} is not applied",
                position.index
            );
            return Err(Violation::new(&COMMIT_AT_ONCE, what)
                .with(taken, format!("server {leader} takes it, in term {}", position.term))
                .with(id, "no server has applied it"));
        }
        self.owed.retain(|(_, _, position)| position.term >= leadership.term);
        Ok(())
    }
}

impl Oracle for Liveness {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        self.sees(event);
        if self.looked.is_none_or(|looked| event.at() - looked >= LOOK_INTERVAL) {
            self.looked = Some(event.at());
            return self.look(event.id, observed);
        }
        Ok(())
    }
}
