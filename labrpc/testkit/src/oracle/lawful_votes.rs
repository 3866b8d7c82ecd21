//! Votes, refusals and leaders have their reasons (§5.2, §5.4.1).

use labrpc::face::{AppendOutcome, RaftReply, RaftRequest};
use labrpc::time::Instant;
use labrpc::{LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::election::{CAMPAIGN, MAJORITY, VOTE_GIVEN};
use crate::rule::replication::ELECTION_RESTRICTION;
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, SLACK, What};

/// A campaign may go to disk together with what came next: it may be of any of so many last saves.
const TAILS_MIN: usize = 4;

/// Who voted for whom, and where logs are known to end.
#[derive(Default)]
pub(super) struct LawfulVotes {
    votes: FxHashMap<(PeerId, Term), PeerId>,
    /// Where a log without a disk at least ends: the last position that it agreed to.
    agreed_tails: FxHashMap<PeerId, Vec<(Moment, LogPosition)>>,
    /// Where logs on disks have ended since their servers booted, each save with the last term in
    /// which the server had voted for itself.
    saved_tails: FxHashMap<PeerId, Vec<(Term, LogPosition)>>,
    /// When each server last heard from a leader of its term.
    heard_leader: FxHashMap<PeerId, Instant>,
    /// Whether any log is known to hold anything.
    has_entries: bool,
    suspicions: Vec<Suspicion>,
}

/// A refusal for which no reason is known yet.
struct Suspicion {
    voter: PeerId,
    term: Term,
    candidate: PeerId,
    since: Moment,
    verdict: Verdict,
}

impl LawfulVotes {
    /// Where a log without a disk at least ended, at some moment.
    fn tail_before(&self, server: PeerId, moment: Moment) -> LogPosition {
        let tails = self.agreed_tails.get(&server);
        let earlier = tails.and_then(|tails| tails.iter().rev().find(|(agreed, _)| agreed.event < moment.event));
        earlier.map(|(_, tail)| *tail).unwrap_or_default()
    }

    fn campaigns(
        &self,
        server: PeerId,
        term: Term,
        last_log: LogPosition,
        moment: Moment,
        known: &Known,
    ) -> Result<(), Verdict> {
        if !known.has_disks {
            return Ok(());
        }
        let disk = known.servers[server].disk.last();
        // A request may leave when the campaign is won already, or lost, and the log is another.
        let saves = self.saved_tails.get(&server).into_iter().flatten().rev().enumerate();
        let mut since_ballot = saves.take_while(|(nth, (ballot, _))| *ballot >= term || *nth < TAILS_MIN);
        if disk == last_log || since_ballot.any(|(_, (_, tail))| *tail == last_log) {
            return Ok(());
        }
        Err(Verdict::new(
            &ELECTION_RESTRICTION,
            format!("server {server} says that its log ends at index {} of term {}", last_log.index, last_log.term),
        )
        .with(
            moment,
            format!("it campaigns in term {term}; its log on disk ends at index {} of term {}", disk.index, disk.term),
        ))
    }

    fn answers(&mut self, letter: &Letter, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let Some((
            &RaftRequest::RequestVote { term, candidate, last_log },
            &RaftReply::RequestVote { term: own, granted },
        )) = letter.reply()
        else {
            return Ok(());
        };
        let voter = letter.from;
        let pending = letter.answers.as_ref().and_then(|request| known.servers[voter].pending(request.number));
        let Some(pending) = pending else { return Ok(()) };
        let asked = format!(
            "server {candidate} asks server {voter} for its vote in term {term}; its log ends at index {} of term {}",
            last_log.index, last_log.term
        );
        // The tail when it was asked lies between these; without a disk only a lower bound is known.
        let (tail_min, tail_max) = match known.has_disks {
            true => (pending.tail_min, Some(pending.tail_max)),
            false => (self.tail_before(voter, pending.arrived), None),
        };
        if granted {
            self.votes.insert((voter, term), candidate);
            if tail_min <= last_log {
                return Ok(());
            }
            let what = format!("server {voter} voted for server {candidate}, whose log is older than its own");
            return Err(Verdict::new(&ELECTION_RESTRICTION, what).with(pending.arrived, asked).with(
                moment,
                format!(
                    "it is given the vote, by a log that ends at index {} of term {}",
                    tail_min.index, tail_min.term
                ),
            ));
        }
        let has_voted = self.votes.get(&(voter, term)).is_some_and(|first| *first != candidate);
        // Without disks, logs are not known; but as long as nobody has anything, all are equal.
        let is_older = tail_max.map_or(self.has_entries, |tail| tail > last_log);
        // Some servers also refuse while they hear from a leader: that is their right.
        let is_loyal = known
            .pace
            .zip(self.heard_leader.get(&voter))
            .is_some_and(|(pace, heard)| pending.arrived.at <= *heard + pace.election_timeout_min + SLACK);
        if own > term || has_voted || is_older || is_loyal {
            return Ok(());
        }
        // It may have voted for somebody else just now, and not have said so yet.
        let what = format!("server {voter} refused server {candidate} its vote in term {term} without a reason");
        let verdict = Verdict::new(&VOTE_GIVEN, what).with(pending.arrived, asked).with(
            moment,
            "it is refused: the term is the same, no vote was given in it, and the voter's log is no newer",
        );
        self.suspicions.push(Suspicion { voter, term, candidate, since: moment, verdict });
        Ok(())
    }

