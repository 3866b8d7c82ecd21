//! Whatever save a crash follows, the disk holds a state to restart from (Figure 2, Figure 13).

use std::collections::BTreeMap;

use labrpc::face::{DiskHead, RaftReply, RaftRequest};
use labrpc::{ApplyMsg, Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::Rule;
use crate::rule::election::VOTE_ONCE;
use crate::rule::persistence::{CRASH_IMAGE, REMEMBERS};
use crate::rule::snapshots::{BOUNDARY, DISCARDS, OPAQUE};
use crate::verdict::{Moment, Verdict};
use crate::watch::{Disk, DiskChange, Event, Known, Server, What};

/// What is known to be committed, by what was handed over.
#[derive(Default)]
pub(super) struct CrashImages {
    committed: BTreeMap<Index, Term>,
    /// Votes that were spoken, as opposed to those that only stood on a disk.
    spoken: FxHashMap<(PeerId, Term), (PeerId, Moment)>,
}

fn broken(rule: &'static Rule, what: String, moment: Moment, disk: &Disk) -> Verdict {
    let DiskHead { term, voted_for, base } = disk.head;
    let vote = voted_for.map_or("no vote".into(), |candidate| format!("a vote for server {candidate}"));
    let state = format!(
        "the disk now says: term {term}, {vote}, the log from index {} to {}",
        base.index + 1,
        disk.last().index
    );
    Verdict::new(rule, what).with(moment, state)
}

impl CrashImages {
    fn vote_changed(&self, server: PeerId, head: DiskHead, old: DiskHead, moment: Moment, known: &Known) -> Verdict {
        let Server { disk, booted, .. } = &known.servers[server];
        let what = format!("server {server} changed its vote in term {} on disk", head.term);
        let spoken = self.spoken.get(&(server, head.term)).filter(|(candidate, _)| Some(*candidate) == old.voted_for);
        let Some((candidate, given)) = spoken else {
            // It was the vote of another term, or of nobody, that stood there.
            return broken(&CRASH_IMAGE, what, moment, disk);
        };
        let has_restarted = booted.filter(|booted| booted.event > given.event);
        let rule = if has_restarted.is_some() { &REMEMBERS } else { &VOTE_ONCE };
        let verdict = broken(rule, what, moment, disk)
            .with(*given, format!("server {server} votes for server {candidate} in term {}", head.term));
        match has_restarted {
            Some(booted) => verdict.with(booted, format!("server {server} boots, with that vote on its disk")),
            None => verdict,
        }
    }

    fn saved(&self, server: PeerId, change: &DiskChange, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let disk = &known.servers[server].disk;
        let (old, new) = (change.old_head, change.head);
        if old.term == new.term && old.voted_for.is_some() && old.voted_for != new.voted_for {
            return Err(self.vote_changed(server, new, old, moment, known));
        }
        if new.base.index < old.base.index {
            let what = format!(
                "the log of server {server} began after index {}, and now begins after {}",
                old.base.index, new.base.index
            );
            return Err(broken(&CRASH_IMAGE, what, moment, disk));
        }
        if new.base == old.base {
            if change.snapshot.is_some()
                && !change.snapshot.as_ref().is_some_and(|snapshot| snapshot.is_empty())
                && new.base == LogPosition::ZERO
            {
                let what = format!("server {server} saved a snapshot, but not which entries it covers");
                return Err(broken(&CRASH_IMAGE, what, moment, disk));
            }
            return Ok(());
        }
        if change.snapshot.is_none() {
            let what = format!(
                "server {server} cut its log through {} without saving the snapshot that covers it",
                new.base.index
            );
            return Err(broken(&CRASH_IMAGE, what, moment, disk));
        }
        self.boundary(server, moment, disk)?;
        let first = disk.entries.front();
        if first.is_some_and(|first| first.term < new.base.term) {
            let what = format!(
                "the log of server {server} goes on after a base of term {} with an older entry",
                new.base.term
            );
            return Err(broken(&DISCARDS, what, moment, disk));
        }
        Ok(())
    }

    fn boundary(&self, server: PeerId, moment: Moment, disk: &Disk) -> Result<(), Verdict> {
        let base = disk.head.base;
        match self.committed.get(&base.index) {
            Some(&term) if term != base.term => {
                let what = format!(
                    "server {server} has a snapshot through index {}, and says that this entry is of term {}; it is of term {term}",
                    base.index, base.term
                );
                Err(broken(&BOUNDARY, what, moment, disk))
            }
            _ => Ok(()),
        }
    }
}

impl Oracle for CrashImages {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        match &event.what {
            What::Sent(letter) if known.is_real(letter.from) => {
                let vote = match (letter.request(), letter.reply()) {
                    (Some(&RaftRequest::RequestVote { term, .. }), _) => Some((term, letter.from)),
                    (_, Some((_, &RaftReply::RequestVote { term, granted: true }))) => Some((term, letter.to)),
                    _ => None,
                };
                if let Some((term, candidate)) = vote {
                    self.spoken.entry((letter.from, term)).or_insert((candidate, event.moment));
                }
                Ok(())
            }
            What::Saved(server, change) => self.saved(*server, change, event.moment, known),
            What::Applied(_, ApplyMsg::Command { at, .. }) => {
                self.committed.entry(at.index).or_insert(at.term);
                Ok(())
            }
            What::Applied(server, ApplyMsg::Snapshot { through, snapshot }) if known.has_disks => {
                let disk = &known.servers[*server].disk;
                if disk.head.base == *through && disk.snapshot != *snapshot {
                    let what = format!(
                        "server {server} handed its service {} bytes as the snapshot through {}; {} other bytes are on disk",
                        snapshot.len(),
                        through.index,
                        disk.snapshot.len()
                    );
                    return Err(broken(&OPAQUE, what, event.moment, disk));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
