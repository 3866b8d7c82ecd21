//! What a server has shown of its state.
//!
//! Nobody can look into a server's memory without disturbing the run. But a server shows much of it: a candidate asks
//! for votes, a leader sends its log, a voter names its term, a disk is written, a service receives entries.

mod scripted;

use std::collections::BTreeMap;

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use labrpc::{ApplyMsg, Bytes, Entry, Index, LogPosition, PeerId, Term};
use story::{Delta, DiskMarks, Kind, LogDelta, Position, Role, State, StoryEntry};

use super::words::{label, lane, position};
use crate::contract::Contract;
use crate::event::DiskChange;
use crate::observed::DiskState;

/// What one server has shown so far.
pub(super) struct ShownServer {
    me: PeerId,
    state: State,
    disk: DiskState,
    /// The entries on the disk, as they are told. Each is read once: a disk is written much more often than it grows.
    disk_log: Vec<StoryEntry>,
    contract: &'static Contract,
}

/// What has come to light, by the kind of event that tells it.
pub(super) type News = Vec<(Kind, Delta)>;

impl ShownServer {
    pub(super) fn new(me: PeerId, contract: &'static Contract) -> ShownServer {
        ShownServer { me, state: State::default(), disk: DiskState::default(), disk_log: Vec::new(), contract }
    }

    /// What a request shows of its sender.
    pub(super) fn asks(&mut self, request: &RaftRequest) -> News {
        let term = request.term();
        if term < self.state.term {
            return News::new(); // It was made earlier.
        }
        let is_new = term > self.state.term;
        match request {
            RaftRequest::RequestVote(_) if self.state.role == Role::Leader && !is_new => News::new(),
            RaftRequest::RequestVote(_) => told(Kind::Role, self.is_in(term, Role::Candidate, Some(Some(self.me)))),
            RaftRequest::AppendEntries(AppendEntries { prev, entries, leader_commit, .. }) => {
                let mut news = told(Kind::Role, self.leads(term));
                news.extend(told(Kind::Append, self.holds(*prev, entries)));
                news.extend(told(Kind::Commit, self.knows_committed(*leader_commit)));
                news
            }
            RaftRequest::InstallSnapshot(_) => told(Kind::Role, self.leads(term)),
        }
    }

