//! A server votes once a term, and a term has one leader (Election Safety, §5.2).

use rustc_hash::FxHashMap;

use labrpc::{PeerId, Term};
use labrpc::{RaftReply, RaftRequest, RequestVote, RequestVoteReply};

use super::interface::Oracle;
use crate::event::{Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::election::{ONE_LEADER, VOTE_ONCE};
use crate::rule::persistence::REMEMBERS;
use crate::violation::Violation;

/// Remembers every vote, whether or not it arrives, and across restarts.
#[derive(Default)]
pub(super) struct OneVotePerTerm {
    votes: FxHashMap<(PeerId, Term), (PeerId, EventId)>,
    leaders: FxHashMap<Term, (PeerId, EventId)>,
}

impl OneVotePerTerm {
    fn vote(
        &mut self,
        voter: PeerId,
        term: Term,
        candidate: PeerId,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let (first, earlier) = *self.votes.entry((voter, term)).or_insert((candidate, id));
        if first == candidate {
            return Ok(());
        }
        let note = |candidate| match candidate == voter {
            true => format!("server {voter} asks for votes itself in term {term}"),
            false => format!("server {voter} votes for server {candidate} in term {term}"),
        };
        let violation = Violation::new(&VOTE_ONCE, format!("server {voter} voted twice in term {term}"))
            .with(earlier, note(first))
            .with(id, note(candidate));
        match observed.servers[voter].booted.filter(|booted| booted.event > earlier.event) {
            Some(booted) => Err(violation.with(booted, format!("server {voter} restarts")).look_at(&REMEMBERS.hint)),
            None => Err(violation),
        }
    }

    fn lead(&mut self, server: PeerId, term: Term, id: EventId) -> Result<(), Violation> {
        let (first, earlier) = *self.leaders.entry(term).or_insert((server, id));
        if first == server {
            return Ok(());
        }
        let note = |server| format!("server {server} sends a message as the leader of term {term}");
        Err(Violation::new(&ONE_LEADER, format!("servers {first} and {server} both lead term {term}"))
            .with(earlier, note(first))
            .with(id, note(server)))
    }
}

impl Oracle for OneVotePerTerm {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        if let EventKind::Booted(server) = event.kind
            && !observed.has_disks
        {
            self.votes.retain(|(voter, _), _| *voter != server); // Before lab 2C a restart forgets the vote.
        }
        let EventKind::Sent(envelope) = &event.kind else { return Ok(()) };
        match (envelope.request(), envelope.reply()) {
            (Some(&RaftRequest::RequestVote(RequestVote { term, .. })), _) => {
                self.vote(envelope.from, term, envelope.from, event.id, observed)
            }
            (Some(request), _) => self.lead(envelope.from, request.term(), event.id),
            (
                _,
                Some((
                    &RaftRequest::RequestVote(RequestVote { candidate, .. }),
                    &RaftReply::RequestVote(RequestVoteReply { term, granted: true }),
                )),
            ) => self.vote(envelope.from, term, candidate, event.id, observed),
            _ => Ok(()),
        }
    }
}
