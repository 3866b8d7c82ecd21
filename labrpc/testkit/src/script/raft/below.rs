//! The scripted Raft as the service above it sees it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use labrpc::{Bytes, Compact, Elect, Index, LogPosition, NotLeader, Replicate, Status, sim, thread};

use super::ScriptedRaft;
use super::taped::Call;
use crate::event::ServiceStep;

/// A snapshot that the service has given to its Raft.
#[derive(Clone, Debug)]
pub struct TakenSnapshot {
    /// The index of the last entry that it covers.
    pub through: Index,
    /// The service's state.
    pub snapshot: Bytes,
    /// The size of Raft's state when the service gave it. 0 without a disk.
    pub raft_state_bytes: usize,
}

impl ScriptedRaft {
    /// Tells that the service proposes a command, and what `start` is going to return.
    fn tell_start(&self, command: &Bytes, outcome: Result<LogPosition, NotLeader>) {
        self.inner.story.step(|| {
            let raft_state_bytes = self.raft_state_bytes();
            ServiceStep::Proposed { command: Bytes::from(command.to_vec()), outcome, raft_state_bytes }
        });
    }

    /// The size of its state on disk, if it has one.
    fn raft_state_bytes(&self) -> Option<usize> {
        self.inner.persister.as_ref().map(|persister| persister.raft_state_bytes())
    }
}

impl Elect for ScriptedRaft {
    fn status(&self) -> Status {
        let _harness = self.leave(|| Call::Status);
        self.inner.status_reads.fetch_add(1, Ordering::Relaxed);
        self.inner.watched.lock().status
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        let _harness = self.leave(|| Call::Watch(seen));
        self.inner.status_reads.fetch_add(1, Ordering::Relaxed);
        let mut watched = self.inner.watched.lock();
        while watched.status == seen && !watched.is_shut_down {
            self.inner.changed.wait(&mut watched);
        }
        let news = (!watched.is_shut_down).then_some(watched.status);
        drop(watched);
        let delay = *self.inner.news_delay.lock();
        if delay > Duration::ZERO {
            thread::sleep(delay);
        }
        news
    }

    fn shutdown(&self) {
        let _harness = self.leave(|| Call::Shutdown);
        self.inner.watched.lock().is_shut_down = true;
        self.inner.story.is_shut_down();
        self.inner.changed.notify_all();
    }
}

impl Replicate for ScriptedRaft {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        let _harness = self.leave(|| Call::Start(command.clone()));
        self.inner.starts.fetch_add(1, Ordering::Relaxed);
        let at = {
            // As in a real server, no command is taken after the leadership is lost.
            let watched = self.inner.watched.lock();
            if !watched.status.is_leader {
                self.tell_start(&command, Err(NotLeader));
                return Err(NotLeader);
            }
            let mut log = self.inner.log.lock();
            let mut started = self.inner.started.lock();
            // A copy for the script: it is no memory of the service.
            sim::as_harness(|| started.push(Bytes::from(command.to_vec())));
            drop(started);
            let term = watched.status.term;
            let copy = command.clone();
            let at = LogPosition { term, index: self.append_to(&mut log, term, command) };
            self.tell_start(&copy, Ok(at));
            at
        };
        let told = self.inner.story.events_count();
        (self.inner.during_start)(self);
        if self.inner.story.events_count() != told {
            self.inner.story.step(|| ServiceStep::StartReturned(at));
        }
        Ok(at)
    }
}

impl Compact for ScriptedRaft {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        let _harness = self.leave(|| Call::Snapshot(through, snapshot.clone()));
        let raft_state_bytes = self.inner.persister.as_ref().map_or(0, |persister| persister.raft_state_bytes());
        let mut snapshots = self.inner.snapshots.lock();
        sim::as_harness(|| {
            let snapshot = Bytes::from(snapshot.to_vec());
            snapshots.push(TakenSnapshot { through, snapshot, raft_state_bytes });
        });
        drop(snapshots);
        let (bytes, raft_state_bytes) = (snapshot.len(), self.raft_state_bytes());
        self.inner.story.step(|| ServiceStep::Snapshot { through, bytes, raft_state_bytes });
        thread::sleep(self.inner.snapshot_time);
        self.cut(through, snapshot);
        self.inner.story.is_cut(through);
    }
}
