//! What is committed is held by a majority, and followers learn it from a leader (§5.3, §5.4.2).

use labrpc::face::{AppendOutcome, RaftReply, RaftRequest};
use labrpc::{ApplyMsg, Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::persistence::COMMIT_FORGOTTEN;
use crate::rule::replication::{COMPLETENESS, FOLLOWER_COMMIT, MAJORITY_COMMIT, OWN_TERM_COMMIT, REFUSAL};
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, What};

/// What leaders may commit, and what followers may hand over.
#[derive(Default)]
pub(super) struct Commitment {
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
    on_trust: Vec<(u64, Index, Moment)>,
}

impl Commitment {
    /// A majority may have come to hold an entry of the term `term`: on disks, or by agreements.
    fn count(&mut self, server: PeerId, known: &Known) {
        let disk = &known.servers[server].disk;
        let tail = disk.last();
        let held = |other: &crate::watch::Server| other.disk.covers(tail);
        // The whole log need not be walked: the tail of one of those that hold it is the last such
        // entry, and whoever completes a majority has just saved.
        if known.servers.iter().filter(|other| held(other)).count() >= known.majority() {
            let index = self.by_majority.entry(tail.term).or_default();
            *index = (*index).max(tail.index);
            return;
        }
        // Its tail is not held by a majority, but an entry before it may have become so just now.
        let mut tails: Vec<LogPosition> = known.servers.iter().map(|other| other.disk.last()).collect();
        tails.sort_unstable_by_key(|tail| std::cmp::Reverse(tail.index));
        let index = tails[known.majority() - 1].index.min(tail.index);
        for index in (disk.head.base.index + 1..=index).rev() {
            let Some(term) = disk.term_at(index) else { return };
            let position = LogPosition { term, index };
            if self.by_majority.get(&term).is_some_and(|counted| *counted >= index) {
                return;
            }
            if known.servers.iter().filter(|other| other.disk.covers(position)).count() >= known.majority() {
                self.by_majority.insert(term, index);
                return;
            }
        }
    }

    /// As `count`, where disks do not tell: the leader holds all that it sends.
    fn count_agreement(&mut self, term: Term, follower: PeerId, through: LogPosition, known: &Known) {
        let agreed = self.agreed.entry(term).or_default();
        let position = agreed.entry(follower).or_default();
        *position = (*position).max(through);
        let mut positions: Vec<LogPosition> = agreed.values().copied().collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        let others = known.majority() - 1;
        // Only an entry of the leader's own term counts.
        let by_others = others.checked_sub(1).and_then(|place| positions.get(place));
        if let Some(held) = by_others.filter(|held| held.term == term) {
            let counted = self.by_majority.entry(term).or_default();
            *counted = (*counted).max(held.index);
        }
    }

    /// How far the leader of `term` may say that its log is committed.
    fn lawful(&self, server: PeerId, term: Term, known: &Known) -> Index {
        if known.majority() == 1 {
            return Index::MAX;
        }
        let own_reigns = self.by_majority.iter().filter(|(led, _)| **led <= term && known.may_lead(server, **led));
        let announced = self.announced.iter().filter(|(earlier, _)| **earlier <= term);
        let base = known.servers[server].disk.head.base.index;
        own_reigns.chain(announced).map(|(_, index)| *index).max().unwrap_or_default().max(base)
    }

    fn announces(
        &mut self,
        server: PeerId,
        term: Term,
        commit: Index,
        moment: Moment,
        known: &Known,
    ) -> Result<(), Verdict> {
        let lawful = self.lawful(server, term, known);
        if commit > lawful {
            let disk = &known.servers[server].disk;
            let own = disk.term_at(commit);
            let holders = own
                .map(|term| LogPosition { term, index: commit })
                .map_or(0, |position| known.servers.iter().filter(|server| server.disk.covers(position)).count());
            let is_old = own.is_some_and(|own| own < term) && holders >= known.majority();
            let rule = if is_old { &OWN_TERM_COMMIT } else { &MAJORITY_COMMIT };
            let what = format!("server {server}, the leader of term {term}, committed entry {commit} too early");
            let why = match (known.has_disks, is_old) {
                (true, true) => format!(
                    "the entry is of term {}, and copies of older terms' entries prove nothing",
                    own.unwrap_or_default()
                ),
                (true, false) => format!("of {} servers, {holders} hold it", known.servers.len()),
                (false, _) => "no majority has agreed to an entry of its own term at or after it".into(),
            };
            return Err(Verdict::new(rule, what).with(moment, format!("it says that {commit} is committed: {why}")));
        }
        let announced = self.announced.entry(term).or_default();
        *announced = (*announced).max(commit);
        Ok(())
    }