    /// A refusal whose reason has not shown for so long had none.
    fn resolve(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        while let Some(oldest) = self
            .suspicions
            .first()
            .filter(|oldest| event.at() - oldest.since.at > known.slack(oldest.voter, oldest.since.at))
        {
            let has_voted =
                self.votes.get(&(oldest.voter, oldest.term)).is_some_and(|first| *first != oldest.candidate);
            let can_have_shown = known.ran_since(oldest.voter, oldest.since.at);
            let suspicion = self.suspicions.remove(0);
            if !has_voted && can_have_shown {
                return Err(suspicion.verdict);
            }
        }
        Ok(())
    }

    fn leads(&mut self, server: PeerId, term: Term, moment: Moment, known: &Known) -> Result<(), Verdict> {
        if known.may_lead(server, term) {
            return Ok(());
        }
        let what = format!("server {server} leads term {term} without a majority of its votes");
        let verdict = |rule| Verdict::new(rule, what.clone());
        Err(match known.campaign(server, term) {
            None => verdict(&MAJORITY)
                .with(moment, format!("it speaks as the leader of term {term}, in which it never campaigned")),
            Some(campaign) => {
                verdict(&MAJORITY).with(campaign.began, format!("server {server} campaigns in term {term}")).with(
                    moment,
                    format!(
                        "it speaks as its leader; of {} servers, only {:?} voted for it",
                        known.servers.len(),
                        campaign.voters
                    ),
                )
            }
        })
    }
}

