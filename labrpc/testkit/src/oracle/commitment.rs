//! A committed entry is held by a majority, and followers learn of it from a leader (§5.3, §5.4.2).

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVoteReply};
use labrpc::{ApplyMsg, Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use super::majorities::Majorities;
use crate::event::{Event, EventId, EventKind};
use crate::observed::{ObservedState, PendingRequest};
use crate::rule::persistence::COMMIT_FORGOTTEN;
use crate::rule::replication::{COMPLETENESS, FOLLOWER_COMMIT, MAJORITY_COMMIT, OWN_TERM_COMMIT, REFUSAL};
use crate::violation::Violation;

/// Works out what leaders may commit and what followers may apply.
#[derive(Default)]
pub(super) struct CommitByMajority {
    majorities: Majorities,
    /// For each term, the last index that its leader has announced as committed.
    announced: FxHashMap<Term, Index>,
    followers: FxHashMap<PeerId, Follower>,
    /// The newest term that each server has named.
    named: FxHashMap<PeerId, Term>,
    /// The terms of all entries that any server has applied.
    committed_terms: Vec<Term>,
}

/// Why copies alone do not commit an entry of an older term.
const OLD_COPIES: &str = "the entry is of an older term, so a later leader may still replace it";

/// What one incarnation of a server has learnt.
#[derive(Default)]
struct Follower {
    /// The index through which it may apply, by the requests that it agreed to.
    known_committed: Index,
    has_agreed: bool,
    /// What it applied because of requests that it has not answered yet: request, index, event.
    before_answer: Vec<(u64, Index, EventId)>,
}

impl CommitByMajority {
    /// The term that a server leads now, as far as it has said.
    fn leads(&self, server: PeerId, observed: &ObservedState) -> Option<Term> {
        let term = match observed.has_disks {
            true => observed.servers[server].disk.head.ballot.term,
            false => self.named.get(&server).copied().unwrap_or_default(),
        };
        Some(term).filter(|term| observed.may_lead(server, *term))
    }

    /// The highest index that the leader of `term` may announce as committed.
    fn committed_at_most(&self, server: PeerId, term: Term, observed: &ObservedState) -> Index {
        if observed.majority() == 1 {
            return Index::MAX;
        }
        let own_terms = self.majorities.iter().filter(|(led, _)| *led <= term && observed.may_lead(server, *led));
        let announced = self.announced.iter().map(|(earlier, index)| (*earlier, *index));
        let announced = announced.filter(|(earlier, _)| *earlier <= term);
        let base = observed.servers[server].disk.head.base.index;
        own_terms.chain(announced).map(|(_, index)| index).max().unwrap_or_default().max(base)
    }

    /// Checks that a majority holds the entry that a leader announces as committed.
    fn announces(
        &mut self,
        server: PeerId,
        term: Term,
        commit: Index,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        if self.announced.get(&term).is_some_and(|announced| commit <= *announced) {
            return Ok(());
        }
        let at_most = self.committed_at_most(server, term, observed);
        if commit > at_most {
            let disk = &observed.servers[server].disk;
            let own = disk.term_at(commit);
            let is_old = self.majorities.is_old_but_held(server, term, commit, own, observed);
            let rule = if is_old { &OWN_TERM_COMMIT } else { &MAJORITY_COMMIT };
            let what = format!("server {server}, the leader of term {term}, committed entry {commit} too early");
            let why = match (is_old, own) {
                (true, _) => OLD_COPIES.into(),
                (false, Some(own)) if observed.has_disks => {
                    let position = LogPosition { term: own, index: commit };
                    format!("{} of {} servers hold it", Majorities::holders(position, observed), observed.servers.len())
                }
                _ => "no majority has agreed to an entry of this term at or after that index".into(),
            };
            return Err(
                Violation::new(rule, what).with(id, format!("it announces that entry {commit} is committed: {why}"))
            );
        }
        let announced = self.announced.entry(term).or_default();
        *announced = (*announced).max(commit);
        Ok(())
    }

    /// Checks that the log of a server that wins a term holds everything that earlier leaders committed.
    fn wins(&self, server: PeerId, term: Term, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let disk = &observed.servers[server].disk;
        let won = observed.campaign(server, term).and_then(|campaign| campaign.won);
        if won != Some(id) || !observed.has_disks || disk.head.ballot.term != term {
            return Ok(());
        }
        let earlier = self.announced.iter().filter(|(earlier, _)| **earlier < term);
        let index = earlier.map(|(_, index)| *index).max().unwrap_or_default();
        let Some(&lost) = index.checked_sub(1).and_then(|slot| self.committed_terms.get(slot as usize)) else {
            return Ok(());
        };
        if disk.covers(LogPosition { term: lost, index }) {
            return Ok(());
        }
        let what = format!("server {server} won term {term} without entry {index}, which was committed before");
        let own = disk.last();
        Err(Violation::new(&COMPLETENESS, what).with(
            id,
            format!(
                "the vote that wins arrives; its log ends at index {} of term {} and does not hold entry {index} of term {lost}",
                own.index, own.term
            ),
        ))
    }

    /// Checks that a server applies only what a leader announced as committed, or what it committed as
    /// leader.
    fn applied(
        &mut self,
        server: PeerId,
        at: LogPosition,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        if at.index == self.committed_terms.len() as Index + 1 {
            self.committed_terms.push(at.term);
        }
        let follower = self.followers.entry(server).or_default();
        if at.index <= follower.known_committed {
            return Ok(());
        }
        let is_leaders = observed.campaigns_of(server).any(|term| {
            observed.may_lead(server, term) && self.majorities.last_of(term).is_some_and(|index| index >= at.index)
        });
        if is_leaders || observed.majority() == 1 {
            return Ok(());
        }
        let announces = |pending: &&PendingRequest| match pending.envelope.request() {
            Some(request @ RaftRequest::AppendEntries(AppendEntries { leader_commit, .. })) => {
                request.through().index.min(*leader_commit) >= at.index && (pending.is_held || !observed.has_disks)
            }
            _ => false,
        };
        if let Some(pending) = observed.servers[server].pending.iter().find(announces) {
            follower.before_answer.push((pending.envelope.number, at.index, id));
            return Ok(());
        }
        let applies = format!("server {server} applies entry {} of term {}", at.index, at.term);
        let known_committed = follower.known_committed;
        let has_agreed = follower.has_agreed;
        let leads = self.leads(server, observed);
        Err(if let Some(term) = leads {
            if self.majorities.is_old_but_held(server, term, at.index, Some(at.term), observed) {
                let what = format!(
                    "server {server}, the leader of term {term}, applied entry {} of term {} because a majority holds it",
                    at.index, at.term
                );
                Violation::new(&OWN_TERM_COMMIT, what).with(id, format!("{applies}: {OLD_COPIES}"))
            } else {
                let held = if observed.has_disks { "held it" } else { "had agreed to it" };
                let what = format!("server {server} applied entry {} before a majority {held}", at.index);
                Violation::new(&MAJORITY_COMMIT, what).with(id, applies)
            }
        } else if observed.has_disks && !has_agreed && observed.servers[server].incarnation > 1 {
            let what = format!(
                "server {server} restarted, and applied entry {} before a leader announced it as committed",
                at.index
            );
            Violation::new(&COMMIT_FORGOTTEN, what).with(id, applies)
        } else {
            let refused = observed.servers[server].pending.iter().any(|pending| {
                matches!(pending.envelope.request(), Some(RaftRequest::AppendEntries(AppendEntries { leader_commit, .. })) if *leader_commit >= at.index) && !pending.is_prev_held && observed.has_disks
            });
            let rule = if refused { &REFUSAL } else { &FOLLOWER_COMMIT };
            let what = format!(
                "server {server} applied entry {}, but no request that it agreed to announced it as committed",
                at.index
            );
            Violation::new(rule, what)
                .with(id, format!("{applies}; it learnt only that entries through {} are committed", known_committed))
        })
    }

    /// Checks that a follower that refuses a request has applied nothing because of that request.
    fn answered(
        &mut self,
        server: PeerId,
        number: u64,
        request: &RaftRequest,
        reply: &RaftReply,
        id: EventId,
    ) -> Result<(), Violation> {
        let follower = self.followers.entry(server).or_default();
        let RaftReply::AppendEntries(AppendEntriesReply { outcome, .. }) = reply else { return Ok(()) };
        if matches!(outcome, AppendOutcome::Through(_)) {
            let committed = match request {
                RaftRequest::AppendEntries(AppendEntries { leader_commit, .. }) => {
                    follower.has_agreed = true;
                    request.through().index.min(*leader_commit)
                }
                RaftRequest::InstallSnapshot(_) => request.through().index,
                RaftRequest::RequestVote(_) => return Ok(()),
            };
            follower.known_committed = follower.known_committed.max(committed);
            return Ok(());
        }
        let committed = follower.known_committed;
        if let Some((_, index, applied)) =
            follower.before_answer.iter().find(|(request, index, _)| *request == number && *index > committed)
        {
            let what = format!("server {server} committed entry {index} because of a request that it refused");
            return Err(Violation::new(&REFUSAL, what)
                .with(*applied, format!("server {server} applies entry {index}"))
                .with(id, "it refuses the only request that announced that entry as committed"));
        }
        follower.before_answer.retain(|(request, _, _)| *request != number);
        Ok(())
    }
}

impl Oracle for CommitByMajority {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Saved(server, change) if observed.is_whole && !change.appended.is_empty() => {
                self.majorities.count(*server, observed);
                Ok(())
            }
            EventKind::Booted(server) => {
                let base = observed.servers[*server].disk.head.base.index;
                self.named.remove(server);
                self.followers.insert(*server, Follower { known_committed: base, ..Follower::default() });
                Ok(())
            }
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                if let Some(term) = envelope.term() {
                    let named = self.named.entry(envelope.from).or_default();
                    *named = (*named).max(term);
                }
                if let Some((request, reply)) = envelope.reply() {
                    if let (
                        false,
                        RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(_) }),
                    ) = (observed.has_disks, reply)
                        && let RaftRequest::AppendEntries(_) = request
                    {
                        self.majorities.count_agreement(*term, envelope.from, request.through(), observed);
                    }
                    let number = envelope.answers.as_ref().map_or(0, |request| request.number);
                    return self.answered(envelope.from, number, request, reply, event.id);
                }
                match envelope.request() {
                    Some(&RaftRequest::AppendEntries(AppendEntries { term, leader_commit, .. }))
                        if observed.is_whole =>
                    {
                        self.announces(envelope.from, term, leader_commit, event.id, observed)
                    }
                    _ => Ok(()),
                }
            }
            EventKind::Arrived(envelope, _) if observed.is_whole => match envelope.reply() {
                Some((_, &RaftReply::RequestVote(RequestVoteReply { term, granted: true }))) => {
                    self.wins(envelope.to, term, event.id, observed)
                }
                _ => Ok(()),
            },
            EventKind::Applied(server, message) => match message {
                ApplyMsg::Command { at, .. } if observed.is_whole => self.applied(*server, *at, event.id, observed),
                ApplyMsg::Snapshot { through, .. } => {
                    let follower = self.followers.entry(*server).or_default();
                    follower.known_committed = follower.known_committed.max(through.index);
                    Ok(())
                }
                ApplyMsg::Command { .. } => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
