//! After every save, the disk holds a state to restart from (Figure 2, Figure 13).

use labrpc::{ApplyMsg, Index, LogPosition, PeerId, Term};
use labrpc::{Ballot, Head, RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{DiskChange, Event, EventId, EventKind};
use crate::observed::{DiskState, ObservedState, ServerState};
use crate::rule::Rule;
use crate::rule::election::VOTE_ONCE;
use crate::rule::persistence::{CRASH_IMAGE, REMEMBERS, SAVED_LOG};
use crate::rule::snapshots::{BOUNDARY, CUTS, DISCARDS, INSTALLS, OPAQUE, SENDS};
use crate::violation::Violation;

/// Checks each save.
#[derive(Default)]
pub(super) struct CrashImages {
    /// The term of each entry that was applied, from index 1 on.
    committed: Vec<Term>,
    /// The same for entries after a gap: a scripted leader's snapshot came before them.
    committed_later: FxHashMap<Index, Term>,
    /// Votes that were sent, as opposed to votes that were only on a disk.
    sent_votes: FxHashMap<(PeerId, Term), (PeerId, EventId)>,
}

fn broken(rule: &'static Rule, what: String, id: EventId, disk: &DiskState) -> Violation {
    let Head { ballot: Ballot { term, voted_for }, base } = disk.head;
    let vote = voted_for.map_or("no vote".into(), |candidate| format!("a vote for server {candidate}"));
    let (first, last) = (base.index + 1, disk.last().index);
    let log = match (last < first, base.index) {
        (true, 0) => "an empty log".to_string(),
        (true, base) => format!("no entries after index {base}"),
        (false, _) => format!("the log from index {first} to {last}"),
    };
    let state = format!("the disk now holds term {term}, {vote}, and {log}");
    Violation::new(rule, what).with(id, state)
}

impl CrashImages {
    fn vote_changed(&self, server: PeerId, head: Head, old: Head, id: EventId, observed: &ObservedState) -> Violation {
        let ServerState { disk, booted, .. } = &observed.servers[server];
        let what = format!("server {server} changed its vote in term {} on disk", head.ballot.term);
        let sent = self
            .sent_votes
            .get(&(server, head.ballot.term))
            .filter(|(candidate, _)| Some(*candidate) == old.ballot.voted_for);
        let Some((candidate, given)) = sent else {
            // The vote on disk was never sent: it belonged to another term, or to no candidate.
            return broken(&CRASH_IMAGE, what, id, disk);
        };
        let has_restarted = booted.filter(|booted| booted.event > given.event);
        let rule = if has_restarted.is_some() { &REMEMBERS } else { &VOTE_ONCE };
        let violation = broken(rule, what, id, disk)
            .with(*given, format!("server {server} votes for server {candidate} in term {}", head.ballot.term));
        match has_restarted {
            Some(booted) => violation.with(booted, format!("server {server} boots with that vote on its disk")),
            None => violation,
        }
    }

    fn saved(
        &self,
        server: PeerId,
        change: &DiskChange,
        id: EventId,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let disk = &observed.servers[server].disk;
        if let Some(place) = change.appended.iter().position(|entry| entry.term == 0) {
            let index = change.kept_through + 1 + place as Index;
            let what = format!("server {server} saved something of term 0 as entry {index}, and there is no term 0");
            return Err(broken(&SAVED_LOG, what, id, disk));
        }
        let (old, new) = (change.old_head, change.head);
        if old.ballot.term == new.ballot.term
            && old.ballot.voted_for.is_some()
            && old.ballot.voted_for != new.ballot.voted_for
        {
            return Err(self.vote_changed(server, new, old, id, observed));
        }
        if new.base.index < old.base.index {
            let what = format!(
                "the log of server {server} began after index {}, but now begins after {}",
                old.base.index, new.base.index
            );
            return Err(broken(&CRASH_IMAGE, what, id, disk));
        }
        if new.base == old.base {
            if change.snapshot.is_some()
                && !change.snapshot.as_ref().is_some_and(|snapshot| snapshot.is_empty())
                && new.base == LogPosition::ZERO
            {
                let what = format!("server {server} saved a snapshot without the index that it covers");
                return Err(broken(&CRASH_IMAGE, what, id, disk));
            }
            return Ok(());
        }
        if change.snapshot.is_none() {
            let what = format!(
                "server {server} cut its log through {} without saving the snapshot that covers it",
                new.base.index
            );
            return Err(broken(&CRASH_IMAGE, what, id, disk));
        }
        let installed = observed.servers[server].pending.iter().find_map(|pending| match pending.envelope.request() {
            Some(RaftRequest::InstallSnapshot(install)) if install.last_included.index == new.base.index => {
                Some(install.last_included)
            }
            _ => None,
        });
        let hint = match installed {
            None => &CUTS,
            Some(sent) if sent == new.base => &SENDS,
            Some(_) => &INSTALLS,
        };
        self.boundary(server, id, disk).map_err(|violation| violation.look_at(hint))?;
        let first = disk.entries.front();
        if first.is_some_and(|first| first.term < new.base.term) {
            let what = format!(
                "the log of server {server} begins after a base of term {}, but its first entry is of an older term",
                new.base.term
            );
            return Err(broken(&DISCARDS, what, id, disk));
        }
        Ok(())
    }

    fn committed_term(&self, index: Index) -> Option<Term> {
        let slot = index.checked_sub(1)?;
        self.committed.get(slot as usize).or_else(|| self.committed_later.get(&index)).copied()
    }

    fn boundary(&self, server: PeerId, id: EventId, disk: &DiskState) -> Result<(), Violation> {
        let base = disk.head.base;
        match self.committed_term(base.index) {
            Some(term) if term != base.term => {
                let what = format!(
                    "server {server} saved a snapshot through index {} with term {}, but that entry is of term {term}",
                    base.index, base.term
                );
                Err(broken(&BOUNDARY, what, id, disk))
            }
            _ => Ok(()),
        }
    }
}

impl Oracle for CrashImages {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                let vote = match (envelope.request(), envelope.reply()) {
                    (Some(&RaftRequest::RequestVote(RequestVote { term, .. })), _) => Some((term, envelope.from)),
                    (_, Some((_, &RaftReply::RequestVote(RequestVoteReply { term, granted: true })))) => {
                        Some((term, envelope.to))
                    }
                    _ => None,
                };
                if let Some((term, candidate)) = vote {
                    self.sent_votes.entry((envelope.from, term)).or_insert((candidate, event.id));
                }
                Ok(())
            }
            EventKind::Saved(server, change) => self.saved(*server, change, event.id, observed),
            EventKind::Applied(_, ApplyMsg::Command { at, .. }) => {
                let known = self.committed.len() as Index;
                if at.index == known + 1 {
                    self.committed.push(at.term);
                } else if at.index > known {
                    self.committed_later.entry(at.index).or_insert(at.term);
                }
                Ok(())
            }
            EventKind::Applied(server, ApplyMsg::Snapshot { through, snapshot }) if observed.has_disks => {
                let disk = &observed.servers[*server].disk;
                if disk.head.base == *through && disk.snapshot != *snapshot {
                    let what = format!(
                        "server {server} gave its service {} bytes as the snapshot through {}, but its disk holds {} different bytes",
                        snapshot.len(),
                        through.index,
                        disk.snapshot.len()
                    );
                    return Err(broken(&OPAQUE, what, event.id, disk));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