impl Oracle for LawfulVotes {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        self.resolve(event, known)?;
        self.has_entries |= match &event.what {
            What::Started(_, _, outcome) => outcome.is_ok(),
            What::Sent(letter) => {
                matches!(letter.request(), Some(RaftRequest::AppendEntries { entries, .. }) if !entries.is_empty())
            }
            _ => false,
        };
        match &event.what {
            What::Sent(letter) if known.is_real(letter.from) => match letter.request() {
                Some(&RaftRequest::RequestVote { term, candidate, last_log }) => {
                    self.votes.insert((letter.from, term), letter.from);
                    if candidate != letter.from {
                        let what = format!("server {} asks for votes in the name of server {candidate}", letter.from);
                        return Err(Verdict::new(&CAMPAIGN, what));
                    }
                    self.campaigns(letter.from, term, last_log, event.moment, known)
                }
                Some(request) => self.leads(letter.from, request.term(), event.moment, known),
                None => {
                    if let Some((request, reply)) = letter.reply()
                        && !matches!(request, RaftRequest::RequestVote { .. })
                        && reply.term() == request.term()
                    {
                        self.heard_leader.insert(letter.from, event.at());
                        if let (
                            RaftRequest::AppendEntries { prev, entries, .. },
                            RaftReply::AppendEntries { outcome: AppendOutcome::Through(index), .. },
                        ) = (request, reply)
                        {
                            let term = entries.last().map_or(prev.term, |entry| entry.term);
                            let tail = LogPosition { term, index: *index };
                            let tails = self.agreed_tails.entry(letter.from).or_default();
                            if tails.last().is_none_or(|(_, last)| tail > *last) {
                                tails.push((event.moment, tail));
                            }
                        }
                    }
                    self.answers(letter, event.moment, known)
                }
            },
            What::Saved(server, change) => {
                if let Some(candidate) = change.head.voted_for {
                    self.votes.entry((*server, change.head.term)).or_insert(candidate);
                }
                let tails = self.saved_tails.entry(*server).or_default();
                let last_ballot = tails.last().map_or(0, |(ballot, _)| *ballot);
                let is_own = change.head.voted_for == Some(*server);
                let ballot = if is_own { change.head.term } else { last_ballot };
                tails.push((ballot, known.servers[*server].disk.last()));
                Ok(())
            }
            What::Booted(server) => {
                self.agreed_tails.remove(server);
                self.saved_tails.remove(server);
                self.heard_leader.remove(server);
                if known.has_disks {
                    let head = known.servers[*server].disk.head;
                    head.voted_for.map(|candidate| self.votes.entry((*server, head.term)).or_insert(candidate));
                } else {
                    self.votes.retain(|(voter, _), _| voter != server);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use labrpc::face::{DiskHead, LogEntry, Unspoken};
    use labrpc::network::{Message, Passage, Port, Tap};
    use labrpc::sim::{self, Keep};
    use labrpc::wire::{self, WireError};
    use labrpc::{Bytes, Index, Persister, Save};

    use super::*;
    use crate::eyes::{DiskEyes, Eyes};
    use crate::lab::run_simulated;
    use crate::token::Token;
    use crate::world::World;

    /// The eyes of a lab whose servers ask for votes, and save a ballot and the terms of entries.
    const BALLOTS_ONLY: Eyes = Eyes {
        read_request: |bytes| {
            let (term, candidate, index, last_term): (Term, PeerId, Index, Term) = wire::decode(bytes)?;
            Ok(RaftRequest::RequestVote { term, candidate, last_log: LogPosition { term: last_term, index } })
        },
        write_request: |_| Err(Unspoken),
        read_reply: |bytes| Err(unread(bytes)),
        write_reply: |_| Err(Unspoken),
        disk: Some(DiskEyes {
            read_head: |bytes| {
                let (term, voted_for) = wire::decode(bytes)?;
                Ok(DiskHead { term, voted_for, ..DiskHead::default() })
            },
            write_head: |head| wire::encode(&(head.term, head.voted_for)).into(),
            read_entry: |bytes| Ok(LogEntry { term: wire::decode(bytes)?, command: Bytes::default() }),
            write_entry: |entry| wire::encode(&entry.term).into(),
        }),
        kv: None,
        pace: None,
    };

    fn unread(_: &[u8]) -> WireError {
        wire::decode::<u64>(&[]).expect_err("no bytes are no number")
    }

    /// A server campaigns, wins by its own vote alone, and takes commands; only then its request
    /// for another's vote leaves. The rule that this breaks, if its log then ended at `last_log`.
    fn broken_by_late_request(last_log: LogPosition) -> Option<&'static str> {
        let token = Token { test: "late".into(), seed: 1, kept: None };
        let body = move |world: &World| {
            let watch = world.watch(1, |_| true).expect("time is virtual");
            watch.booted(0, sim::new_node("server 0"), None);
            let disk = Persister::new(0);
            disk.set_tap(Arc::new(watch.clone()));
            let head: Bytes = wire::encode(&(1 as Term, Some(0 as PeerId))).into();
            disk.save(Save { head: head.clone(), ..Save::default() });
            for keep in 0..=TAILS_MIN {
                let append = vec![wire::encode(&(1 as Term)).into()];
                disk.save(Save { head: head.clone(), keep, append, ..Save::default() });
                let position = LogPosition { term: 1, index: keep as Index + 1 };
                watch.started(0, &Bytes::default(), Ok(position));
            }
            let bytes = wire::encode(&(1 as Term, 0 as PeerId, last_log.index, last_log.term)).into();
            let request = Message { number: 0, answers: None, from: 0, to: 1, port: Port::Raft, bytes };
            watch.message(Instant::now(), &request, Passage::Sent);
        };
        let outcome = run_simulated(&token, Keep::All, false, Some(BALLOTS_ONLY), &body).0;
        outcome.err().map(|broken| broken.rule(None).map_or("none", |rule| rule.name))
    }

    /// A request may leave long after its campaign, and tells of the log as it was at some moment since.
    #[test]
    fn a_late_request_tells_of_its_campaign() {
        assert_eq!(broken_by_late_request(LogPosition::default()), None);
        let never = LogPosition { term: 1, index: 100 };
        assert_eq!(broken_by_late_request(never), Some("election-restriction"));
    }
}
