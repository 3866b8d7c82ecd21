//! What is committed is held by a majority, and followers learn it from a leader (§5.3, §5.4.2).

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVoteReply};
use labrpc::{ApplyMsg, Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Event, EventId, EventKind};
use crate::observed::{ObservedState, PendingRequest, ServerState};
use crate::rule::persistence::COMMIT_FORGOTTEN;
use crate::rule::replication::{COMPLETENESS, FOLLOWER_COMMIT, MAJORITY_COMMIT, OWN_TERM_COMMIT, REFUSAL};
use crate::violation::Violation;

/// What leaders may commit, and what followers may hand over.
#[derive(Default)]
pub(super) struct CommitByMajority {
    /// The last index whose entry, of that very term, a majority has held at some moment.
    by_majority: FxHashMap<Term, Index>,
    /// The last index that a leader of a term has said to be committed, lawfully.
    announced: FxHashMap<Term, Index>,
    /// How far each follower has agreed with the leader of a term: what is known without disks.
    agreed: FxHashMap<Term, FxHashMap<PeerId, LogPosition>>,
    followers: FxHashMap<PeerId, Follower>,
    /// The terms of all entries that any server has handed over.
    committed_terms: Vec<Term>,
}

/// What one incarnation of a server was told.
#[derive(Default)]
struct Follower {
    /// Through where it may hand over, by requests that it agreed to.
    told: Index,
    has_been_told: bool,
    /// What it handed over on the strength of requests that it has not answered yet.
    on_trust: Vec<(u64, Index, EventId)>,
}

impl CommitByMajority {
    /// A majority may have come to hold an entry of the term `term`: on disks, or by agreements.
    fn count(&mut self, server: PeerId, observed: &ObservedState) {
        let disk = &observed.servers[server].disk;
        let tail = disk.last();
        let held = |other: &ServerState| other.disk.covers(tail);
        // The whole log need not be walked: the tail of one of those that hold it is the last such
        // entry, and whoever completes a majority has just saved.
        if observed.servers.iter().filter(|other| held(other)).count() >= observed.majority() {
            let index = self.by_majority.entry(tail.term).or_default();
            *index = (*index).max(tail.index);
            return;
        }
        // Its tail is not held by a majority, but an entry before it may have become so just now.
        let mut tails: Vec<LogPosition> = observed.servers.iter().map(|other| other.disk.last()).collect();
        tails.sort_unstable_by_key(|tail| std::cmp::Reverse(tail.index));
        let index = tails[observed.majority() - 1].index.min(tail.index);
        for index in (disk.head.base.index + 1..=index).rev() {
            let Some(term) = disk.term_at(index) else { return };
            let position = LogPosition { term, index };
            if self.by_majority.get(&term).is_some_and(|counted| *counted >= index) {
                return;
            }
            if observed.servers.iter().filter(|other| other.disk.covers(position)).count() >= observed.majority() {
                self.by_majority.insert(term, index);
                return;
            }
        }
    }

    /// As `count`, where disks do not tell: the leader holds all that it sends.
    fn count_agreement(&mut self, term: Term, follower: PeerId, through: LogPosition, observed: &ObservedState) {
        let agreed = self.agreed.entry(term).or_default();
        let position = agreed.entry(follower).or_default();
        *position = (*position).max(through);
        let mut positions: Vec<LogPosition> = agreed.values().copied().collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        let others = observed.majority() - 1;
        // Only an entry of the leader's own term counts.
        let by_others = others.checked_sub(1).and_then(|place| positions.get(place));
        if let Some(held) = by_others.filter(|held| held.term == term) {
            let counted = self.by_majority.entry(term).or_default();
            *counted = (*counted).max(held.index);
        }
    }

    /// How far the leader of `term` may say that its log is committed.
    fn lawful(&self, server: PeerId, term: Term, observed: &ObservedState) -> Index {
        if observed.majority() == 1 {
            return Index::MAX;
        }
        let own_reigns = self.by_majority.iter().filter(|(led, _)| **led <= term && observed.may_lead(server, **led));
        let announced = self.announced.iter().filter(|(earlier, _)| **earlier <= term);
        let base = observed.servers[server].disk.head.base.index;
        own_reigns.chain(announced).map(|(_, index)| *index).max().unwrap_or_default().max(base)
    }

