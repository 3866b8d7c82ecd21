//! State is on disk before anyone can see it (Figure 2, persistent state).

use labrpc::{AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use labrpc::{ApplyMsg, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::persistence::DURABLE;
use crate::violation::Violation;

/// Remembers every vote that was ever on a disk.
#[derive(Default)]
pub(super) struct PersistBeforeVisible {
    saved_votes: FxHashMap<(PeerId, Term), PeerId>,
}

/// The server showed this state (`shown`), but its disk did not hold it (`on_disk`).
fn unsaved(server: PeerId, shown: &str, on_disk: String, id: EventId) -> Violation {
    Violation::new(&DURABLE, format!("server {server} {shown} before that was on disk"))
        .with(id, format!("server {server} {shown}; its disk {on_disk}"))
}

impl PersistBeforeVisible {
    fn has_vote(&self, server: PeerId, term: Term, candidate: PeerId) -> bool {
        self.saved_votes.get(&(server, term)) == Some(&candidate)
    }

    fn sent(&self, envelope: &Envelope, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let server = envelope.from;
        let disk = &observed.servers[server].disk;
        let Some(term) = envelope.term() else { return Ok(()) };
        if disk.head.ballot.term < term {
            let on_disk = format!("has term {}", disk.head.ballot.term);
            return Err(unsaved(server, &format!("sent a message of term {term}"), on_disk, id));
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
            let shown = format!("voted for server {candidate} in term {term}");
            let vote = disk.head.ballot.voted_for.map_or("no vote".to_string(), |voter| format!("a vote for {voter}"));
            let on_disk = format!("has term {} and {vote}", disk.head.ballot.term);
            return Err(unsaved(server, &shown, on_disk, id));
        }
        if let Some(request @ RaftRequest::AppendEntries(_)) = envelope.request() {
            let last = request.through();
            if disk.head.ballot.term == term && !disk.covers(last) {
                let on_disk =
                    format!("has a log that ends at index {} of term {}", disk.last().index, disk.last().term);
                return Err(unsaved(server, &format!("sent entry {} of term {}", last.index, last.term), on_disk, id));
            }
        }
        Ok(())
    }

    /// A server agrees to entries: has its disk held them since they arrived?
    fn agreed(envelope: &Envelope, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let Some((
            asked,
            RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(index) }),
        )) = envelope.reply()
        else {
            return Ok(());
        };
        if *term != asked.term() {
            return Ok(()); // The request must be refused: `TermsOnlyGrow` reports that.
        }
        let server = &observed.servers[envelope.from];
        let request = envelope.answers.as_ref().map(|request| request.number);
        let Some(pending) = request.and_then(|number| server.pending(number)) else { return Ok(()) };
        // If the entries could not follow the log at all, `LogMatching` reports that.
        let could_agree =
            pending.is_prev_held || matches!(pending.envelope.request(), Some(RaftRequest::InstallSnapshot(_)));
        if pending.is_held || !could_agree || server.disk.last().index >= *index {
            return Ok(());
        }
        let on_disk = format!("has a log that ends at index {}", server.disk.last().index);
        Err(unsaved(envelope.from, &format!("agreed to entries through index {index}"), on_disk, id)
            .with(pending.arrived, format!("the entries arrive, from server {}", envelope.to)))
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
                // A test may have given it a disk that holds a vote.
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
                let on_disk =
                    format!("has a log that ends at index {} of term {}", disk.last().index, disk.last().term);
                Err(unsaved(*server, &format!("applied entry {} of term {}", at.index, at.term), on_disk, event.id))
            }
            _ => Ok(()),
        }
    }
}
