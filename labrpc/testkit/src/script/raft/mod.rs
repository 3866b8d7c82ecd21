//! A Raft that does only what a script says, for a real key-value service above it.

mod below;
mod taped;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use labrpc::channel::{self, Receiver, Sender};
use labrpc::kv::Command;
use labrpc::sim::tape::Action;
use labrpc::sync::{Condvar, Mutex};
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, Persister, Save, Status, Term, sim};

pub use below::TakenSnapshot;
use taped::ApplyCh;

use super::told::ServiceStory;
use crate::contract::Contract;
use crate::event::ServiceStep;
use crate::event_line::Asked;

/// A Raft that has the status that the script gives it, takes every command while it leads, and
/// commits nothing by itself. It begins as the leader of term 1. Clones are the same Raft.
#[derive(Clone)]
pub struct ScriptedRaft {
    inner: Arc<Inner>,
    apply_ch: Arc<ApplyCh>,
}

struct Inner {
    contract: &'static Contract,
    watched: Mutex<Watched>,
    changed: Condvar,
    status_reads: AtomicU64,
    starts: AtomicU64,
    log: Mutex<Log>,
    /// The commands that the service has started, until [`take_started`](ScriptedRaft::take_started).
    started: Mutex<Vec<Bytes>>,
    /// Where it writes its log, if it has a disk.
    persister: Option<Arc<Persister>>,
    snapshots: Mutex<Vec<TakenSnapshot>>,
    snapshot_time: Duration,
    /// How late `watch` returns.
    news_delay: Mutex<Duration>,
    during_start: DuringStart,
    apply_rx: Mutex<Option<Receiver<ApplyMsg>>>,
    /// How a tape calls it.
    action: OnceLock<Action>,
    /// What it has applied, a line each, for failures.
    history: std::sync::Mutex<Vec<String>>,
    story: ServiceStory,
}

type DuringStart = Box<dyn Fn(&ScriptedRaft) + Send + Sync>;

struct Watched {
    status: Status,
    is_shut_down: bool,
}

/// The log. The entries after `base`, through `last`, are on disk.
#[derive(Default)]
struct Log {
    base: Index,
    last: Index,
    /// The entries that are not applied, each with the term of the leader that made it.
    open: BTreeMap<Index, (Term, Bytes)>,
}

/// The term that it begins in.
const TERM: Term = 1;
const SERVICE_RECEIVES: &str = "the service receives everything that is applied";

impl ScriptedRaft {
    /// Applied messages wait until the service receives them.
    pub fn new(contract: &'static Contract) -> ScriptedRaft {
        ScriptedRaft::build(contract, channel::unbounded(), None, Duration::ZERO, Box::new(|_| ()))
    }

    /// [`commit`](ScriptedRaft::commit) returns once the service has done everything before it.
    pub fn in_step(contract: &'static Contract) -> ScriptedRaft {
        ScriptedRaft::build(contract, channel::bounded(0), None, Duration::ZERO, Box::new(|_| ()))
    }

    /// Does something each time that `start` was called, before `start` returns.
    pub fn during_start(
        contract: &'static Contract,
        does: impl Fn(&ScriptedRaft) + Send + Sync + 'static,
    ) -> ScriptedRaft {
        ScriptedRaft::build(contract, channel::unbounded(), None, Duration::ZERO, Box::new(does))
    }

    /// Writes its log to a disk. It takes `snapshot_time` to save a snapshot.
    pub fn with_disk(contract: &'static Contract, persister: Arc<Persister>, snapshot_time: Duration) -> ScriptedRaft {
        ScriptedRaft::build(contract, channel::unbounded(), Some(persister), snapshot_time, Box::new(|_| ()))
    }

    fn build(
        contract: &'static Contract,
        (apply_ch, apply_rx): (Sender<ApplyMsg>, Receiver<ApplyMsg>),
        persister: Option<Arc<Persister>>,
        snapshot_time: Duration,
        during_start: DuringStart,
    ) -> ScriptedRaft {
        let status = Status { term: TERM, is_leader: true };
        let inner = Inner {
            contract,
            watched: Mutex::new(Watched { status, is_shut_down: false }),
            changed: Condvar::new(),
            status_reads: AtomicU64::new(0),
            starts: AtomicU64::new(0),
            log: Mutex::default(),
            started: Mutex::default(),
            persister,
            snapshots: Mutex::default(),
            snapshot_time,
            news_delay: Mutex::default(),
            during_start,
            apply_rx: Mutex::new(Some(apply_rx)),
            action: OnceLock::new(),
            history: std::sync::Mutex::default(),
            story: ServiceStory::begin(),
        };
        let raft = ScriptedRaft { inner: Arc::new(inner), apply_ch: Arc::new(ApplyCh::new(apply_ch)) };
        raft.offer();
        raft
    }

    /// Where the service receives what is applied.
    ///
    /// # Panics
    ///
    /// At the second call.
    pub fn apply_rx(&self) -> Receiver<ApplyMsg> {
        let apply_rx = self.inner.apply_rx.lock().take().expect("one service takes the channel, once");
        self.inner.story.boots();
        self.inner.story.step(|| ServiceStep::Status(Status { term: TERM, is_leader: true }));
        apply_rx
    }

    /// Changes its status.
    pub fn set_status(&self, term: Term, is_leader: bool) {
        let status = Status { term, is_leader };
        let mut watched = self.inner.watched.lock();
        let is_news = std::mem::replace(&mut watched.status, status) != status;
        if is_news {
            self.inner.story.step(|| ServiceStep::Status(status));
        }
        drop(watched);
        self.inner.changed.notify_all();
    }

