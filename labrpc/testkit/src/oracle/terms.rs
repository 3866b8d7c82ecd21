//! Terms only grow, and whoever meets a newer one takes it over (§5.1).

use labrpc::face::{AppendOutcome, RaftReply, RaftRequest};
use labrpc::{PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::election::{NEW_TERM, OLD_TERM, TERM_GROWS};
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, SLACK, What};

/// What each server is known to know.
#[derive(Default)]
pub(super) struct Terms {
    /// The newest term that the server itself has named, or saved.
    own: FxHashMap<PeerId, (Term, Moment)>,
    /// The newest term in a reply that has reached it.
    heard: FxHashMap<PeerId, (Term, Moment)>,
    /// When it last agreed that somebody leads its term.
    heard_leader: FxHashMap<PeerId, Moment>,
}

impl Terms {
    fn note(book: &mut FxHashMap<PeerId, (Term, Moment)>, server: PeerId, term: Term, moment: Moment) {
        let newest = book.entry(server).or_insert((term, moment));
        if term > newest.0 {
            *newest = (term, moment);
        }
    }

    /// A message leaves long after its sender has named, or been told, a newer term.
    fn names(&mut self, server: PeerId, term: Term, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let is_late =
            |since: Moment| moment.at - since.at > known.slack(server, since.at) && known.ran_since(server, since.at);
        let what =
            |newer: Term| format!("server {server} speaks of itself as in term {term}, but it was in term {newer}");
        if let Some(&(own, since)) = self.own.get(&server)
            && own > term
            && is_late(since)
        {
            return Err(Verdict::new(&TERM_GROWS, what(own))
                .with(since, format!("server {server} is in term {own}"))
                .with(moment, format!("server {server} sends a message of term {term}")));
        }
        if let Some(&(heard, since)) = self.heard.get(&server)
            && heard > term
            && is_late(since)
        {
            return Err(Verdict::new(
                &NEW_TERM,
                format!("server {server} goes on in term {term}, but was told of term {heard}"),
            )
            .with(since, format!("a reply of term {heard} reaches server {server}"))
            .with(moment, format!("server {server} sends a request of term {term}")));
        }
        Self::note(&mut self.own, server, term, moment);
        Ok(())
    }

    /// Some servers do not listen to candidates while they hear from a leader: that is their right (§6).
    fn is_loyal(&self, server: PeerId, request: &RaftRequest, moment: Moment, known: &Known) -> bool {
        let heard = self.heard_leader.get(&server).zip(known.pace);
        matches!(request, RaftRequest::RequestVote { .. })
            && heard.is_some_and(|(heard, pace)| moment.at <= heard.at + pace.election_timeout_min + SLACK)
    }

    fn replies(
        &self,
        letter: &Letter,
        request: &RaftRequest,
        reply: &RaftReply,
        moment: Moment,
        known: &Known,
    ) -> Result<(), Verdict> {
        let (server, asked, answered) = (letter.from, request.term(), reply.term());
        let sent = letter.answers.as_ref().map_or(moment, |request| request.sent);
        let verdict = |rule, what| {
            Err(Verdict::new(rule, what)
                .with(sent, format!("server {} asks, in term {asked}", letter.to))
                .with(moment, format!("server {server} answers, in term {answered}")))
        };
        if answered < asked && !self.is_loyal(server, request, moment, known) {
            return verdict(
                &NEW_TERM,
                format!("server {server} was told of term {asked}, and still answers in term {answered}"),
            );
        }
        let agrees = match reply {
            RaftReply::RequestVote { granted, .. } => *granted,
            RaftReply::AppendEntries { outcome, .. } => matches!(outcome, AppendOutcome::Through(_)),
            RaftReply::Heartbeat { .. } => false,
        };
        if agrees && answered != asked {
            return verdict(
                &OLD_TERM,
                format!("server {server} is in term {answered}, and agrees to a request of term {asked}"),
            );
        }
        Ok(())
    }
}

impl Oracle for Terms {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        match &event.what {
            What::Sent(letter) if known.is_real(letter.from) => {
                if let Some((request, reply)) = letter.reply() {
                    self.replies(letter, request, reply, event.moment, known)?;
                    if !matches!(request, RaftRequest::RequestVote { .. }) && request.term() == reply.term() {
                        self.heard_leader.insert(letter.from, event.moment);
                    }
                    return self.names(letter.from, reply.term(), event.moment, known);
                }
                letter.request().map_or(Ok(()), |request| self.names(letter.from, request.term(), event.moment, known))
            }
            What::Arrived(letter, _) => {
                if let Some((_, reply)) = letter.reply() {
                    Terms::note(&mut self.heard, letter.to, reply.term(), event.moment);
                }
                Ok(())
            }
            What::Saved(server, change) => {
                if change.head.term < change.old_head.term {
                    let (term, old) = (change.head.term, change.old_head.term);
                    return Err(Verdict::new(
                        &TERM_GROWS,
                        format!("server {server} went from term {old} back to {term}"),
                    )
                    .with(event.moment, format!("server {server} saves term {term}")));
                }
                Terms::note(&mut self.own, *server, change.head.term, event.moment);
                Ok(())
            }
            What::Booted(server) => {
                self.heard.remove(server);
                self.heard_leader.remove(server);
                // What it had named but not saved, another oracle has complained about.
                let term = known.servers[*server].disk.head.term;
                self.own.insert(*server, (term, event.moment));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
