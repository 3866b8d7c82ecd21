//! A Raft that does only what a script says, for a real key-value service above it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use labrpc::channel::{self, Receiver, Sender};
use labrpc::kv::Command;
use labrpc::sim::tape::{self, Action, Ending};
use labrpc::sync::{Condvar, Mutex};
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Index, LogPosition, NotLeader, Persister, Replicate, Save, Status, Term, sim,
    thread, wire,
};

use serde::{Deserialize, Serialize};

use crate::contract::Contract;
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
}

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

/// A call of the service, for a tape.
#[derive(Serialize, Deserialize)]
enum Call {
    Status,
    Watch { term: Term, is_leader: bool },
    Shutdown,
    Start(Bytes),
    Snapshot(Index, Bytes),
}

/// The sending end of the service's channel. A tape counts what happens to the channel as the service's doing: that is how
/// a player wakes.
struct ApplyCh(Option<Sender<ApplyMsg>>, Ending);

impl ApplyCh {
    #[track_caller]
    fn send(&self, message: ApplyMsg) {
        let sender = self.0.as_ref().expect("it is there until it is dropped");
        let write = |is_received: &bool| vec![u8::from(*is_received)];
        let is_received = tape::enter(write, |bytes| Some(*bytes.first()? == 1), || sender.send(message).is_ok());
        assert!(is_received, "{SERVICE_RECEIVES}");
    }
}

impl Drop for ApplyCh {
    fn drop(&mut self) {
        self.1.enter(|| drop(self.0.take()));
    }
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
        };
        let apply_ch = Arc::new(ApplyCh(Some(apply_ch), Ending::new()));
        let raft = ScriptedRaft { inner: Arc::new(inner), apply_ch };
        let (called, apply_ch) = (raft.inner.clone(), Arc::downgrade(&raft.apply_ch));
        let action = tape::offer(None, move |call| {
            // The service may live longer than the script's Raft, which cannot apply anything then.
            let apply_ch = apply_ch.upgrade().unwrap_or_else(|| Arc::new(ApplyCh(None, Ending::default())));
            match wire::decode(call) {
                Ok(call) => ScriptedRaft { inner: called.clone(), apply_ch }.is_called(call),
                Err(_) => sim::fail("the tape calls no Raft"),
            }
        });
        raft.inner.action.set(action).expect("it was made just now");
        raft
    }

    /// The service calls it.
    fn leave(&self, call: impl FnOnce() -> Call) -> tape::Left {
        tape::leave(self.inner.action.get().copied().unwrap_or_default(), || wire::encode(&call()))
    }

    /// The player of a service calls it.
    fn is_called(&self, call: Call) {
        match call {
            Call::Status => drop(self.status()),
            Call::Watch { term, is_leader } => drop(self.watch(Status { term, is_leader })),
            Call::Shutdown => self.shutdown(),
            Call::Start(command) => drop(self.start(command)),
            Call::Snapshot(through, snapshot) => self.snapshot(through, snapshot),
        }
    }

    /// Where the service receives what is applied.
    ///
    /// # Panics
    ///
    /// At the second call.
    pub fn apply_rx(&self) -> Receiver<ApplyMsg> {
        self.inner.apply_rx.lock().take().expect("one service takes the channel, once")
    }

    /// Changes its status.
    pub fn set_status(&self, term: Term, is_leader: bool) {
        self.inner.watched.lock().status = Status { term, is_leader };
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

    /// The last index of its log.
    pub fn last_index(&self) -> Index {
        self.inner.log.lock().last
    }

    /// Appends a client's command, as if a leader had taken it, and returns its index. It is not
    /// committed.
    pub fn push(&self, command: &Command) -> Index {
        let term = self.inner.watched.lock().status.term;
        self.append_to(&mut self.inner.log.lock(), term, self.inner.contract.write_logged(command).into())
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
    }

    /// The commands that the service has started since the last call.
    ///
    /// # Panics
    ///
    /// When one of them is not the command of a clerk.
    pub(crate) fn take_started(&self) -> Vec<Command> {
        let read =
            |bytes: Bytes| self.inner.contract.codec.read_logged(&bytes).unwrap_or_else(|error| panic!("{error}"));
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
        self.apply_ch.send(message);
    }

    /// Applies a snapshot of the entries through `through`, and drops those entries.
    pub fn install(&self, through: Index, snapshot: Bytes) {
        self.note(|| format!("{through}: a snapshot of {} bytes", snapshot.len()));
        self.cut(through, snapshot.clone());
        let through = LogPosition { term: self.inner.watched.lock().status.term, index: through };
        self.apply_ch.send(ApplyMsg::Snapshot { through, snapshot });
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

impl Elect for ScriptedRaft {
    fn status(&self) -> Status {
        let _harness = self.leave(|| Call::Status);
        self.inner.status_reads.fetch_add(1, Ordering::Relaxed);
        self.inner.watched.lock().status
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        let _harness = self.leave(|| Call::Watch { term: seen.term, is_leader: seen.is_leader });
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
        self.inner.changed.notify_all();
    }
}

impl Replicate for ScriptedRaft {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        let _harness = self.leave(|| Call::Start(command.clone()));
        self.inner.starts.fetch_add(1, Ordering::Relaxed);
        let (term, index) = {
            // As in a real server, no command is taken after the leadership is lost.
            let watched = self.inner.watched.lock();
            if !watched.status.is_leader {
                return Err(NotLeader);
            }
            let mut log = self.inner.log.lock();
            let mut started = self.inner.started.lock();
            // A copy for the script: it is no memory of the service.
            sim::as_harness(|| started.push(Bytes::from(command.to_vec())));
            drop(started);
            (watched.status.term, self.append_to(&mut log, watched.status.term, command))
        };
        (self.inner.during_start)(self);
        Ok(LogPosition { term, index })
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
        thread::sleep(self.inner.snapshot_time);
        self.cut(through, snapshot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::TEST_TIMING;
    use crate::script::put;

    static SERVERS: Contract = Contract::new(TEST_TIMING).with_clerks();

    fn start(raft: &ScriptedRaft, command: &Command) -> LogPosition {
        raft.start(SERVERS.write_logged(command).into()).expect("it leads")
    }

    /// A command is applied at the position that `start` has returned, and another one in its place at another position: a
    /// service may find its requests by position.
    #[test]
    fn a_position_belongs_to_one_command() {
        let raft = ScriptedRaft::new(&SERVERS);
        let apply_rx = raft.apply_rx();
        let commit = |index, command: &Command| {
            raft.commit(index, command);
            match apply_rx.recv() {
                Ok(ApplyMsg::Command { at, .. }) => at,
                other => panic!("a command was applied, and not {other:?}"),
            }
        };
        let (own, other) = (put(0, 1, "k", "v"), put(1, 1, "k", "w"));
        let first = start(&raft, &own);
        assert_eq!(commit(first.index, &own), first);
        let second = start(&raft, &own);
        assert_ne!(commit(second.index, &other), second, "the service does not know yet that its term is over");
        let third = start(&raft, &own);
        raft.set_status(2, false);
        assert_ne!(commit(third.index, &other), third, "another leader has replaced it");
        raft.set_status(3, true);
        let fourth = start(&raft, &own);
        assert_eq!((fourth.term, commit(fourth.index, &own)), (3, fourth));
    }
}