    /// From now on `watch` returns this much after it has seen a new status, as if its thread had been interrupted. The
    /// status may have changed again by then.
    pub fn delay_news(&self, delay: Duration) {
        *self.inner.news_delay.lock() = delay;
    }

    /// How often the service has called `status` or `watch`.
    pub fn status_reads(&self) -> u64 {
        self.inner.status_reads.load(Ordering::Relaxed)
    }

    /// How often the service has called `start`.
    pub fn starts(&self) -> u64 {
        self.inner.starts.load(Ordering::Relaxed)
    }

    /// The snapshots that the service has given it, in order.
    pub fn snapshots(&self) -> Vec<TakenSnapshot> {
        self.inner.snapshots.lock().clone()
    }

    /// What is known of the lab's servers.
    pub(crate) fn contract(&self) -> &'static Contract {
        self.inner.contract
    }

    /// What is told of the service above it.
    pub(super) fn story(&self) -> &ServiceStory {
        &self.inner.story
    }

    /// The last index of its log.
    pub fn last_index(&self) -> Index {
        self.inner.log.lock().last
    }

    /// Appends a client's command, as if a leader had taken it, and returns its index. It is not
    /// committed.
    pub fn push(&self, command: &Command) -> Index {
        let term = self.inner.watched.lock().status.term;
        let bytes: Bytes = self.inner.contract.write_logged(command).into();
        let copy = bytes.clone();
        let index = self.append_to(&mut self.inner.log.lock(), term, bytes);
        self.inner.story.step(|| ServiceStep::Took(LogPosition { term, index }, copy));
        index
    }

    fn append_to(&self, log: &mut Log, term: Term, command: Bytes) -> Index {
        // A copy for the script: it is no memory of the service.
        let copy = || (term, Bytes::from(command.to_vec()));
        sim::as_harness(|| log.open.insert(log.last + 1, copy()));
        if let Some(persister) = &self.inner.persister {
            let keep = (log.last - log.base) as usize;
            persister.save(Save { keep, append: vec![command], ..Save::default() });
        }
        log.last += 1;
        log.last
    }

    /// Drops the entries after index `last`: another leader has replaced them.
    pub fn truncate(&self, last: Index) {
        let mut log = self.inner.log.lock();
        if let Some(persister) = &self.inner.persister {
            let keep = last.saturating_sub(log.base) as usize;
            persister.save(Save { keep, ..Save::default() });
        }
        log.last = log.last.min(last);
        sim::as_harness(|| drop(log.open.split_off(&(last + 1))));
        self.inner.story.step(|| ServiceStep::Dropped(last));
    }

    /// The commands that the service has started since the last call.
    ///
    /// # Panics
    ///
    /// When one of them is not the command of a clerk.
    pub(crate) fn take_started(&self) -> Vec<Command> {
        let read =
            |bytes: Bytes| self.inner.contract.codec().read_logged(&bytes).unwrap_or_else(|error| panic!("{error}"));
        std::mem::take(&mut *self.inner.started.lock()).into_iter().map(read).collect()
    }

    /// Applies a client's command as the entry at `index`. If the log has another command there, a newer leader has
    /// replaced it.
    pub fn commit(&self, index: Index, command: &Command) {
        let bytes: Bytes = self.inner.contract.write_logged(command).into();
        let newest = self.inner.watched.lock().status.term;
        let term = {
            let mut log = self.inner.log.lock();
            log.last = log.last.max(index);
            sim::as_harness(|| match log.open.remove(&index) {
                Some((term, held)) if held == bytes => term,
                Some((term, _)) => newest.max(term + 1),
                None => newest,
            })
        };
        self.note(|| format!("{index}: client {}, {}", command.client, Asked(command)));
        let at = LogPosition { term, index };
        let message = ApplyMsg::Command { at, command: bytes };
        self.inner.story.applies(&message);
        self.apply_ch.send(message);
    }

    /// Applies a snapshot of the entries through `through`, and drops those entries.
    pub fn install(&self, through: Index, snapshot: Bytes) {
        self.note(|| format!("{through}: a snapshot of {} bytes", snapshot.len()));
        self.cut(through, snapshot.clone());
        let through = LogPosition { term: self.inner.watched.lock().status.term, index: through };
        self.inner.story.step(|| ServiceStep::Replaced(through));
        let message = ApplyMsg::Snapshot { through, snapshot };
        self.inner.story.applies(&message);
        self.apply_ch.send(message);
    }

    /// Notes a line for failures. It is no memory of the service.
    fn note(&self, line: impl FnOnce() -> String) {
        sim::as_harness(|| self.inner.history.lock().unwrap_or_else(PoisonError::into_inner).push(line()));
    }

    /// The last messages that it has applied, a line each, each with its index.
    pub(super) fn history(&self) -> String {
        const LINES_MAX: usize = 8;
        let history = self.inner.history.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = history.len().saturating_sub(LINES_MAX);
        let mut lines = history[earlier..].join("\n");
        if earlier > 0 {
            lines.insert_str(0, &format!("… {earlier} earlier ones\n"));
        }
        lines
    }

    /// Drops the entries through `through`, or all of them if the log ends earlier.
    fn cut(&self, through: Index, snapshot: Bytes) {
        let mut log = self.inner.log.lock();
        if through <= log.base {
            return;
        }
        let held = (log.last - log.base) as usize;
        let forget = held.min((through - log.base) as usize);
        if let Some(persister) = &self.inner.persister {
            persister.save(Save { forget, keep: held - forget, snapshot: Some(snapshot), ..Save::default() });
        }
        sim::as_harness(|| log.open.retain(|index, _| *index > through));
        (log.base, log.last) = (through, log.last.max(through));
    }
}
