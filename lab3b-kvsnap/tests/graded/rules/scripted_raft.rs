//! The service alone, over a Raft that does as the script says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lab3a_kv::{KvServer, Store};
use lab3b_kvsnap::{serve, snapshot};
use labrpc::channel::{self, Receiver, Sender};
use labrpc::kv::{Answer, Command};
use labrpc::sync::Mutex;
use labrpc::thread::{self, JoinHandle};
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Index, LogPosition, NotLeader, Persister, Replicate, Save, Status, wire,
};

use crate::lab::RAFT_STATE_BYTES_MAX;

/// The only term there is.
const TERM: u64 = 1;
/// Enough for a few threads to take their turns; nothing here travels.
const TURNS: Duration = Duration::from_millis(1);

/// Which part of the log is on disk: what follows `base`, through `last`.
#[derive(Clone, Copy, Default)]
struct Log {
    base: Index,
    last: Index,
}

/// A Raft that leads, writes each command to its disk, cuts its log when it is told to, and hands
/// over what the script wants.
pub struct ScriptedRaft {
    persister: Arc<Persister>,
    log: Mutex<Log>,
    /// How many commands it was asked to take.
    starts: AtomicU64,
    /// What the service has given it.
    snapshots: Mutex<Vec<(Index, Bytes)>>,
    /// How long it takes to save one.
    snapshot_time: Duration,
    never: (Sender<()>, Receiver<()>),
}

impl ScriptedRaft {
    /// Puts a command at the end of the log, and says where.
    fn push(&self, command: Bytes) -> Index {
        let mut log = self.log.lock();
        let keep = (log.last - log.base) as usize;
        self.persister.save(Save { keep, append: vec![command], ..Save::default() });
        log.last += 1;
        log.last
    }

    /// Lets go of the log through `through`, or of all of it if it does not reach so far.
    fn cut(&self, through: Index, snapshot: Bytes) {
        let mut log = self.log.lock();
        if through <= log.base {
            return;
        }
        let held = (log.last - log.base) as usize;
        let forget = held.min((through - log.base) as usize);
        let keep = held - forget;
        self.persister.save(Save { forget, keep, snapshot: Some(snapshot), ..Save::default() });
        *log = Log { base: through, last: log.last.max(through) };
    }
}

impl Elect for ScriptedRaft {
    fn status(&self) -> Status {
        Status { term: TERM, is_leader: true }
    }

    fn watch(&self, _: Status) -> Option<Status> {
        let _ = self.never.1.recv();
        None
    }

    fn shutdown(&self) {}
}

impl Replicate for ScriptedRaft {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        Ok(LogPosition { term: TERM, index: self.push(command) })
    }
}

impl Compact for ScriptedRaft {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        self.snapshots.lock().push((through, snapshot.clone()));
        thread::sleep(self.snapshot_time);
        self.cut(through, snapshot);
    }
}

/// A service over a scripted Raft, and the script's hold on it.
pub struct Service {
    server: Arc<KvServer<ScriptedRaft>>,
    applied: Sender<ApplyMsg>,
}

impl Service {
    pub fn new() -> Service {
        Service::with_slow_disk(Duration::ZERO)
    }

    /// Each snapshot takes so long to save.
    pub fn with_slow_disk(snapshot_time: Duration) -> Service {
        let persister = Arc::new(Persister::new(0));
        let raft = ScriptedRaft {
            persister: persister.clone(),
            log: Mutex::default(),
            starts: AtomicU64::new(0),
            snapshots: Mutex::default(),
            snapshot_time,
            never: channel::bounded(0),
        };
        // What is handed over waits until the service takes it.
        let (applied, apply_rx) = channel::unbounded();
        Service { server: serve(raft, apply_rx, persister, RAFT_STATE_BYTES_MAX), applied }
    }

    fn raft(&self) -> &ScriptedRaft {
        self.server.raft()
    }

    /// A leader has taken a command, as the next entry, and nobody has committed it.
    pub fn push(&self, request: &Command) -> Index {
        self.raft().push(wire::encode(&Command::from(request.clone())).into())
    }

    /// Raft hands over the command of an entry.
    pub fn commit(&self, index: Index, request: &Command) {
        let command = wire::encode(&Command::from(request.clone())).into();
        let at = LogPosition { term: TERM, index };
        self.applied.send(ApplyMsg::Command { at, command }).expect("the service goes on taking what is handed over");
    }

    /// A command is taken, as the next entry, and handed over.
    pub fn apply(&self, request: &Command) {
        self.commit(self.push(request), request);
    }

    /// Raft hands over a snapshot of a store, in the place of all entries through an index.
    pub fn install(&self, through: Index, store: &Store) {
        let snapshot = snapshot::encode(store);
        self.raft().cut(through, snapshot.clone());
        let through = LogPosition { term: TERM, index: through };
        let applied = self.applied.send(ApplyMsg::Snapshot { through, snapshot });
        applied.expect("the service goes on taking what is handed over");
    }

    /// A client asks, in a thread of its own.
    pub fn ask(&self, request: Command) -> JoinHandle<Option<Answer>> {
        let server = self.server.clone();
        thread::spawn(move || server.submit(&Command::from(request)))
    }

    /// A client asks, its command is applied, and this is what it is told. The entry is the only one
    /// that is not applied yet.
    #[track_caller]
    pub fn done(&self, request: Command) -> String {
        let asked = self.ask(request.clone());
        self.settle();
        let index = self.raft().log.lock().last;
        self.commit(index, &request);
        self.settle();
        assert!(asked.is_finished(), "{request:?} was applied, as entry {index}, but is not answered");
        match asked.join() {
            Ok(Some(Ok(value))) => value,
            other => panic!("{request:?} was applied, as entry {index}, but its answer is {other:?}"),
        }
    }

    /// Gives every thread its turn.
    pub fn settle(&self) {
        thread::sleep(TURNS);
    }

    /// How many commands the service has asked its Raft to take.
    pub fn starts(&self) -> u64 {
        self.raft().starts.load(Ordering::Relaxed)
    }

    /// The snapshots that the service has given its Raft.
    pub fn snapshots(&self) -> Vec<(Index, Bytes)> {
        self.raft().snapshots.lock().clone()
    }

    /// The size of Raft's state on disk.
    pub fn raft_state_bytes(&self) -> usize {
        self.raft().persister.raft_state_bytes()
    }
}
