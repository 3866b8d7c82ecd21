//! Votes, refusals and leaderships have their reasons (§5.2, §5.4.1).

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use labrpc::{LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::election::{CAMPAIGN, COMPARES_OR_LOSES, MAJORITY, VOTE_GIVEN};
use crate::rule::replication::ELECTION_RESTRICTION;
use crate::violation::Violation;

/// A campaign may be saved together with later changes, so a vote request may describe the log at
/// any of this many latest saves.
const TAILS_MIN: usize = 4;

/// Remembers votes, and where logs are known to end.
#[derive(Default)]
pub(super) struct VoteReasons {
    /// The candidate that each server voted for in a term.
    votes: FxHashMap<(PeerId, Term), PeerId>,
    /// Without disks: the positions that each server agreed to, in order. Its log ends there or later.
    agreed_tails: FxHashMap<PeerId, Vec<AgreedTail>>,
    /// Where each server's log on disk ended at each save since it booted, with the last term in
    /// which the server had voted for itself.
    saved_tails: FxHashMap<PeerId, Vec<(Term, LogPosition)>>,
    /// Whether any log is known to hold an entry.
    has_entries: bool,
    suspicions: Vec<Suspicion>,
}

/// A position that a follower has agreed to.
struct AgreedTail {
    /// When.
    id: EventId,
    /// The term of the leader that it agreed with.
    leader_term: Term,
    position: LogPosition,
}

/// A refused vote for which no reason is known yet.
struct Suspicion {
    voter: PeerId,
    term: Term,
    candidate: PeerId,
    since: EventId,
    violation: Violation,
}

impl VoteReasons {
    /// Without disks: the least position at which a log ended before an event.
    fn tail_before(&self, server: PeerId, id: EventId) -> LogPosition {
        let tails = self.agreed_tails.get(&server);
        let earlier = tails.and_then(|tails| tails.iter().rev().find(|tail| tail.id.event < id.event));
        earlier.map(|tail| tail.position).unwrap_or_default()
    }

    /// A server answers the leader of its own term: it has heard from a leader, and its log may end elsewhere now.
    fn follows(&mut self, envelope: &Envelope, id: EventId) {
        let Some((request, reply)) = envelope.reply() else { return };
        if matches!(request, RaftRequest::RequestVote(_)) || reply.term() != request.term() {
            return;
        }
        let RaftRequest::AppendEntries(AppendEntries { entries, .. }) = request else { return };
        let RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::Through(index), .. }) = reply else {
            return;
        };
        let position = LogPosition { index: *index, ..request.through() };
        let tails = self.agreed_tails.entry(envelope.from).or_default();
        // The entries of a newer leader may have replaced what the follower agreed to before.
        let may_replace = |last: &AgreedTail| request.term() > last.leader_term && !entries.is_empty();
        if tails.last().is_none_or(|last| position > last.position || may_replace(last)) {
            tails.push(AgreedTail { id, leader_term: request.term(), position });
        }
    }

    /// A candidate says where its log ends: is that true?
    fn campaigns(
        &self,
        server: PeerId,
        term: Term,
        last_log: LogPosition,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        if !observed.has_disks {
            return Ok(());
        }
        let disk = observed.servers[server].disk.last();
        // The request may leave after the campaign was won or lost, when the log has changed already.
        let saves = self.saved_tails.get(&server).into_iter().flatten().rev().enumerate();
        let mut since_campaign = saves.take_while(|(nth, (ballot, _))| *ballot >= term || *nth < TAILS_MIN);
        if disk == last_log || since_campaign.any(|(_, (_, tail))| *tail == last_log) {
            return Ok(());
        }
        Err(Violation::new(
            &ELECTION_RESTRICTION,
            format!(
                "server {server} told a voter that its log ends at index {} of term {}",
                last_log.index, last_log.term
            ),
        )
        .with(
            id,
            format!("it campaigns in term {term}; its log on disk ends at index {} of term {}", disk.index, disk.term),
        ))
    }

    /// A server grants or refuses a vote: has it a reason?
    fn answers(&mut self, envelope: &Envelope, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let Some((
            &RaftRequest::RequestVote(RequestVote { term, candidate, last_log }),
            &RaftReply::RequestVote(RequestVoteReply { term: own, granted }),
        )) = envelope.reply()
        else {
            return Ok(());
        };
        let voter = envelope.from;
        let pending = envelope.answers.as_ref().and_then(|request| observed.servers[voter].pending(request.number));
        let Some(pending) = pending else { return Ok(()) };
        let asked = format!(
            "server {candidate} asks server {voter} for its vote in term {term}; its log ends at index {} of term {}",
            last_log.index, last_log.term
        );
        // The log's end at the time of the request is between these; without disks only the lower bound is known.
        let (tail_min, tail_max) = match observed.has_disks {
            true => (pending.tail_min, Some(pending.tail_max)),
            false => (self.tail_before(voter, pending.arrived), None),
        };
        if granted {
            self.votes.insert((voter, term), candidate);
            if tail_min <= last_log {
                return Ok(());
            }
            let LogPosition { index, term } = tail_min;
            if !observed.has_disks {
                let what = format!(
                    "server {voter} voted for server {candidate}, whose log ends before entries that server {voter} had \
                     agreed to: it did not compare the logs, or it has lost those entries"
                );
                let grants =
                    format!("server {voter} grants the vote; it had agreed through index {index} of term {term}");
                let violation = Violation::new(&ELECTION_RESTRICTION, what).look_at(&COMPARES_OR_LOSES);
                return Err(violation.with(pending.arrived, asked).with(id, grants));
            }
            let what =
                format!("server {voter} voted for server {candidate}, whose log is less up to date than its own");
            let grants = format!("server {voter} grants the vote; its own log ends at index {index} of term {term}");
            return Err(Violation::new(&ELECTION_RESTRICTION, what).with(pending.arrived, asked).with(id, grants));
        }
        let has_voted = self.votes.get(&(voter, term)).is_some_and(|first| *first != candidate);
        // Without disks, logs are unknown; but as long as no log holds an entry, all are equal.
        let is_older = tail_max.map_or(self.has_entries, |tail| tail > last_log);
        // A server may also refuse while it hears from a leader (§6).
        let hears_leader = || observed.hears_leader(voter, term, pending.arrived.at);
        if own > term || has_voted || is_older || hears_leader() {
            return Ok(());
        }
        // It may have voted for another candidate just before, and that vote may not have been seen yet.
        let what = format!("server {voter} refused to vote for server {candidate} in term {term} without a reason");
        let violation = Violation::new(&VOTE_GIVEN, what)
            .with(pending.arrived, asked)
            .with(id, "the vote is refused, although the terms are equal, the voter gave no other vote, and its log is not more up to date");
        self.suspicions.push(Suspicion { voter, term, candidate, since: id, violation });
        Ok(())
    }

    /// A refusal had no reason if none has shown within the slack.
    fn resolve(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        while let Some(oldest) = self
            .suspicions
            .first()
            .filter(|oldest| event.at() - oldest.since.at > observed.slack(oldest.voter, oldest.since.at))
        {
            let has_voted =
                self.votes.get(&(oldest.voter, oldest.term)).is_some_and(|first| *first != oldest.candidate);
            let can_have_shown = observed.ran_since(oldest.voter, oldest.since.at);
            let suspicion = self.suspicions.remove(0);
            if !has_voted && can_have_shown {
                return Err(suspicion.violation);
            }
        }
        Ok(())
    }

    /// A server sends a message as a leader: was it elected?
    fn leads(&mut self, server: PeerId, term: Term, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        if observed.may_lead(server, term) {
            return Ok(());
        }
        let what = format!("server {server} leads term {term} without a majority of its votes");
        let violation = |rule| Violation::new(rule, what.clone());
        Err(match observed.campaign(server, term) {
            None => violation(&MAJORITY)
                .with(id, format!("it sends a message as the leader of term {term}, in which it never campaigned")),
            Some(campaign) => {
                violation(&MAJORITY).with(campaign.began, format!("server {server} campaigns in term {term}")).with(
                    id,
                    format!(
                        "it sends a message as the leader; of {} servers, only {:?} voted for it",
                        observed.servers.len(),
                        campaign.voters
                    ),
                )
            }
        })
    }
}