    /// What a reply shows of its sender.
    pub(super) fn replies(&mut self, request: &RaftRequest, reply: &RaftReply) -> News {
        let term = reply.term();
        let mut news = News::new();
        if term > self.state.term {
            news.extend(told(Kind::Role, self.is_in(term, Role::Follower, Some(None))));
        }
        match (request, reply) {
            (
                RaftRequest::RequestVote(RequestVote { term, candidate, .. }),
                RaftReply::RequestVote(RequestVoteReply { granted: true, .. }),
            ) if *term == self.state.term => {
                let vote = self.is_in(*term, self.state.role, Some(Some(*candidate)));
                news.extend(told(Kind::Role, vote));
            }
            (
                RaftRequest::AppendEntries(AppendEntries { prev, entries, leader_commit, .. }),
                RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::Through(through), .. }),
            ) if term == self.state.term => {
                news.extend(told(Kind::Role, self.is_in(term, Role::Follower, None)));
                news.extend(told(Kind::Append, self.holds(*prev, entries)));
                news.extend(told(Kind::Commit, self.knows_committed(*leader_commit.min(through))));
            }
            _ => {}
        }
        join_roles(news)
    }

    /// A leader has taken a command as an entry.
    pub(super) fn takes(&mut self, at: LogPosition, command: &Bytes) -> News {
        let mut delta = if at.term >= self.state.term { self.leads(at.term) } else { Delta::default() };
        let appended = self.holds_entry(at, command).unwrap_or_default();
        (delta.base, delta.log) = (appended.base, appended.log);
        told(Kind::Append, delta)
    }

    /// It has said that it does not lead.
    pub(super) fn refuses(&mut self) -> News {
        match self.state.role {
            Role::Leader => told(Kind::Role, self.is_in(self.state.term, Role::Follower, None)),
            _ => News::new(),
        }
    }

    /// What a save has changed, on the disk and in the memory that it was made from.
    pub(super) fn saves(&mut self, change: &DiskChange) -> Delta {
        let appended = self.story_entries(change.appended.iter());
        let disk = &mut self.disk;
        let first = disk.head.base.index + 1;
        let forgotten = change.forgotten.min(disk.entries.len());
        disk.entries.drain(..forgotten);
        self.disk_log.drain(..forgotten);
        let base = change.head.base.index.max(first - 1);
        let kept = change.kept_through.saturating_sub(base) as usize;
        disk.entries.truncate(kept);
        self.disk_log.truncate(kept);
        disk.entries.extend(change.appended.iter().cloned());
        self.disk_log.extend(appended);
        disk.head = change.head;
        let ballot = change.head.ballot;
        let mut delta = Delta::default();
        if ballot.term >= self.state.term {
            let role = if ballot.term > self.state.term { Role::Follower } else { self.state.role };
            delta = self.is_in(ballot.term, role, Some(ballot.voted_for));
        }
        (delta.base, delta.log) = set_log(&mut self.state, position(self.disk.head.base), &self.disk_log);
        let marks = marks(&self.disk);
        if self.state.disk.as_ref() != Some(&marks) {
            self.state.disk = Some(marks.clone());
            delta.disk = Some(marks);
        }
        delta
    }

    /// Its service has received an entry or a snapshot, with these changes of its pairs.
    pub(super) fn applies(&mut self, message: &ApplyMsg, pairs: BTreeMap<String, String>) -> Delta {
        let (through, shown) = match message {
            ApplyMsg::Command { at, command } => (at.index, self.has_held(*at, command)),
            ApplyMsg::Snapshot { through, .. } => (through.index, Delta::default()),
        };
        let commit = self.knows_committed(through).commit;
        let applied = change(&mut self.state.applied, through);
        let kv: BTreeMap<_, _> =
            pairs.into_iter().filter(|(key, value)| self.state.kv.get(key) != Some(value)).collect();
        self.state.kv.extend(kv.clone());
        Delta { commit, applied, kv, ..shown }
    }

    /// An entry that it applies is the first sign of it if its log has not been told further than that.
    fn has_held(&mut self, at: LogPosition, command: &Bytes) -> Delta {
        let last = self.state.base.0 + self.state.log.len() as u64;
        if at.index != last + 1 {
            return Delta::default();
        }
        let prev = LogPosition { index: last, term: 0 };
        self.holds(prev, &[Entry { term: at.term, command: command.clone() }])
    }

    /// Its log begins behind an index from now on.
    pub(super) fn cuts(&mut self, through: Index) -> Delta {
        let held = &self.state;
        let Some(front) = through.checked_sub(held.base.0).filter(|front| *front > 0) else { return Delta::default() };
        let term = held.log.get(front as usize - 1).map_or(0, |entry| entry.0);
        let rest = held.log.get(front as usize..).unwrap_or_default().to_vec();
        let (base, log) = set_log(&mut self.state, Position(through, term), &rest);
        Delta { base, log, ..Delta::default() }
    }

    /// The whole state after a boot: what is on the disk, and nothing else.
    pub(super) fn boots(&mut self, disk: Option<&DiskState>) -> Delta {
        self.disk = disk.cloned().unwrap_or_default();
        self.disk_log = self.story_entries(self.disk.entries.iter());
        let base = position(self.disk.head.base);
        let ballot = self.disk.head.ballot;
        self.state = State {
            up: true,
            term: ballot.term,
            vote: ballot.voted_for.map(lane),
            base,
            log: self.disk_log.clone(),
            commit: base.0,
            disk: disk.map(marks),
            ..State::default()
        };
        let State { role, term, vote, base, log, commit, applied, disk, .. } = self.state.clone();
        Delta {
            role: Some(role),
            term: Some(term),
            vote: Some(vote),
            commit: Some(commit),
            applied: Some(applied),
            disk,
            base: Some(base),
            log: Some(LogDelta { keep: base.0, add: log }),
            ..Delta::default()
        }
    }

    /// It crashes.
    pub(super) fn crashes(&mut self) {
        self.state.up = false;
    }

    fn story_entries<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Vec<StoryEntry> {
        entries.map(|entry| StoryEntry(entry.term, label(&entry.command, self.contract))).collect()
    }

    fn leads(&mut self, term: Term) -> Delta {
        let vote = (term > self.state.term).then_some(Some(self.me));
        self.is_in(term, Role::Leader, vote)
    }

    fn is_in(&mut self, term: Term, role: Role, vote: Option<Option<PeerId>>) -> Delta {
        let vote = vote.and_then(|vote| change(&mut self.state.vote, vote.map(lane)));
        let (term, role) = (change(&mut self.state.term, term), change(&mut self.state.role, role));
        Delta { term, role, vote, ..Delta::default() }
    }

    fn knows_committed(&mut self, commit: Index) -> Delta {
        let commit = commit.max(self.state.commit);
        Delta { commit: change(&mut self.state.commit, commit), ..Delta::default() }
    }

    /// The log holds these entries behind a position. What follows them is kept if nothing contradicts it.
    fn holds(&mut self, prev: LogPosition, entries: &[Entry]) -> Delta {
        let Position(base, _) = self.state.base;
        let new = self.story_entries(entries.iter());
        let log = &mut self.state.log;
        if prev.index > base + log.len() as u64 {
            if entries.is_empty() {
                return Delta::default(); // It tells of no entry.
            }
            // Nobody has told what comes before.
            let (base, log) = set_log(&mut self.state, position(prev), &new);
            return Delta { base, log, ..Delta::default() };
        }
        let covered = base.saturating_sub(prev.index) as usize;
        let first = (prev.index.max(base) - base) as usize;
        let new = new.get(covered..).unwrap_or_default();
        let same = new.iter().zip(log.get(first..).unwrap_or_default()).take_while(|(new, old)| new == old).count();
        if same == new.len() {
            return Delta::default();
        }
        log.truncate(first + same);
        log.extend_from_slice(&new[same..]);
        let added = LogDelta { keep: base + (first + same) as u64, add: new[same..].to_vec() };
        Delta { log: Some(added), ..Delta::default() }
    }
}

