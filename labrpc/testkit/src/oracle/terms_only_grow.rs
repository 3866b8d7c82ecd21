//! Terms only grow, and a server that sees a newer term adopts it (§5.1).

use labrpc::{AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVoteReply};
use labrpc::{PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::Hint;
use crate::rule::election::{ASKS_IN_TERM, MESSAGE_TERM, NEW_TERM, OLD_TERM, TERM_GROWS};
use crate::rule::replication::APPENDS_IN_TERM;
use crate::rule::snapshots::SENDS_IN_TERM;
use crate::violation::Violation;

/// The terms that each server is known to have seen.
#[derive(Default)]
pub(super) struct TermsOnlyGrow {
    /// The newest term that the server itself has sent or saved.
    own: FxHashMap<PeerId, (Term, EventId)>,
    /// The newest term in a reply that has reached it.
    received: FxHashMap<PeerId, (Term, EventId)>,
}

impl TermsOnlyGrow {
    fn note(terms: &mut FxHashMap<PeerId, (Term, EventId)>, server: PeerId, term: Term, id: EventId) {
        let newest = terms.entry(server).or_insert((term, id));
        if term > newest.0 {
            *newest = (term, id);
        }
    }

    /// A server sends a message of this term: has it sent or received a newer one long before? `places` says where such
    /// messages are made.
    fn sends(
        &mut self,
        server: PeerId,
        term: Term,
        id: EventId,
        observed: &ObservedState,
        places: &'static Hint,
    ) -> Result<(), Violation> {
        let is_late = |since: EventId| {
            id.at - since.at > observed.slack(server, since.at) && observed.ran_since(server, since.at)
        };
        let what =
            |newer: Term| format!("server {server} sent a message of term {term}, but it was in term {newer} already");
        if let Some(&(own, since)) = self.own.get(&server)
            && own > term
            && is_late(since)
        {
            // With a disk it is known that the term itself has not fallen: only the message is of an older one.
            let state = &observed.servers[server];
            let knows = observed.has_disks && state.booted.is_none_or(|booted| booted.event < since.event);
            let violation = match knows && state.disk.head.ballot.term >= own {
                true => Violation::new(&MESSAGE_TERM, what(own)).look_at(places),
                false => Violation::new(&TERM_GROWS, what(own)),
            };
            return Err(violation
                .with(since, format!("server {server} is in term {own}"))
                .with(id, format!("server {server} sends a message of term {term}")));
        }
        if let Some(&(received, since)) = self.received.get(&server)
            && received > term
            && is_late(since)
        {
            return Err(Violation::new(
                &NEW_TERM,
                format!("server {server} stayed in term {term} although a reply named term {received}"),
            )
            .with(since, format!("a reply of term {received} reaches server {server}"))
            .with(id, format!("server {server} sends a request of term {term}")));
        }
        Self::note(&mut self.own, server, term, id);
        Ok(())
    }

    fn replies(
        &self,
        envelope: &Envelope,
        request: &RaftRequest,
        reply: &RaftReply,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let (server, asked, answered) = (envelope.from, request.term(), reply.term());
        let sent = envelope.answers.as_ref().map_or(id, |request| request.sent);
        let violation = |rule, what| {
            Err(Violation::new(rule, what)
                .with(sent, format!("server {} sends a request of term {asked}", envelope.to))
                .with(id, format!("server {server} replies in term {answered}")))
        };
        // A server may ignore candidates while it hears from a leader (§6).
        let is_ignored =
            || matches!(request, RaftRequest::RequestVote(_)) && observed.hears_leader(server, answered, id.at);
        if answered < asked && !is_ignored() {
            return violation(
                &NEW_TERM,
                format!("server {server} received a request of term {asked}, but still replied in term {answered}"),
            );
        }
        let agrees = match reply {
            RaftReply::RequestVote(RequestVoteReply { granted, .. }) => *granted,
            RaftReply::AppendEntries(AppendEntriesReply { outcome, .. }) => {
                matches!(outcome, AppendOutcome::Through(_))
            }
        };
        if agrees && answered != asked {
            return violation(
                &OLD_TERM,
                format!("server {server} agreed to a request of term {asked} in a reply of term {answered}"),
            );
        }
        Ok(())
    }
}

/// Where a server makes such a request.
fn makes(request: &RaftRequest) -> &'static Hint {
    match request {
        RaftRequest::RequestVote(_) => &ASKS_IN_TERM,
        RaftRequest::AppendEntries(_) => &APPENDS_IN_TERM,
        RaftRequest::InstallSnapshot(_) => &SENDS_IN_TERM,
    }
}

impl Oracle for TermsOnlyGrow {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                if let Some((request, reply)) = envelope.reply() {
                    self.replies(envelope, request, reply, event.id, observed)?;
                    return self.sends(envelope.from, reply.term(), event.id, observed, &MESSAGE_TERM.hint);
                }
                envelope.request().map_or(Ok(()), |request| {
                    self.sends(envelope.from, request.term(), event.id, observed, makes(request))
                })
            }
            EventKind::Arrived(envelope, _) => {
                if let Some((_, reply)) = envelope.reply() {
                    TermsOnlyGrow::note(&mut self.received, envelope.to, reply.term(), event.id);
                }
                Ok(())
            }
            EventKind::Saved(server, change) => {
                if change.head.ballot.term < change.old_head.ballot.term {
                    let (term, old) = (change.head.ballot.term, change.old_head.ballot.term);
                    return Err(Violation::new(
                        &TERM_GROWS,
                        format!("server {server} went from term {old} back to {term}"),
                    )
                    .with(event.id, format!("server {server} saves term {term}")));
                }
                TermsOnlyGrow::note(&mut self.own, *server, change.head.ballot.term, event.id);
                Ok(())
            }
            EventKind::Booted(server) => {
                self.received.remove(server);
                // If it had sent a newer term without saving it, `PersistBeforeVisible` has reported that.
                let term = observed.servers[*server].disk.head.ballot.term;
                self.own.insert(*server, (term, event.id));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