    /// Who wins a term must hold whatever an earlier term's leader has committed.
    fn wins(&self, server: PeerId, term: Term, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let disk = &known.servers[server].disk;
        let won = known.campaign(server, term).and_then(|campaign| campaign.won);
        if won != Some(moment) || !known.has_disks || disk.head.term != term {
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
        Err(Verdict::new(&COMPLETENESS, what).with(
            moment,
            format!(
                "it gets the vote that wins; its log ends at index {} of term {}, and does not hold entry {index} of term {lost}",
                own.index, own.term
            ),
        ))
    }

    fn applied(&mut self, server: PeerId, at: LogPosition, moment: Moment, known: &Known) -> Result<(), Verdict> {
        if at.index == self.committed_terms.len() as Index + 1 {
            self.committed_terms.push(at.term);
        }
        let follower = self.followers.entry(server).or_default();
        if at.index <= follower.told {
            return Ok(());
        }
        let is_leaders = known.campaigns_of(server).any(|term| {
            known.may_lead(server, term) && self.by_majority.get(&term).is_some_and(|index| *index >= at.index)
        });
        if is_leaders || known.majority() == 1 {
            return Ok(());
        }
        let vouches = |pending: &&crate::watch::Pending| match pending.letter.request() {
            Some(request @ RaftRequest::AppendEntries { leader_commit, .. }) => {
                request.through().index.min(*leader_commit) >= at.index && (pending.is_held || !known.has_disks)
            }
            _ => false,
        };
        if let Some(pending) = known.servers[server].pending.iter().find(vouches) {
            follower.on_trust.push((pending.letter.number, at.index, moment));
            return Ok(());
        }
        let handed = format!("server {server} hands over entry {} of term {}", at.index, at.term);
        let is_leading = known.campaigns_of(server).any(|term| known.may_lead(server, term));
        Err(if is_leading {
            let what = format!("server {server} handed over entry {} before a majority held it", at.index);
            Verdict::new(&MAJORITY_COMMIT, what).with(moment, handed)
        } else if known.has_disks && !follower.has_been_told && known.servers[server].incarnation > 1 {
            let what = format!(
                "server {server} has restarted, and handed over entry {} before any leader said that it is committed",
                at.index
            );
            Verdict::new(&COMMIT_FORGOTTEN, what).with(moment, handed)
        } else {
            let refused = known.servers[server].pending.iter().any(|pending| {
                matches!(pending.letter.request(), Some(RaftRequest::AppendEntries { leader_commit, .. }) if *leader_commit >= at.index) && !pending.is_prev_held && known.has_disks
            });
            let rule = if refused { &REFUSAL } else { &FOLLOWER_COMMIT };
            let what = format!(
                "server {server} handed over entry {}, which no request that it agreed to has vouched for",
                at.index
            );
            Verdict::new(rule, what).with(moment, format!("{handed}; it was told of no more than {}", follower.told))
        })
    }

    /// A follower has answered: what it was told now counts, or it handed over on false grounds.
    fn answered(
        &mut self,
        server: PeerId,
        number: u64,
        request: &RaftRequest,
        reply: &RaftReply,
        moment: Moment,
    ) -> Result<(), Verdict> {
        let follower = self.followers.entry(server).or_default();
        let RaftReply::AppendEntries { outcome, .. } = reply else { return Ok(()) };
        if matches!(outcome, AppendOutcome::Through(_)) {
            let told = match request {
                RaftRequest::AppendEntries { leader_commit, .. } => {
                    follower.has_been_told = true;
                    request.through().index.min(*leader_commit)
                }
                RaftRequest::InstallSnapshot { .. } => request.through().index,
                RaftRequest::RequestVote { .. } => return Ok(()),
            };
            follower.told = follower.told.max(told);
            return Ok(());
        }
        let told = follower.told;
        if let Some((_, index, handed)) =
            follower.on_trust.iter().find(|(trusted, index, _)| *trusted == number && *index > told)
        {
            let what = format!("server {server} committed entry {index} upon a request that it refused");
            return Err(Verdict::new(&REFUSAL, what)
                .with(*handed, format!("server {server} hands over entry {index}"))
                .with(moment, "it refuses the only request that vouches for that"));
        }
        follower.on_trust.retain(|(trusted, _, _)| *trusted != number);
        Ok(())
    }
}

impl Oracle for Commitment {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        match &event.what {
            What::Saved(server, change) if known.is_whole && !change.appended.is_empty() => {
                self.count(*server, known);
                Ok(())
            }
            What::Booted(server) => {
                let base = known.servers[*server].disk.head.base.index;
                self.followers.insert(*server, Follower { told: base, ..Follower::default() });
                Ok(())
            }
            What::Sent(letter) if known.is_real(letter.from) => {
                if let Some((request, reply)) = letter.reply() {
                    if let (false, RaftReply::AppendEntries { term, outcome: AppendOutcome::Through(_) }) =
                        (known.has_disks, reply)
                        && let RaftRequest::AppendEntries { .. } = request
                    {
                        self.count_agreement(*term, letter.from, request.through(), known);
                    }
                    let number = letter.answers.as_ref().map_or(0, |request| request.number);
                    return self.answered(letter.from, number, request, reply, event.moment);
                }
                match letter.request() {
                    Some(&RaftRequest::AppendEntries { term, leader_commit, .. }) if known.is_whole => {
                        self.announces(letter.from, term, leader_commit, event.moment, known)
                    }
                    _ => Ok(()),
                }
            }
            What::Arrived(letter, _) if known.is_whole => match letter.reply() {
                Some((_, &RaftReply::RequestVote { term, granted: true })) => {
                    self.wins(letter.to, term, event.moment, known)
                }
                _ => Ok(()),
            },
            What::Applied(server, message) => match message {
                ApplyMsg::Command { at, .. } if known.is_whole => self.applied(*server, *at, event.moment, known),
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
