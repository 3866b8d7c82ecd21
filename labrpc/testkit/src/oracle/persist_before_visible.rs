//! What is told is on disk before it is told (Figure 2, persistent state).

use labrpc::{AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use labrpc::{ApplyMsg, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::persistence::DURABLE;
use crate::violation::Violation;

/// The votes that ever were on a disk.
#[derive(Default)]
pub(super) struct PersistBeforeVisible {
    saved_votes: FxHashMap<(PeerId, Term), PeerId>,
}

fn unsaved(server: PeerId, told: &str, missing: String, id: EventId) -> Violation {
    Violation::new(&DURABLE, format!("server {server} {told} before that was on disk"))
        .with(id, format!("server {server} {told}; its disk {missing}"))
}

impl PersistBeforeVisible {
    fn has_vote(&self, server: PeerId, term: Term, candidate: PeerId) -> bool {
        self.saved_votes.get(&(server, term)) == Some(&candidate)
    }

    fn sent(&self, envelope: &Envelope, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let server = envelope.from;
        let disk = &observed.servers[server].disk;
        let spoken = envelope.request().map(RaftRequest::term).or(envelope.reply().map(|(_, reply)| reply.term()));
        let Some(term) = spoken else { return Ok(()) };
        if disk.head.ballot.term < term {
            let missing = format!("says term {}", disk.head.ballot.term);
            return Err(unsaved(server, &format!("spoke of term {term}"), missing, id));
        }
        let vote = match (envelope.request(), envelope.reply()) {
            (Some(&RaftRequest::RequestVote(RequestVote { candidate, .. })), _) => Some(candidate),
            (
                _,
                Some((
                    &RaftRequest::RequestVote(RequestVote { candidate, .. }),
                    &RaftReply::RequestVote(RequestVoteReply { granted: true, .. }),
                )),
            ) => Some(candidate),
            _ => None,
        };
        if let Some(candidate) = vote
            && !self.has_vote(server, term, candidate)
        {
            let told = format!("gave server {candidate} its vote in term {term}");
            let missing = format!("says term {}, vote {:?}", disk.head.ballot.term, disk.head.ballot.voted_for);
            return Err(unsaved(server, &told, missing, id));
        }
        if let Some(request @ RaftRequest::AppendEntries(_)) = envelope.request() {
            let last = request.through();
            if disk.head.ballot.term == term && !disk.covers(last) {
                let missing = format!("ends at index {} of term {}", disk.last().index, disk.last().term);
                return Err(unsaved(server, &format!("sent entry {} of term {}", last.index, last.term), missing, id));
            }
        }
        Ok(())
    }

    /// An agreement to entries that the disk never held since they came.
    fn agreed(envelope: &Envelope, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let Some((
            asked,
            RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(index) }),
        )) = envelope.reply()
        else {
            return Ok(());
        };
        if *term != asked.term() {
            return Ok(()); // A request that has to be refused: another oracle says so.
        }
        let server = &observed.servers[envelope.from];
        let request = envelope.answers.as_ref().map(|request| request.number);
        let Some(pending) = request.and_then(|number| server.pending(number)) else { return Ok(()) };
        // Otherwise it never could have agreed: that is for another oracle to say.
        let had_it_been_saved =
            pending.is_prev_held || matches!(pending.envelope.request(), Some(RaftRequest::InstallSnapshot(_)));
        if pending.is_held || !had_it_been_saved || server.disk.last().index >= *index {
            return Ok(());
        }
        let missing = format!("ends at index {}", server.disk.last().index);
        Err(unsaved(envelope.from, &format!("agreed to entries through {index}"), missing, id)
            .with(pending.arrived, format!("they reach server {}, from server {}", envelope.from, envelope.to)))
    }
}

impl Oracle for PersistBeforeVisible {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        if !observed.has_disks {
            return Ok(());
        }
        match &event.kind {
            EventKind::Saved(server, change) => {
                if let Some(candidate) = change.head.ballot.voted_for {
                    self.saved_votes.entry((*server, change.head.ballot.term)).or_insert(candidate);
                }
                Ok(())
            }
            EventKind::Booted(server) => {
                // A script may have given it a disk with a vote on it.
                let head = observed.servers[*server].disk.head;
                if let Some(candidate) = head.ballot.voted_for {
                    self.saved_votes.entry((*server, head.ballot.term)).or_insert(candidate);
                }
                Ok(())
            }
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                self.sent(envelope, event.id, observed)?;
                PersistBeforeVisible::agreed(envelope, event.id, observed)
            }
            EventKind::Applied(server, ApplyMsg::Command { at, .. }) => {
                let disk = &observed.servers[*server].disk;
                if disk.covers(*at) {
                    return Ok(());
                }
                let missing = format!("ends at index {} of term {}", disk.last().index, disk.last().term);
                Err(unsaved(*server, &format!("handed over entry {} of term {}", at.index, at.term), missing, event.id))
            }
            _ => Ok(()),
        }
    }
}
