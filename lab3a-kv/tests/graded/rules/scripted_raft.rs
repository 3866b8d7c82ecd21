//! The service alone, over a Raft that does as the script says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lab3a_kv::KvServer;
use labrpc::channel::{self, Receiver, Sender};
use labrpc::kv::{Answer, Command};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread::{self, JoinHandle};
use labrpc::{ApplyMsg, Bytes, Elect, Index, LogPosition, NotLeader, Replicate, Status, Term, wire};

/// Enough for a few threads to take their turns; nothing here travels.
const TURNS: Duration = Duration::from_millis(1);

/// A Raft that stands where the script puts it, takes each command while it leads, and commits nothing
/// of its own accord.
pub struct ScriptedRaft {
    status: Mutex<Status>,
    changed: Condvar,
    /// How often the service has asked where this server stands.
    looks: AtomicU64,
    last_index: AtomicU64,
    /// What else happens before `start` returns.
    during_start: Box<dyn Fn(&ScriptedRaft) + Send + Sync>,
}

impl ScriptedRaft {
    /// Stands somewhere else from now on.
    pub fn stand(&self, term: Term, is_leader: bool) {
        *self.status.lock() = Status { term, is_leader };
        self.changed.notify_all();
    }

    /// How often the service has asked where this server stands.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Elect for ScriptedRaft {
    fn status(&self) -> Status {
        self.looks.fetch_add(1, Ordering::Relaxed);
        *self.status.lock()
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let mut status = self.status.lock();
        while *status == seen {
            self.changed.wait(&mut status);
        }
        Some(*status)
    }

    fn shutdown(&self) {}
}

impl Replicate for ScriptedRaft {
    fn start(&self, _: Bytes) -> Result<LogPosition, NotLeader> {
        let Status { term, is_leader } = *self.status.lock();
        if !is_leader {
            return Err(NotLeader);
        }
        let index = self.last_index.fetch_add(1, Ordering::Relaxed) + 1;
        (self.during_start)(self);
        Ok(LogPosition { term, index })
    }
}

/// A service over a scripted Raft that leads term 1, and the script's hold on it.
pub struct Service {
    server: Arc<KvServer<ScriptedRaft>>,
    applied: Sender<ApplyMsg>,
}

impl Service {
    /// What is handed over waits until the service takes it.
    pub fn new() -> Service {
        Service::over(channel::unbounded(), |_, _| ())
    }

    /// A hand-over is done when the service has done all that was handed over before.
    pub fn in_step() -> Service {
        Service::over(channel::bounded(0), |_, _| ())
    }

    /// Something happens in each `start`, which can hand over, too.
    pub fn with(during_start: impl Fn(&ScriptedRaft, &Sender<ApplyMsg>) + Send + Sync + 'static) -> Service {
        Service::over(channel::unbounded(), during_start)
    }

    fn over(
        (applied, apply_rx): (Sender<ApplyMsg>, Receiver<ApplyMsg>),
        during_start: impl Fn(&ScriptedRaft, &Sender<ApplyMsg>) + Send + Sync + 'static,
    ) -> Service {
        let handing_over = applied.clone();
        let raft = ScriptedRaft {
            status: Mutex::new(Status { term: 1, is_leader: true }),
            changed: Condvar::new(),
            looks: AtomicU64::new(0),
            last_index: AtomicU64::new(0),
            during_start: Box::new(move |raft| during_start(raft, &handing_over)),
        };
        Service { server: KvServer::serve(raft, apply_rx), applied }
    }

    pub fn raft(&self) -> &ScriptedRaft {
        self.server.raft()
    }

    /// A client asks, in a thread of its own.
    pub fn ask(&self, request: Command) -> JoinHandle<Option<Answer>> {
        let server = self.server.clone();
        thread::spawn(move || server.submit(&Command::from(request)))
    }

    /// Raft hands over a request's command, as the entry at an index.
    pub fn commit(&self, index: Index, request: &Command) {
        self.raft().last_index.fetch_max(index, Ordering::Relaxed);
        commit(&self.applied, index, request);
    }

    /// Raft hands over a command that another server has taken, as the next entry.
    pub fn apply(&self, request: &Command) {
        self.commit(self.raft().last_index.load(Ordering::Relaxed) + 1, request);
    }

    /// A client asks, its command is applied, and this is what it is told. The entry is the only one
    /// that is not applied yet.
    #[track_caller]
    pub fn done(&self, request: Command) -> String {
        let asked = self.ask(request.clone());
        self.settle();
        self.commit(self.raft().last_index.load(Ordering::Relaxed), &request);
        self.settle();
        assert!(asked.is_finished(), "{request:?} was applied, but is not answered");
        match asked.join() {
            Ok(Some(Ok(value))) => value,
            other => panic!("{request:?} was applied, but its answer is {other:?}"),
        }
    }

    /// The server is to end.
    pub fn shut_down(&self) {
        self.server.shutdown();
    }

    /// Gives every thread its turn.
    pub fn settle(&self) {
        thread::sleep(TURNS);
    }
}

pub fn commit(applied: &Sender<ApplyMsg>, index: Index, request: &Command) {
    let command = wire::encode(&Command::from(request.clone())).into();
    let at = LogPosition { term: 1, index };
    applied.send(ApplyMsg::Command { at, command }).expect("the service goes on taking what is handed over");
}