/// Replaces the log, and says what changed.
fn set_log(state: &mut State, base: Position, log: &[StoryEntry]) -> (Option<Position>, Option<LogDelta>) {
    let old_base = std::mem::replace(&mut state.base, base);
    if base == old_base {
        let same = state.log.iter().zip(log).take_while(|(old, new)| old == new).count();
        let is_new = same < state.log.len() || same < log.len();
        state.log.truncate(same);
        state.log.extend_from_slice(&log[same..]);
        let delta = LogDelta { keep: base.0 + same as u64, add: log[same..].to_vec() };
        return (None, is_new.then_some(delta));
    }
    let front = base.0.checked_sub(old_base.0).and_then(|front| state.log.get(front as usize..));
    let is_front = front == Some(log);
    state.log = log.to_vec();
    (Some(base), (!is_front).then(|| LogDelta { keep: base.0, add: log.to_vec() }))
}

/// Replaces a value, and returns the new one if it is another.
fn change<T: PartialEq + Clone>(held: &mut T, new: T) -> Option<T> {
    if *held == new {
        return None;
    }
    *held = new.clone();
    Some(new)
}

/// News, if there are any.
fn told(kind: Kind, delta: Delta) -> News {
    if delta == Delta::default() { News::new() } else { vec![(kind, delta)] }
}

/// A new term and the vote in it are one event.
fn join_roles(news: News) -> News {
    let mut joined = News::new();
    for (kind, delta) in news {
        match joined.last_mut() {
            Some((Kind::Role, earlier)) if kind == Kind::Role => {
                earlier.role = delta.role.or(earlier.role);
                earlier.term = delta.term.or(earlier.term);
                earlier.vote = delta.vote.or(earlier.vote.take());
            }
            _ => joined.push((kind, delta)),
        }
    }
    joined
}

fn marks(disk: &DiskState) -> DiskMarks {
    let ballot = disk.head.ballot;
    DiskMarks {
        term: ballot.term,
        vote: ballot.voted_for.map(lane),
        last: position(disk.last()),
        base: position(disk.head.base),
    }
}