    fn announces(
        &mut self,
        server: PeerId,
        term: Term,
        commit: Index,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let lawful = self.lawful(server, term, observed);
        if commit > lawful {
            let disk = &observed.servers[server].disk;
            let own = disk.term_at(commit);
            let holders = own
                .map(|term| LogPosition { term, index: commit })
                .map_or(0, |position| observed.servers.iter().filter(|server| server.disk.covers(position)).count());
            let is_old = own.is_some_and(|own| own < term) && holders >= observed.majority();
            let rule = if is_old { &OWN_TERM_COMMIT } else { &MAJORITY_COMMIT };
            let what = format!("server {server}, the leader of term {term}, committed entry {commit} too early");
            let why = match (observed.has_disks, is_old) {
                (true, true) => format!(
                    "the entry is of term {}, and copies of older terms' entries prove nothing",
                    own.unwrap_or_default()
                ),
                (true, false) => format!("of {} servers, {holders} hold it", observed.servers.len()),
                (false, _) => "no majority has agreed to an entry of its own term at or after it".into(),
            };
            return Err(Violation::new(rule, what).with(id, format!("it says that {commit} is committed: {why}")));
        }
        let announced = self.announced.entry(term).or_default();
        *announced = (*announced).max(commit);
        Ok(())
    }

    /// Who wins a term must hold whatever an earlier term's leader has committed.
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
                "it gets the vote that wins; its log ends at index {} of term {}, and does not hold entry {index} of term {lost}",
                own.index, own.term
            ),
        ))
    }

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
        if at.index <= follower.told {
            return Ok(());
        }
        let is_leaders = observed.campaigns_of(server).any(|term| {
            observed.may_lead(server, term) && self.by_majority.get(&term).is_some_and(|index| *index >= at.index)
        });
        if is_leaders || observed.majority() == 1 {
            return Ok(());
        }
        let vouches = |pending: &&PendingRequest| match pending.envelope.request() {
            Some(request @ RaftRequest::AppendEntries(AppendEntries { leader_commit, .. })) => {
                request.through().index.min(*leader_commit) >= at.index && (pending.is_held || !observed.has_disks)
            }
            _ => false,
        };
        if let Some(pending) = observed.servers[server].pending.iter().find(vouches) {
            follower.on_trust.push((pending.envelope.number, at.index, id));
            return Ok(());
        }
        let handed = format!("server {server} hands over entry {} of term {}", at.index, at.term);
        let is_leading = observed.campaigns_of(server).any(|term| observed.may_lead(server, term));
        Err(if is_leading {
            let what = format!("server {server} handed over entry {} before a majority held it", at.index);
            Violation::new(&MAJORITY_COMMIT, what).with(id, handed)
        } else if observed.has_disks && !follower.has_been_told && observed.servers[server].incarnation > 1 {
            let what = format!(
                "server {server} has restarted, and handed over entry {} before any leader said that it is committed",
                at.index
            );
            Violation::new(&COMMIT_FORGOTTEN, what).with(id, handed)
        } else {
            let refused = observed.servers[server].pending.iter().any(|pending| {
                matches!(pending.envelope.request(), Some(RaftRequest::AppendEntries(AppendEntries { leader_commit, .. })) if *leader_commit >= at.index) && !pending.is_prev_held && observed.has_disks
            });
            let rule = if refused { &REFUSAL } else { &FOLLOWER_COMMIT };
            let what = format!(
                "server {server} handed over entry {}, which no request that it agreed to has vouched for",
                at.index
            );
            Violation::new(rule, what).with(id, format!("{handed}; it was told of no more than {}", follower.told))
        })
    }

    /// A follower has answered: what it was told now counts, or it handed over on false grounds.
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
            let told = match request {
                RaftRequest::AppendEntries(AppendEntries { leader_commit, .. }) => {
                    follower.has_been_told = true;
                    request.through().index.min(*leader_commit)
                }
                RaftRequest::InstallSnapshot(_) => request.through().index,
                RaftRequest::RequestVote(_) => return Ok(()),
            };
            follower.told = follower.told.max(told);
            return Ok(());
        }
        let told = follower.told;
        if let Some((_, index, handed)) =
            follower.on_trust.iter().find(|(trusted, index, _)| *trusted == number && *index > told)
        {
            let what = format!("server {server} committed entry {index} upon a request that it refused");
            return Err(Violation::new(&REFUSAL, what)
                .with(*handed, format!("server {server} hands over entry {index}"))
                .with(id, "it refuses the only request that vouches for that"));
        }
        follower.on_trust.retain(|(trusted, _, _)| *trusted != number);
        Ok(())
    }
}

impl Oracle for CommitByMajority {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Saved(server, change) if observed.is_whole && !change.appended.is_empty() => {
                self.count(*server, observed);
                Ok(())
            }
            EventKind::Booted(server) => {
                let base = observed.servers[*server].disk.head.base.index;
                self.followers.insert(*server, Follower { told: base, ..Follower::default() });
                Ok(())
            }
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                if let Some((request, reply)) = envelope.reply() {
                    if let (
                        false,
                        RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::Through(_) }),
                    ) = (observed.has_disks, reply)
                        && let RaftRequest::AppendEntries(_) = request
                    {
                        self.count_agreement(*term, envelope.from, request.through(), observed);
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
                    follower.told = follower.told.max(through.index);
                    Ok(())
                }
                ApplyMsg::Command { .. } => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