impl Oracle for VoteReasons {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        self.resolve(event, observed)?;
        self.has_entries |= match &event.kind {
            EventKind::Started(_, _, outcome) => outcome.is_ok(),
            EventKind::Sent(envelope) => {
                matches!(envelope.request(), Some(RaftRequest::AppendEntries(AppendEntries { entries, .. })) if !entries.is_empty())
            }
            _ => false,
        };
        match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => match envelope.request() {
                Some(&RaftRequest::RequestVote(RequestVote { term, candidate, last_log })) => {
                    self.votes.insert((envelope.from, term), envelope.from);
                    if candidate != envelope.from {
                        let what = format!("server {} asked for votes for server {candidate}", envelope.from);
                        return Err(Violation::new(&CAMPAIGN, what));
                    }
                    self.campaigns(envelope.from, term, last_log, event.id, observed)
                }
                Some(request) => self.leads(envelope.from, request.term(), event.id, observed),
                None => {
                    self.follows(envelope, event.id);
                    self.answers(envelope, event.id, observed)
                }
            },
            EventKind::Saved(server, change) => {
                if let Some(candidate) = change.head.ballot.voted_for {
                    self.votes.entry((*server, change.head.ballot.term)).or_insert(candidate);
                }
                let tails = self.saved_tails.entry(*server).or_default();
                let last_ballot = tails.last().map_or(0, |(ballot, _)| *ballot);
                let is_own = change.head.ballot.voted_for == Some(*server);
                let ballot = if is_own { change.head.ballot.term } else { last_ballot };
                tails.push((ballot, observed.servers[*server].disk.last()));
                Ok(())
            }
            EventKind::Booted(server) => {
                self.agreed_tails.remove(server);
                self.saved_tails.remove(server);
                if observed.has_disks {
                    let head = observed.servers[*server].disk.head;
                    head.ballot
                        .voted_for
                        .map(|candidate| self.votes.entry((*server, head.ballot.term)).or_insert(candidate));
                } else {
                    self.votes.retain(|(voter, _), _| voter != server);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
